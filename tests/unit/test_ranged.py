import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.unfolding.ranged import AHEAD, RangedFile


def ranged(content: bytes, asked: list[tuple[int, int]]) -> RangedFile:
    def read(start: int, end: int) -> bytes:
        asked.append((start, end))
        return content[start:end]

    return RangedFile(len(content), read)


@given(
    content=st.binary(max_size=60),
    moves=st.lists(
        st.tuples(st.integers(0, 80), st.sampled_from(range(3)), st.integers(-1, 40)), max_size=8
    ),
)
def test_it_reads_as_the_whole_file_would(
    content: bytes, moves: list[tuple[int, int, int]]
) -> None:
    asked: list[tuple[int, int]] = []
    whole, parts = io.BytesIO(content), ranged(content, asked)

    for offset, whence, size in moves:
        assert parts.seek(offset, whence) == whole.seek(offset, whence)
        assert parts.read(size) == whole.read(size)
        assert parts.tell() == whole.tell()
    assert all(0 <= start < end <= len(content) for start, end in asked)


def test_nothing_is_fetched_twice_where_a_reader_goes_on() -> None:
    asked: list[tuple[int, int]] = []
    content = bytes(range(256)) * (AHEAD // 100)
    file = ranged(content, asked)

    pieces = iter(lambda: file.read(300_000), b"")

    assert b"".join(pieces) == content
    assert sum(end - start for start, end in asked) == len(content)
    assert max(end - start for start, end in asked) <= AHEAD


def test_a_jump_reads_little_more_than_what_is_asked_for() -> None:
    asked: list[tuple[int, int]] = []
    file = ranged(bytes(10 * AHEAD), asked)

    file.seek(-8, io.SEEK_END)
    file.read(8)
    file.seek(AHEAD * 3)
    file.read(8)

    assert sum(end - start for start, end in asked) < 100_000


def test_a_place_before_the_beginning_is_none() -> None:
    with pytest.raises(ValueError, match="beginning"):
        ranged(b"abc", []).seek(-4, io.SEEK_END)
