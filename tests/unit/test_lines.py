import csv
import io
import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.lines import Line, lines, rows

ENDS = st.sampled_from(["\n", "\r\n"])


def blocks_of(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))),
    end=ENDS,
    final=st.booleans(),
    size=st.integers(1, 40),
)
def test_every_line_is_found_once_whatever_the_blocks(
    texts: list[str], end: str, final: bool, size: int
) -> None:
    content = end.join(texts).encode() + (end.encode() if final and texts else b"")

    found = list(lines(blocks_of(content, size)))

    wanted = [text.encode() for text in texts]
    if wanted and not final and not wanted[-1]:
        wanted.pop()  # nothing follows the last line end
    if wanted:
        wanted[0] = wanted[0].removeprefix("\ufeff".encode())
    assert [line.content for line in found] == wanted
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert [line.start for line in found] == [0, *(line.end for line in found)][: len(found)]
    assert not found or found[-1].end == len(content)


@given(
    table=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00")),
            min_size=2,
            max_size=2,
        ),
        min_size=1,
    ),
    size=st.integers(1, 30),
)
def test_every_row_of_a_table_is_found_once_with_line_ends_inside_its_quotes(
    table: list[list[str]], size: int
) -> None:
    content = "".join(
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in table
    ).encode()

    found = list(rows(blocks_of(content, size)))

    cells = [next(csv.reader([(row.content or b"").decode()], strict=True)) for row in found]
    assert cells == table
    assert [row.start for row in found] == [0, *(row.end for row in found)][: len(found)]
    assert found[-1].end == len(content)


@given(
    table=st.lists(
        st.lists(
            st.tuples(st.booleans(), st.text(st.sampled_from('ab"\n ,\t'), max_size=6)),
            min_size=1,
            max_size=3,
        ),
        min_size=1,
    ),
    separator=st.sampled_from(",\t"),
    size=st.integers(1, 30),
)
def test_quotes_inside_plain_cells_open_nothing_as_in_the_csv_module(
    table: list[list[tuple[bool, str]]], separator: str, size: int
) -> None:
    def cell(quoted: bool, text: str) -> str:
        plain = text.replace("\n", "").replace(separator, "").lstrip('"') or "-"
        return '"' + text.replace('"', '""') + '"' if quoted else plain

    def read(source: Iterable[str]) -> list[list[str]]:
        return list(csv.reader(source, delimiter=separator, strict=True))

    content = "".join(separator.join(cell(*each) for each in row) + "\n" for row in table)

    found = list(rows(blocks_of(content.encode(), size), separator=separator.encode()))

    cells = [read([(row.content or b"").decode()])[0] for row in found]
    assert cells == read(io.StringIO(content, newline=""))


def test_a_line_separator_inside_a_json_string_is_no_line_end() -> None:
    content = json.dumps({"text": "one\u2028two\u0085three"}, ensure_ascii=False).encode() + b"\n"

    assert len(list(lines([content]))) == 1


def test_a_byte_order_mark_goes_only_at_the_very_start() -> None:
    mark = b"\xef\xbb\xbf"

    found = [line.content for line in lines([mark + b"a\n" + mark + b"b\n"])]

    assert found == [b"a", mark + b"b"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_line_over_the_limit_is_dropped_and_the_next_one_is_read(size: int) -> None:
    content = b"short\n" + b"x" * 50 + b"\nnext\n" + b"y" * 50

    found = list(lines(blocks_of(content, size), longest=10))

    assert [line.content for line in found] == [b"short", None, b"next", None]
    assert [line.number for line in found] == [1, 2, 3, 4]
    assert found[2] == Line(3, 57, 62, b"next")


def test_a_line_as_long_as_the_limit_is_kept() -> None:
    assert [line.content for line in lines([b"0123456789\n"], longest=10)] == [b"0123456789"]


def test_a_quote_that_is_never_closed_does_not_swallow_a_long_file() -> None:
    content = b'1,"open\n' + b"2,fine\n" * 10 + b"3,last\n"

    found = list(rows([content], longest=30))

    assert found[0].content is None
    assert found[-1].content == b"3,last"


def test_a_line_that_never_closes_its_quotes_is_looked_at_once() -> None:
    content = b'"' + b'a"",' * 200_000 + b"\n"

    (found,) = rows([content])

    assert found.content == content.rstrip()
