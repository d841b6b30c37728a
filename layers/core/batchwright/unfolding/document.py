"""Text and Markdown, cut as they stream by into pieces that a model reads in one go: one line of JSON each."""

import codecs
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

import orjson

from batchwright.contract import Contract
from batchwright.document import COLUMNS, Document
from batchwright.errors import Refused
from batchwright.lines import BYTE_ORDER_MARK
from batchwright.request import BYTES_PER_TOKEN

SUFFIXES = (".md", ".markdown", ".txt")
# A file that is asked whole is held whole.
LARGEST_WHOLE = 10_000_000
# What of the text behind a place must be known to say whether a heading begins there.
HEADING_SIGNS = 8
# Where a piece ends best, in this order: behind what is matched. Full-width scripts end their sentences, too.
ENDS = (
    (re.compile(rb"\n(?=#{1,6}[ \t])"), HEADING_SIGNS),
    (re.compile(rb"\n(?:[ \t\r]*\n)+"), 0),
    (re.compile(rb"[.!?][\"')\]*_]*\s+|\xe3\x80\x82|\xef\xbc[\x81\x9f]"), 0),
    (re.compile(rb"\s+"), 0),
)
CONTINUED = range(0x80, 0xC0)
"""The bytes of UTF-8 with which no character begins."""
WORD = re.compile(rb"\s(?=\S)")


class Piece(NamedTuple):
    """A part of a text: its bytes, how many of them the piece before has already, and the line on which it begins."""

    text: bytes
    repeated: int
    first_line: int


def is_document(name: str, contract: Contract) -> bool:
    """Whether a file is a document, so far as its name and the contract tell: the content cannot.

    Every file is under a contract that speaks of documents; text and Markdown are under one whose prompt names nothing
    but what documents have.
    """
    if contract.document is not None or contract.prompt is None:
        return contract.document is not None
    from batchwright.dialects.rows import Rows, templates_of  # noqa: PLC0415 - jinja2 costs a cold start

    named = Rows(*templates_of(contract)).wanted
    return name.lower().endswith(SUFFIXES) and named <= COLUMNS


def pieces(blocks: Iterable[bytes], name: str, terms: Document) -> Iterator[bytes]:
    """Yield a document's pieces as lines, those left out that say nothing; a single one has the document's name as id.

    Raises :class:`Refused`: ``unsupported_encoding`` with the line that is not UTF-8, ``too_large`` for a file that
    nobody asked to be cut.
    """
    texts = texts_of(blocks)
    found = _whole(texts) if terms.tokens is None else cut(texts, terms.tokens, terms.overlap)
    said = (piece for piece in found if not piece.text.isspace())
    first = [*islice(said, 2)]
    for part, piece in enumerate(chain(first, said), start=1):
        record_id = name if len(first) == 1 else f"{name}#{part}"
        yield _line(record_id, name, part, piece)


def texts_of(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a file's text in blocks that end between characters, without a byte order mark.

    Raises :class:`Refused` where it is not UTF-8, or has NUL, which no text has.
    """
    rest, line, start = b"", 1, True
    for block in blocks:
        held = rest + block
        size = _checked(held, line)
        text, rest = held[:size], held[size:]
        line += text.count(b"\n")
        if start and text:
            text, start = text.removeprefix(BYTE_ORDER_MARK), False
        yield text
    if rest:
        raise _not_text(line)


def cut(texts: Iterable[bytes], tokens: int, overlap: int) -> Iterator[Piece]:
    """Yield pieces of at most so many tokens, each but the first with the end of the one before at its beginning."""
    limit = tokens * BYTES_PER_TOKEN
    held, start, repeated, line = b"", 0, 0, 1
    for text, ahead in chain(((text, HEADING_SIGNS) for text in texts), [(b"", 0)]):
        held, start = held[start:] + text, 0
        while len(held) - start > limit + ahead:
            end = _end(held, start, limit)
            yield Piece(held[start:end], repeated, line)
            again = _begin(held, end, overlap * BYTES_PER_TOKEN)
            line += held.count(b"\n", start, again)
            start, repeated = again, end - again
    if len(held) - start > repeated:
        yield Piece(held[start:], repeated, line)


def _end(held: bytes, start: int, limit: int) -> int:
    """Return where a piece ends best: in its second half, and at a character's end at worst."""
    least, most = start + limit // 2 + 1, start + limit
    for pattern, ahead in ENDS:
        matches = pattern.finditer(held, least - 1, most + ahead)
        ends = (match.end() for match in matches if least <= match.end() <= most)
        if last := deque(ends, maxlen=1):
            return last[0]
    while held[most] in CONTINUED:
        most -= 1
    return most


def _begin(held: bytes, end: int, overlap: int) -> int:
    """Return where the piece after one that ends at ``end`` begins: at a word, or a character where no words are."""
    begin = end - overlap
    if not overlap:
        return end
    if word := WORD.search(held, begin - 1, end):
        return word.end()
    while begin < end and held[begin] in CONTINUED:
        begin += 1
    return begin


def _checked(held: bytes, line: int) -> int:
    """Return the bytes of the characters that are whole."""
    nul = held.find(b"\x00")
    try:
        size = codecs.utf_8_decode(held, "strict", False)[1]
    except UnicodeDecodeError as fault:
        raise _not_text(line + held.count(b"\n", 0, fault.start)) from None
    if nul >= 0:
        raise _not_text(line + held.count(b"\n", 0, nul))
    return size


def _not_text(line: int) -> Refused:
    return Refused(
        "unsupported_encoding",
        f"line {line} is not text in UTF-8; save the file as UTF-8",
        line=line,
    )


def _whole(texts: Iterable[bytes]) -> Iterator[Piece]:
    held = bytearray()
    for text in texts:
        held += text
        if len(held) > LARGEST_WHOLE:
            raise Refused(
                "too_large",
                f"a document is asked whole up to {LARGEST_WHOLE:,} bytes:"
                " say document.tokens in the contract, and it is cut",
            )
    if held:
        yield Piece(bytes(held), 0, 1)


def _line(record_id: str, name: str, part: int, piece: Piece) -> bytes:
    fields = {
        "id": record_id,
        "name": name,
        "part": part,
        "text": piece.text.decode(),
        "first_line": piece.first_line,
    }
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
