"""Texts as filters read them: without what a reader does not see, and with one form for each letter and digit.

A zero-width space inside a card number, a right-to-left override, fullwidth digits, or a soft hyphen hide a value from
a pattern and not from a person. Folding takes them out and keeps where every character came from.
"""

import re
import unicodedata
from dataclasses import dataclass, field

# What folds: invisible and bidirectional marks, variation selectors, odd spaces and dashes, compatibility forms, and
# digits of other scripts. Texts without any of them, nearly all, are read as they stand.
_FOLDS = re.compile(
    r"[\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u2015\u2028-\u202f\u205f-\u206f\u2212"
    r"\u2024\u2044\u2215\u3000\u3164\ufe00-\ufe0f\ufe50-\ufe6f\ufeff\uff01-\uff9f\uffa0\uffe0-\uffee"
    r"\u2070-\u209c\u2100-\u214f\u2460-\u24ff\U0001d400-\U0001d7ff\U000e0000-\U000e01ef]"
    r"|(?![0-9])\d"
)
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
_UNSEEN = {"Cf", "Cc", "Zl", "Zp"}


@dataclass(slots=True)
class Text:
    """One text: as it was written, and as filters read it."""

    raw: str
    folded: str = field(init=False)
    _origins: list[int] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Fold it, if there is anything to fold."""
        self.folded = self.raw
        if not self.raw.isascii() and _FOLDS.search(self.raw):
            self._fold()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of the folded text stands in the written one, with what is invisible within."""
        if self._origins is None:
            return start, end
        last = max(end - 1, start)
        return self._origins[start], self._origins[last] + 1

    def _fold(self) -> None:
        letters: list[str] = []
        self._origins = []
        for place, letter in enumerate(self.raw):
            for each in letter if letter.isascii() else _folded(letter):
                letters.append(each)
                self._origins.append(place)
        self._origins.append(len(self.raw))
        self.folded = "".join(letters)


def _folded(letter: str) -> str:
    if not _FOLDS.match(letter):
        return letter
    if letter in _DASHES:
        return "-"
    if (
        letter in _FILLERS
        or unicodedata.category(letter) in _UNSEEN
        or "\ufe00" <= letter <= "\ufe0f"
    ):
        return "\n" if letter in "\u2028\u2029" else ""
    if (digit := unicodedata.digit(letter, None)) is not None:
        return str(digit)
    if letter.isspace():
        return " "
    return unicodedata.normalize("NFKC", letter)
