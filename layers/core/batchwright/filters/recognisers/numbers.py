"""Numbers that are told by their shape: groups of digits and letters, and what checks them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from batchwright.filters.recognisers.recogniser import Place, Reading
from batchwright.filters.recognisers.words import Words

# So sure is what is next to never something else, even in a row of numbers.
SURE = 0.95
_MARKS = re.compile(r"[^0-9A-Za-z]")
_LETTER = {"9": "[0-9]", "A": "[A-Za-z]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One kind of number: how it is written, and whether one that is so written is one."""

    kind: str
    holds: Callable[[str], bool]
    """Looks at its digits and letters, in upper case, without what stands between them."""
    shapes: Sequence[str] = ()
    """Ways to write it that nothing else has: ``9`` is a digit, ``A`` a letter, all else is itself."""
    plain: Sequence[str] = ()
    """Ways to write it that other numbers have, too: one of its words must stand near."""
    words: Sequence[str] = ()
    """Of several kinds that a value could be, it is the one whose word stands near."""
    confidence: float = 0.85
    """That a value which holds is one."""
    upper: bool = False
    """Whether its letters are never small ones."""


class Numbers:
    """Finds numbers of several kinds by one walk over a text's shape."""

    def __init__(self, numbers: Sequence[Number]) -> None:
        """Compile all their shapes into one pattern, which a text of any length is looked through once with."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        # What may be so written: kinds with a shape of their own, and those that need a word.
        self._kinds: dict[bytes, tuple[list[Number], list[Number]]] = {}
        for number in numbers:
            for shapes, among in ((number.shapes, 0), (number.plain, 1)):
                for shape in shapes:
                    self._kinds.setdefault(shape.encode(), ([], []))[among].append(number)
        self._words = Words({number.kind: number.words for number in numbers})
        shapes = [shape.decode() for shape in self._kinds]
        # What a longer one begins with is tried where the longer one is none.
        self._tries = {shape.encode(): _beginnings(shape, self._kinds) for shape in shapes}
        self._first = {shape.encode(): _first_group(shape) for shape in shapes}
        self._pattern: Any = _longest(re2, rf"\b(?:{'|'.join(map(re.escape, shapes))})\b")
        self.gate = [_written(shapes)]

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield every number that holds; the longest where several begin at one place."""
        shape, at = reading.rest, 0
        while at >= 0:
            begun, at = at, -1
            for found in self._pattern.finditer(shape, begun):
                place = self._longest(reading, found.start(), found.group())
                if place:
                    yield place
                if not place or place.end < found.end():
                    at = place.end if place else found.start() + self._first[found.group()]
                    break

    def _longest(self, reading: Reading, start: int, shape: bytes) -> Place | None:
        if not _stands_alone(reading, start):
            return None
        for tried in self._tries[shape]:
            if place := self._judged(reading, start, start + len(tried), tried):
                return place
        return None

    def _judged(self, reading: Reading, start: int, end: int, shape: bytes) -> Place | None:
        if _goes_on(reading, end):
            return None
        numbers, plain = self._kinds[shape]
        near = frozenset[str]()
        lined_up = b" " in shape and _lined_up(reading, start, end)
        if plain or lined_up:
            near = self._words.near(reading, start, end)
            numbers = [
                *(each for each in numbers if not lined_up or each.confidence >= SURE),
                *(each for each in (*numbers, *plain) if each.kind in near),
            ]
        if not numbers:
            return None
        bare = _MARKS.sub("", reading.text[start:end])
        value = bare.upper()
        best = None
        for number in numbers:
            if (number.upper and bare != value) or not number.holds(value):
                continue
            if best is None or (number.kind in near, number.confidence) > (
                best.kind in near,
                best.confidence,
            ):
                best = number
        return None if best is None else Place(start, end, best.kind, best.confidence)


def _stands_alone(reading: Reading, start: int) -> bool:
    """Whether a number begins here: not a number's fraction, a price, or what a phone number goes on with."""
    if start == 0:
        return True
    before = reading.text[start - 1]
    if before in ".-":
        return not reading.text[max(0, start - 2)].isdigit()
    return before not in "+$€£"


def _lined_up(reading: Reading, start: int, end: int) -> bool:
    """Whether it stands among other numbers, of which its groups may be some."""
    shape = reading.shape
    return shape[max(0, start - 2) : start] == b"9 " or shape[end : end + 2] == b" 9"


def _goes_on(reading: Reading, end: int) -> bool:
    behind = reading.shape[end : end + 2]
    return behind in (b".9", b"-9")


def _beginnings(shape: str, known: dict[bytes, Any]) -> list[bytes]:
    """Return the shapes that a shape begins with, itself first.

    >>> _beginnings("999 99 9999", {b"999 99": 1, b"999 99 9999": 1, b"999 9": 1})
    [b'999 99 9999', b'999 99']
    """
    ends = [
        end
        for end in range(len(shape), 0, -1)
        if shape[end - 1].isalnum() and not shape[end : end + 1].isalnum()
    ]
    return [shape[:end].encode() for end in ends if shape[:end].encode() in known]


def _first_group(shape: str) -> int:
    found = re.match(r"\w+", shape)
    assert found is not None  # noqa: S101 - a shape begins with a digit or a letter
    return found.end()


def _longest(re2: Any, pattern: str) -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.longest_match = True
    return re2.compile(pattern.encode(), options)


def _written(shapes: Sequence[str]) -> str:
    """Return a pattern for what has one of these shapes."""
    return "|".join(
        "".join(_LETTER.get(letter, re.escape(letter)) for letter in shape)
        for shape in sorted(shapes)
    )
