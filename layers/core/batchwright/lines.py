"""From blocks of bytes to lines with their places, in memory as small as the longest line."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

# Bedrock takes requests of up to 20 MB (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
LONGEST_LINE = 20_000_000
LONGEST_ROW = 1_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

type Framing = Callable[..., Iterator["Line"]]


@dataclass(frozen=True, slots=True)
class Line:
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
        return self.content is not None and not self.content.strip()


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
        *complete, last = block.split(b"\n")
        for piece in complete:
            length += len(piece) + 1
            content = bytes(rest) + piece if rest else piece
            kept = _bare(content, start) if length <= longest + 1 else None
            yield Line(number, start, start + length, kept)
            number, start, length = number + 1, start + length, 0
            rest.clear()
        length += len(last)
        if length <= longest:
            rest += last
        else:
            rest.clear()
    if length:
        kept = _bare(bytes(rest), start) if length <= longest else None
        yield Line(number, start, start + length, kept)


def rows(
    blocks: Iterable[bytes], *, number: int = 1, start: int = 0, longest: int = LONGEST_ROW
) -> Iterator[Line]:
    r"""Cut a table at line ends outside of quotes (RFC 4180); a quoted cell may hold line ends.

    >>> [row.content for row in rows([b'1,"two\nlines"\n2,"a ""b"" c"\n'])]
    [b'1,"two\nlines"', b'2,"a ""b"" c"']
    """
    held: list[bytes] = []
    first: Line | None = None
    quotes = size = 0
    for line in lines(blocks, number=number, start=start, longest=longest):
        first = first or line
        size += line.end - line.start
        if line.content is None or size > longest:
            # A quote that nobody closed must not swallow the file: this row is bad, the next line is a new row.
            yield Line(first.number, first.start, line.end, None)
            held, first, quotes, size = [], None, 0, 0
            continue
        quotes += line.content.count(b'"')
        held.append(line.content)
        if quotes % 2 == 0:
            yield Line(first.number, first.start, line.end, b"\n".join(held))
            held, first, quotes, size = [], None, 0, 0
    if first is not None:
        yield Line(first.number, first.start, first.start + size, b"\n".join(held))


def _bare(content: bytes, start: int) -> bytes:
    if start == 0:
        content = content.removeprefix(BYTE_ORDER_MARK)
    return content.removesuffix(b"\r")
