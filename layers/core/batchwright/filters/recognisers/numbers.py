"""Numbers that are told by their shape: groups of digits and letters, and what checks them."""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from batchwright.filters.recognisers.recogniser import Place, Reading
from batchwright.filters.recognisers.words import Words

# So sure is what is next to never something else, even in a row of numbers.
SURE = 0.95
_MARKS = re.compile(r"[^0-9A-Za-z]")
# A number that is followed by these goes on.
_GOES_ON = frozenset((b".9", b"-9"))
_NO_WORDS: frozenset[str] = frozenset()
# Under this key a tree of shapes says that one ends there.
_END = ""
_LETTER = {"9": "[0-9]", "A": "[A-Za-z]"}


type _Tree = dict[str, "_Tree"]


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
        """Compile all their shapes into one pattern."""
        # What may be so written: kinds with a shape of their own, and those that need a word.
        kinds: dict[str, tuple[list[Number], list[Number]]] = {}
        for number in numbers:
            for shapes, among in ((number.shapes, 0), (number.plain, 1)):
                for shape in shapes:
                    kinds.setdefault(shape, ([], []))[among].append(number)
        self._words = Words({number.kind: number.words for number in numbers})
        written = {shape: _Written(shape, *kinds[shape]) for shape in kinds}
        # What a longer one begins with is tried where the longer one is none.
        self._tries = {
            shape.encode(): [written[begun] for begun in _beginnings(shape, kinds)]
            for shape in kinds
        }
        self._first = {shape.encode(): _first_group(shape) for shape in kinds}
        self._search = re.compile(longest_of(kinds).encode()).search
        self.gate = [_gate_of([*kinds])]

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield every number that holds; the longest where several begin at one place."""
        shape, at = reading.rest, 0
        while found := self._search(shape, at):
            start, which = found.start(), found.group()
            place = self._longest(reading, start, which)
            if place:
                yield place
            at = place.end if place else start + self._first[which]

    def _longest(self, reading: Reading, start: int, shape: bytes) -> Place | None:
        if not _stands_alone(reading, start):
            return None
        for written in self._tries[shape]:
            if place := self._judged(reading, start, start + written.length, written):
                return place
        return None

    def _judged(self, reading: Reading, start: int, end: int, written: "_Written") -> Place | None:
        if reading.shape[end : end + 2] in _GOES_ON:
            return None
        lined_up = written.spaced and _lined_up(reading, start, end)
        numbers = written.numbers
        near = _NO_WORDS
        if written.plain or lined_up:
            near = self._words.near(reading, start, end)
            numbers = written.among(near, lined_up=lined_up)
        if not numbers:
            return None
        best = _best(numbers, near, written.bare(reading.text[start:end]))
        return Place(start, end, best.kind, best.confidence) if best else None


def _best(numbers: Sequence[Number], near: frozenset[str], bare: str) -> Number | None:
    """Return what a value is: of several, what stands near, and what is surest."""
    value = bare.upper()
    holding = [each for each in numbers if not (each.upper and bare != value) and each.holds(value)]
    if len(holding) > 1:
        return max(holding, key=lambda each: (each.kind in near, each.confidence))
    return holding[0] if holding else None


class _Written:
    """One way to write a number, and the kinds that are so written."""

    __slots__ = ("_marks", "length", "numbers", "plain", "spaced")

    def __init__(self, shape: str, numbers: list[Number], plain: list[Number]) -> None:
        self.numbers = numbers
        self.plain = plain
        self.length = len(shape)
        self.spaced = " " in shape
        # An underscore has the shape of a point.
        self._marks = {*_MARKS.findall(shape), *("_" if "." in shape else "")}

    def among(self, near: frozenset[str], *, lined_up: bool) -> list[Number]:
        """Return the kinds that count where the words of some stand ``near``."""
        numbers = [each for each in self.numbers if not lined_up or each.confidence >= SURE]
        if near:
            numbers += [each for each in (*self.numbers, *self.plain) if each.kind in near]
        return numbers

    def bare(self, number: str) -> str:
        """Return a number's letters and digits."""
        for mark in self._marks:
            number = number.replace(mark, "")
        return number


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


def _beginnings(shape: str, known: Container[str]) -> list[str]:
    """Return the shapes that a shape begins with, itself first.

    >>> _beginnings("999 99 9999", {"999 99", "999 99 9999", "999 9"})
    ['999 99 9999', '999 99']
    """
    ends = [
        end
        for end in range(len(shape), 0, -1)
        if shape[end - 1].isalnum() and not shape[end : end + 1].isalnum()
    ]
    return [shape[:end] for end in ends if shape[:end] in known]


def _first_group(shape: str) -> int:
    found = re.match(r"\w+", shape)
    assert found is not None  # noqa: S101 - a shape begins with a digit or a letter
    return found.end()


def longest_of(shapes: Iterable[str]) -> str:
    r"""Return a pattern for the longest of some shapes that stands as a word.

    As a tree, in which the longer one is tried first: so a text is looked through once, however many there are.

    >>> longest_of(["99", "99-A"])
    '9(?<=\\b9)(?:9(?:\\-(?:A(?:\\b))|\\b))'
    """
    tree: _Tree = {}
    for shape in shapes:
        branch = tree
        for letter in shape:
            branch = branch.setdefault(letter, {})
        branch[_END] = {}
    # Begun with a letter, and not with \b, the pattern lets the search skip what no shape begins with.
    return "|".join(
        rf"{letter}(?<=\b{letter}){_branch_of(rest)}" for letter, rest in sorted(tree.items())
    )


def _branch_of(tree: "_Tree") -> str:
    longer = [
        re.escape(letter) + _branch_of(rest) for letter, rest in sorted(tree.items()) if letter
    ]
    return f"(?:{'|'.join([*longer, *([r'\b'] if _END in tree else [])])})"


def _gate_of(shapes: Sequence[str]) -> str:
    """Return a pattern for what has one of these shapes."""
    return "|".join(
        "".join(_LETTER.get(letter, re.escape(letter)) for letter in shape)
        for shape in sorted(shapes)
    )
