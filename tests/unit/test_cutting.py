from hypothesis import given
from hypothesis import strategies as st

from batchwright.chunk import Chunk
from batchwright.cutting import HEAVIEST_CHUNK, LARGEST_CHUNK, Cut, Cutter, Mark

ALIKE = {"job_id": "j", "dialect": "openai_chat"}


def marks_of(weights: list[int], size: int = 10) -> list[Mark]:
    return [
        Mark(n * size, (n + 1) * size, n + 1, weight, n * 5) for n, weight in enumerate(weights)
    ]


def cut_up(
    marks: list[Mark], most_records: int, alone: frozenset[int] = frozenset()
) -> list[Chunk]:
    cutter = Cutter(Cut(), most_records, ALIKE)
    chunks: list[Chunk] = []
    for number, mark in enumerate(marks):
        if number in alone:
            chunks += cutter.alone(mark, (number + 1) * 5)
        elif ready := cutter.add(mark):
            chunks.append(ready)
    return chunks + cutter.finish(len(marks) * 5)


@given(
    weights=st.lists(st.integers(0, HEAVIEST_CHUNK), min_size=1, max_size=60),
    most_records=st.integers(1, 9),
    alone=st.frozensets(st.integers(0, 59), max_size=4),
)
def test_every_record_and_every_problem_is_in_one_chunk_and_in_order(
    weights: list[int], most_records: int, alone: frozenset[int]
) -> None:
    chunks = cut_up(marks_of(weights), most_records, alone)

    assert [chunk.chunk for chunk in chunks] == list(range(len(chunks)))
    assert [index for chunk in chunks for index in chunk.indexes] == list(range(len(weights)))
    assert [chunk.first_line for chunk in chunks] == [chunk.first_index + 1 for chunk in chunks]
    assert all(chunk.records <= most_records for chunk in chunks)
    told = [chunk.problems for chunk in chunks]
    assert [(span.start, span.end) for span in told if span] == [
        (chunk.first_index * 5, (chunk.first_index + chunk.records) * 5) for chunk in chunks
    ]
    for chunk in chunks:
        if chunk.first_index in alone:
            assert (chunk.records, chunk.span.end - chunk.span.start) == (1, 0)
        else:
            assert chunk.span.start == chunk.first_index * 10
            assert chunk.span.end == (chunk.first_index + chunk.records) * 10


def test_heavy_records_make_a_chunk_of_fewer() -> None:
    half = HEAVIEST_CHUNK // 2

    chunks = cut_up(marks_of([1000] * 100 + [half] * 6), 100)

    assert [chunk.records for chunk in chunks] == [100, 2, 2, 2]


def test_a_chunk_never_holds_more_bytes_than_a_worker_takes() -> None:
    size = LARGEST_CHUNK // 3

    chunks = cut_up(marks_of([1] * 10, size), 1000)

    assert max(chunk.span.end - chunk.span.start for chunk in chunks) <= LARGEST_CHUNK
    assert sum(chunk.records for chunk in chunks) == 10


def test_the_last_two_chunks_are_about_equally_heavy() -> None:
    weights = [100] * 10 + [900, 100, 100, 100, 100]

    chunks = cut_up(marks_of(weights), 10)

    heavy = [sum(weights[index] for index in chunk.indexes) for chunk in chunks]
    assert len(heavy) == 2
    assert abs(heavy[0] - heavy[1]) <= 900


def test_cutting_goes_on_from_where_it_was_put_down() -> None:
    marks = marks_of([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5])
    whole = cut_up(marks, 4)
    for stop in range(len(marks)):
        cut, chunks = Cut(), list[Chunk]()
        for mark in marks[:stop]:
            if ready := Cutter(cut, 4, ALIKE).add(mark):
                chunks.append(ready)
        cutter = Cutter(cut, 4, ALIKE)
        chunks += [ready for mark in marks[stop:] if (ready := cutter.add(mark))]
        assert chunks + cutter.finish(55) == whole
