"""Words that tell what a number beside them is: ``SSN``, ``Steuer-ID``."""

import re
from collections.abc import Iterable, Mapping

from batchwright.filters.recognisers.recogniser import Reading

# How far from a value its word may stand, before it and behind it.
BEFORE, BEHIND = 50, 25
_LETTERS = re.compile(r"[^\W\d_]+")
# From here on letters of scripts that put no blanks between words.
_NO_BLANKS = "\u2e80"


class Words:
    """Tells whose words stand near a place, in any case, and as plurals too.

    >>> words = Words({"ssn": ["social security", "ssn"], "uk_nhs": ["NHS"]})
    >>> [words.near(Reading(text), 16, 25) for text in ("employee_SSNs:  078051120", "classnames:     078051120")]
    [frozenset({'ssn'}), frozenset()]
    """

    def __init__(self, words: Mapping[str, Iterable[str]]) -> None:
        """``words`` are the words of every kind."""
        self._following: dict[str, list[tuple[list[str], str]]] = {}
        self._within: list[tuple[str, str]] = []
        for kind, told in words.items():
            for word in told:
                if word[0] >= _NO_BLANKS:
                    self._within.append((word, kind))
                    continue
                parts = _LETTERS.findall(word.casefold())
                for first, *rest in (parts, [*parts[:-1], parts[-1] + "s"], ["".join(parts)]):
                    self._following.setdefault(first, []).append((rest, kind))
        self._firsts = frozenset(self._following)

    def near(self, reading: Reading, start: int, end: int) -> frozenset[str]:
        """Return the kinds of which a word stands near a place."""
        first, last = max(0, start - BEFORE), end + BEHIND
        if (words := reading.words) is not None:
            return self._near(f"{words[first:start]} {words[end:last]}".split(), "")
        text = reading.text
        around = f"{text[first:start]} {text[end:last]}".casefold()
        return self._near(_LETTERS.findall(around), around)

    def _near(self, found: list[str], around: str) -> frozenset[str]:
        near: set[str] = set()
        if not self._firsts.isdisjoint(found):
            for at, word in enumerate(found, 1):
                for rest, kind in self._following.get(word, ()):
                    if found[at : at + len(rest)] == rest:
                        near.add(kind)
        if self._within and not around.isascii():
            near.update(kind for word, kind in self._within if word in around)
        return frozenset(near)
