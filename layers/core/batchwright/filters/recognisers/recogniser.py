"""What every recogniser of personal data is: a text in, places out."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

# How far from a value its word may stand, before it and behind it.
_BEFORE, _BEHIND = 60, 30
_SHAPES = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_",
    b"9" * 10 + b"A" * 52 + b".",
)

type Beside = Callable[["Reading", int, int], bool]
"""Whether a word that tells what a value is stands near its place."""


class Place(NamedTuple):
    """Where something is, what it is, and how sure that is."""

    start: int
    end: int
    kind: str
    confidence: float


class Reading:
    """A text as recognisers read it: as letters, as bytes of the same length, and as a shape."""

    def __init__(self, text: str) -> None:
        """``text`` is folded."""
        self.text = text
        self.places: list[Place] = []
        """What earlier recognisers found."""

    @cached_property
    def ascii(self) -> bytes:
        """A byte a letter; what is not ASCII is a question mark. So places in both are the same."""
        return self.text.encode("ascii", "replace")

    @cached_property
    def shape(self) -> bytes:
        """The same with ``9`` for every digit and ``A`` for every letter, of which the underscore is none."""
        return self.ascii.translate(_SHAPES)

    @property
    def rest(self) -> bytes:
        """The shape without what was found already."""
        if not self.places:
            return self.shape
        rest = bytearray(self.shape)
        for start, end, _, _ in self.places:
            rest[start:end] = b"*" * (end - start)
        return bytes(rest)


class Recogniser(Protocol):
    """Finds values of some kinds, in time proportional to a text's length."""

    @property
    def gate(self) -> Sequence[str]:
        """RE2 patterns, one of which occurs in every text that holds such a value."""
        ...

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield where they are."""
        ...


def beside(*words: str) -> Beside:
    """Return what tells whether one of some words, or of their plurals, stands near a place, in any case.

    >>> near = beside("social security", "ssn")
    >>> near(Reading("employee_SSN: 078051120"), 14, 23), near(Reading("classname 078051120"), 10, 19)
    (True, False)
    """
    spelt = "|".join(r"[\W_]{0,3}".join(map(re.escape, word.casefold().split())) for word in words)
    pattern = re.compile(rf"(?<![a-z])(?:{spelt})s?(?![a-z])")

    def near(reading: Reading, start: int, end: int) -> bool:
        window = f"{reading.text[max(0, start - _BEFORE) : start]} {reading.text[end : end + _BEHIND]}"
        return pattern.search(window.casefold()) is not None

    return near
