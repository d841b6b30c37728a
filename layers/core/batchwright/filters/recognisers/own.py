"""Recognisers that a contract brings."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator

from batchwright.filters.pieces import compiled, matches
from batchwright.filters.recognisers.checksums import luhn, mod97
from batchwright.filters.recognisers.recogniser import Place, Reading
from batchwright.filters.recognisers.words import Words
from batchwright.written import Written

OWN_KIND = r"^[a-z][a-z0-9_]{0,39}$"


class OwnRecogniser(Written):
    """One kind of value: a pattern, and what else must be true of what it matches."""

    name: Annotated[str, Field(pattern=OWN_KIND)]
    pattern: Annotated[str, Field(min_length=1, max_length=1000)]
    context: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    """One of these words stands near it; without any, none needs to."""
    checksum: Literal["luhn", "mod97", "none"] = "none"
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.8

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        import re2  # noqa: PLC0415 - only contracts with recognisers of their own need it

        try:
            found = compiled(pattern)
        except re2.error as fault:
            raise ValueError(
                "this is no pattern of RE2, which has no look-around and no back-references"
            ) from fault
        if found.fullmatch(""):
            raise ValueError("this matches where nothing is: say what must be there")
        return pattern

    @field_validator("context")
    @classmethod
    def _spelt(cls, context: tuple[str, ...]) -> tuple[str, ...]:
        if not all(any(map(str.isalpha, word)) for word in context):
            raise ValueError("a word has letters")
        return tuple(word.strip() for word in context)


class Own:
    """Finds what a contract's own recogniser describes."""

    def __init__(self, told: OwnRecogniser) -> None:
        """Compile its pattern."""
        self.gate = (told.pattern,)
        self._told = told
        self._pattern = compiled(told.pattern)
        self._words = Words({told.name: told.context})

    def find(self, reading: Reading) -> Iterator[Place]:
        """Yield what matches, checks, and stands where it must."""
        told = self._told
        for start, end in matches(self._pattern, reading.text):
            if not _checks(told.checksum, reading.text[start:end]):
                continue
            if not told.context or self._words.near(reading, start, end):
                yield Place(start, end, told.name, told.confidence)


def _checks(checksum: str, written: str) -> bool:
    if checksum == "none":
        return True
    value = "".join(letter for letter in written if letter.isascii() and letter.isalnum()).upper()
    if checksum == "luhn":
        digits = "".join(filter(str.isdigit, value))
        return len(digits) > 1 and luhn(digits)
    return len(value) > 4 and mod97(value[4:] + value[:4])  # noqa: PLR2004 - country and check digits
