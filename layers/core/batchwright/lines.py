"""From blocks of bytes to lines with their places, in memory as small as the longest line."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from msgspec import Struct

# Bedrock takes requests of up to 20 MB (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
LONGEST_LINE = 20_000_000
LONGEST_ROW = 1_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What stands between the cells of a table, by the name of its dialect.
SEPARATORS = {"csv": b",", "tsv": b"\t"}

type Framing = Callable[..., Iterator["Line"]]


class Line(Struct, frozen=True, gc=False):
    """One line, or one row of a table that may span several.

    ``number`` counts from 1, ``start`` and ``end`` are byte offsets in the object, line end included. ``content`` has
    no line end, and is ``None`` where the line is longer than the limit.
    """

    number: int
    start: int
    end: int
    content: bytes | None

    @property
    def blank(self) -> bool:
        """Whether nothing stands on it."""
        content = self.content
        return content is not None and (not content or content.isspace())


def lines(
    blocks: Iterable[bytes], *, number: int = 1, start: int = 0, longest: int = LONGEST_LINE
) -> Iterator[Line]:
    r"""Cut at ``\n`` and nowhere else: U+2028 inside a JSON string is no line end.

    A ``\r`` before it is dropped, and so is a byte order mark at the very start.

    >>> [line.content for line in lines([b"a\r\nb", b"c\n\n", b"d"])]
    [b'a', b'bc', b'', b'd']
    """
    rest = bytearray()
    length = 0  # of the line that is not complete yet, also when it is too long to be kept
    for block in blocks:
        pieces = block.split(b"\n")
        last = pieces.pop()
        for piece in pieces:
            size = len(piece) + 1
            if length:
                size += length
                piece = bytes(rest) + piece if size <= longest + 1 else b""  # noqa: PLW2901 - the line's beginning came before
                rest.clear()
                length = 0
            end = start + size
            yield Line(number, start, end, _bare(piece, start) if size <= longest + 1 else None)
            number, start = number + 1, end
        length += len(last)
        if length <= longest:
            rest += last
        else:
            rest.clear()
    if length:
        kept = _bare(bytes(rest), start) if length <= longest else None
        yield Line(number, start, start + length, kept)


def rows(
    blocks: Iterable[bytes],
    *,
    number: int = 1,
    start: int = 0,
    longest: int = LONGEST_ROW,
    separator: bytes = b",",
) -> Iterator[Line]:
    r"""Cut a table at line ends outside of quotes (RFC 4180); a quoted cell may hold line ends.

    A quote opens a cell only where the cell begins: the inches in ``19" rack`` open nothing.

    >>> [row.content for row in rows([b'1,"two\nlines"\n2,19" rack\n3,"a ""b"" c"\n'])]
    [b'1,"two\nlines"', b'2,19" rack', b'3,"a ""b"" c"']
    """
    whole, rest = _closed(separator)
    held: list[bytes] = []
    first: Line | None = None
    size = 0
    for line in lines(blocks, number=number, start=start, longest=longest):
        size += line.end - line.start
        content = line.content
        if content is None or size > longest:
            # A quote that nobody closed must not swallow the file: this row is bad, the next line is a new row.
            yield Line((first or line).number, (first or line).start, line.end, None)
            held, first, size = [], None, 0
        elif first is None and (b'"' not in content or whole.fullmatch(content)):
            yield line
            size = 0
        else:
            closed = first is not None and rest.fullmatch(content)
            first = first or line
            held.append(content)
            if closed:
                yield Line(first.number, first.start, line.end, b"\n".join(held))
                held, first, size = [], None, 0
    if first is not None:
        yield Line(first.number, first.start, first.start + size, b"\n".join(held))


@cache
def _closed(separator: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Return what a line fits that does not end inside quotes: one that begins outside of them, and inside."""
    quoted = rb'(?:[^"]++|"")*+"[^,]*+'
    cell = rb'(?:"' + quoted + rb'|[^",][^,]*+|)'
    more = rb"(?:," + cell + rb")*+"
    whole, rest = (form.replace(b",", separator) for form in (cell + more, quoted + more))
    return re.compile(whole), re.compile(rest)


def _bare(content: bytes, start: int) -> bytes:
    if start == 0:
        content = content.removeprefix(BYTE_ORDER_MARK)
    return content[:-1] if content.endswith(b"\r") else content
