"""How a job's chunks are divided into batches that Bedrock takes."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.batches import (
    BATCH_BYTES,
    BATCH_RECORDS,
    FEWEST_RECORDS,
    Size,
    balanced,
    staged_size,
)
from batchwright.chunk import ByteRange, Chunk
from batchwright.contract import Contract
from batchwright.prompt import Prompt
from batchwright.responseformat import ResponseFormat
from batchwright.route import Route
from tests.fakes import MODEL

FEWEST, MOST, LARGEST = 3, 10, 50
chunks = st.lists(
    st.builds(Size, st.integers(1, 6), st.integers(0, LARGEST // 2)), min_size=1, max_size=9
)


def divided(sizes: list[Size]) -> list[list[Size]] | None:
    counts = balanced(sizes, fewest=FEWEST, most=MOST, largest=LARGEST)
    if counts is None:
        return None
    ends = [*accumulate(counts)]
    assert ends[-1] == len(sizes)
    return [sizes[end - count : end] for end, count in zip(ends, counts, strict=True)]


def fits(batch: list[Size]) -> bool:
    records = sum(size.records for size in batch)
    return FEWEST <= records <= MOST and sum(size.bytes for size in batch) <= LARGEST


def can_be_divided(sizes: list[Size]) -> bool:
    return not sizes or any(
        fits(sizes[:place]) and can_be_divided(sizes[place:]) for place in range(1, len(sizes) + 1)
    )


@given(sizes=chunks)
def test_every_chunk_is_in_one_batch_and_no_batch_is_too_small_or_too_large(
    sizes: list[Size],
) -> None:
    batches = divided(sizes)

    if batches is not None:
        assert [size for batch in batches for size in batch] == sizes
        assert all(fits(batch) for batch in batches)


@given(sizes=chunks)
def test_there_is_a_division_whenever_there_can_be_one(sizes: list[Size]) -> None:
    assert (divided(sizes) is not None) == can_be_divided(sizes)


@given(count=st.integers(1, 400), last=st.integers(1, 1000))
def test_ordinary_chunks_of_a_hundred_records_or_more_can_always_be_divided(
    count: int, last: int
) -> None:
    sizes = [Size(1000, 2_000_000)] * count + [Size(last, 2_000_000)]

    counts = balanced(sizes)

    assert counts is not None
    assert len(counts) == -(-(count * 1000 + last) // BATCH_RECORDS)


@pytest.mark.parametrize(
    ("records", "shares"),
    [
        ([FEWEST_RECORDS - 1], None),
        ([FEWEST_RECORDS], [1]),
        ([1000] * 50, [50]),
        ([1000] * 50 + [1], [25, 26]),
        ([1000] * 100 + [99], [50, 25, 26]),
        ([50] * 2, [2]),
    ],
)
def test_the_last_two_share_their_records(records: list[int], shares: list[int] | None) -> None:
    assert balanced([Size(each, 1) for each in records]) == shares


def test_records_that_are_too_large_for_a_hundred_in_a_batch_make_none() -> None:
    assert balanced([Size(1, BATCH_BYTES // 99)] * 200) is None


def test_what_the_contract_adds_is_staged_with_every_record() -> None:
    chunk = Chunk(
        job_id="j",
        chunk=0,
        dialect="csv",
        records=10,
        first_index=0,
        first_line=2,
        span=ByteRange(start=100, end=1100),
    )
    bare = Contract(name="c", routes=(Route(model=MODEL),))
    told = bare.model_copy(
        update={
            "prompt": Prompt(system="s" * 5000, user="{{ text }}"),
            "response": ResponseFormat(json_schema={"type": "string", "enum": ["x" * 900]}),
        }
    )

    plain, more = staged_size(chunk, bare), staged_size(chunk, told)

    assert plain.records == more.records == 10
    assert plain.bytes > 1000
    assert more.bytes - plain.bytes > 10 * (5000 + 900)
