"""What every recogniser of personal data is: a text in, places out."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

# Every letter as a small one, and a blank for all else.
_LETTERS = bytes.maketrans(
    bytes(range(128)),
    bytes(ord(chr(code).lower()) if chr(code).isalpha() else 32 for code in range(128)),
)
_SHAPES = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_",
    b"9" * 10 + b"A" * 52 + b".",
)


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

    @cached_property
    def words(self) -> str | None:
        """Its letters, all of them small ones, with blanks for everything else; ``None`` where not all is ASCII."""
        return self.ascii.translate(_LETTERS).decode("ascii") if self.text.isascii() else None

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
