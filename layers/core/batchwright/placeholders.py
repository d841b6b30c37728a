"""What stands where something was redacted: ``[EMAIL_1]``, the same for the same value within a record."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from batchwright.finding import Finding
from batchwright.folding import Text

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_GAPS = re.compile(r"[\s().+/_-]+")


@dataclass(slots=True)
class Placeholders:
    """The placeholders of one record, over what is asked and what is answered."""

    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    """By kind, and by what two spellings of a value have in common."""

    def redacted(self, text: str, findings: Iterable[Finding], *, quoted: bool = False) -> str:
        """Return a text with placeholders for what was found in it; findings that overlap become one.

        ``quoted`` puts those that stand outside a JSON string into quotation marks: there was a number.
        """
        outside = _outside_strings(text) if quoted else None
        pieces: list[str] = []
        last = 0
        for start, end, kind in _apart(findings):
            placeholder = self._placeholder(kind, Text(text[start:end]).folded)
            bare = outside is not None and outside(start)
            pieces += text[last:start], f'"{placeholder}"' if bare else placeholder
            last = end
        return "".join((*pieces, text[last:]))

    def _placeholder(self, kind: str, value: str) -> str:
        numbers = self.numbers.setdefault(kind, {})
        number = numbers.setdefault(_known_as(value), len(numbers) + 1)
        return f"[{kind.upper()}_{number}]"


def _apart(findings: Iterable[Finding]) -> list[tuple[int, int, str]]:
    """Return spans in order, none of which touches another; the longest of some that overlap gives the kind."""
    spans: list[tuple[int, int, str, int]] = []
    for found in sorted(findings, key=lambda each: (each.start or 0, -(each.end or 0))):
        assert found.start is not None  # noqa: S101 - only what has a place is redacted
        assert found.end is not None  # noqa: S101
        length = found.end - found.start
        if spans and found.start < spans[-1][1]:
            start, end, kind, longest = spans[-1]
            kind, longest = (found.kind, length) if length > longest else (kind, longest)
            spans[-1] = start, max(end, found.end), kind, longest
        else:
            spans.append((found.start, found.end, found.kind, length))
    return [(start, end, kind) for start, end, kind, _ in spans]


def _known_as(value: str) -> str:
    """Return what two spellings of one value have in common."""
    bare = _GAPS.sub("", value)
    return bare if bare.isdigit() else " ".join(value.casefold().split())


def _outside_strings(written: str) -> Callable[[int], bool]:
    """Return what tells whether a place in a JSON text lies in none of its strings."""
    spans = [each.span() for each in _STRING.finditer(written)]

    def outside(place: int) -> bool:
        before = bisect_left(spans, (place,)) - 1
        return before < 0 or place >= spans[before][1]

    return outside
