"""Texts cut for services that look at so much at once: at the ends of sentences, with where each piece was cut out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchwright.finding import Finding
from batchwright.folding import Text

# Where no sentence ends, pieces overlap, so that nothing is hidden by being cut in two.
OVERLAP = 100
_ENDS = re.compile(r"[.!?\u3002\uff01\uff1f][\"')\]\u201d\u2019]*(?=\s)|[\n\u3002\uff01\uff1f]")
_GAPS = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text."""

    part: int
    """Which text it was cut out of."""
    start: int
    """Its first character there."""
    text: str

    def found(
        self, kind: str, start: int = 0, end: int | None = None, *, confidence: float = 1.0
    ) -> Finding:
        """Return a finding at a place in the piece, or of the whole of it; raises :class:`ValueError`."""
        end = len(self.text) if end is None else end
        if not 0 <= start < end <= len(self.text):
            raise ValueError("there is no such place")
        return Finding(
            kind=kind,
            part=self.part,
            start=self.start + start,
            end=self.start + end,
            confidence=confidence,
        )


def segments(texts: Sequence[Text], most: int, *, in_bytes: bool = False) -> Iterator[Segment]:
    """Yield the texts in pieces of so many characters at most, or bytes of UTF-8; empty ones are left out.

    >>> [each.text for each in segments([Text("One two. Three."), Text(" ")], 10)]
    ['One two.', ' Three.']
    """
    for part, text in enumerate(texts):
        written = text.folded
        start = 0
        while start < len(written):
            end = _end(written, start, most, in_bytes=in_bytes)
            cut, following = (end, end) if end == len(written) else _cut(written, start, end)
            if written[start:cut].strip():
                yield Segment(part, start, written[start:cut])
            start = following


def packed(pieces: Iterator[Segment], most: int) -> Iterator[list[Segment]]:
    """Yield pieces together, as many as have so many characters at most."""
    pack: list[Segment] = []
    length = 0
    for piece in pieces:
        if pack and length + len(piece.text) > most:
            yield pack
            pack, length = [], 0
        pack.append(piece)
        length += len(piece.text)
    if pack:
        yield pack


def _end(text: str, start: int, most: int, *, in_bytes: bool) -> int:
    """Return how far a piece can reach."""
    end = min(start + most, len(text))
    if in_bytes and not text.isascii():
        whole = text[start:end].encode()
        return start + len(whole[:most].decode(errors="ignore"))
    return end


def _cut(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where to cut, in the second half of what fits, and where the next piece begins."""
    middle = start + (end - start) // 2
    if (cut := _last(_ENDS, text, middle, end)) is not None:
        return cut, cut
    cut = _last(_GAPS, text, middle, end) or end
    return cut, max(cut - OVERLAP, middle, start + 1)


def _last(ends: re.Pattern[str], text: str, middle: int, end: int) -> int | None:
    return max((found.end() for found in ends.finditer(text, middle, end)), default=None)
