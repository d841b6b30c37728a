"""Keys, tokens and passwords: the usual providers' formats, and what a name like ``password`` gives a random value."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from batchwright.filters.credentials import CREDENTIALS, Credential
from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means, Then
from batchwright.filters.gate import gate_of
from batchwright.finding import Finding

# What is shown in place of a key is none.
_STANDS_FOR_ONE = re.compile(
    r"example|sample|your|my[-_]|dummy|fake|placeholder|redacted|change.?me|insert|todo|none|null|undefined"
    r"|x{4}|\*{3}|\.{3}|_{4}|-{4}|0{6}|1234567|abcdef",
    re.IGNORECASE,
)
# A name in a program is none either: settings.API_KEY2, get_token(), /run/secrets/db, ${TOKEN}, %(key)s, #/a/b.
_REFERS_TO_ONE = re.compile(
    r"[$%/#@~]|[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)+$|https?:|arn:|env[.:[]|[a-z]+(?:[-_][a-z]+)*$",
)
_HEX = re.compile(r"[0-9a-fA-F-]+$")
# Bits a character: a value of eight different characters has 3, English words of that length rarely more than 2.5.
LEAST_ENTROPY = 2.5
LEAST_ENTROPY_OF_LONG = 3.5
LONG = 32


class SecretsSettings(FilterSettings):
    """Which keys, tokens and passwords are looked for: all that are known, and what is exempt."""

    then: Then = "block"
    allow: tuple[str, ...] = ()
    """Values that are no finding, as documented test keys."""

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Secrets(self.allow)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A format, ready to be looked for."""

    credential: Credential
    found_in: Callable[[str], Iterator[Any]]
    group: int
    """Which group of the pattern is the secret; 0 is the whole."""


class Secrets(LocalFilter):
    """Finds secrets; the kind tells whose."""

    def __init__(self, allow: Sequence[str] = ()) -> None:
        """Compile the formats."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        self._allow = frozenset(allow)
        self._formats = []
        for each in CREDENTIALS:
            pattern = re2.compile(each.pattern)
            group = pattern.groupindex.get("secret", 0)
            self._formats.append(_Compiled(each, pattern.finditer, group))
        self.gate = tuple(
            each.gate or "|".join(map(re2.escape, each.needs)) for each in CREDENTIALS
        )
        self._hits = gate_of(self.gate)

    def find(self, text: str, part: int) -> list[Finding]:
        """Return the secrets of a text; of several formats that overlap, the first of the table."""
        found = []
        for rank in self._hits(text):
            each = self._formats[rank]
            for match in each.found_in(text):
                start, end = match.span(each.group)
                if self._is_one(text[start:end], each.credential):
                    found.append((start, end, rank))
        return [
            Finding(kind=kind.kind, part=part, start=start, end=end, confidence=kind.confidence)
            for start, end, rank in _apart(found)
            for kind in (self._formats[rank].credential,)
        ]

    def _is_one(self, value: str, credential: Credential) -> bool:
        if value in self._allow or value.endswith("EXAMPLE"):
            return False
        if credential.kind == "url_password":
            return not _STANDS_FOR_ONE.search(value) and not _REFERS_TO_ONE.match(value)
        return not credential.loose or looks_random(value)


def looks_random(value: str) -> bool:
    """Whether a value looks drawn by chance: no word, no name in a program, nothing that stands for a secret.

    >>> looks_random("tr0ub4dor&3"), looks_random("correct"), looks_random("settings.API_KEY")
    (True, False, False)
    """
    value = value.rstrip(".!?:")
    if _STANDS_FOR_ONE.search(value) or _REFERS_TO_ONE.match(value):
        return False
    kinds = [any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit)]
    symbols = any(not letter.isalnum() for letter in value)
    if not any(kinds[:2]) or not (kinds[2] or (symbols and all(kinds[:2]))):
        return False
    if len(value) >= LONG:
        return bool(_HEX.match(value)) or entropy(value) >= LEAST_ENTROPY_OF_LONG
    return entropy(value) >= LEAST_ENTROPY


def entropy(value: str) -> float:
    """Return Shannon's entropy of a value's characters, in bits a character.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values()) + 0.0


def _apart(found: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield spans in order, those that overlap as one with the lowest rank among them."""
    found.sort()
    waiting = None
    for start, end, rank in found:
        if waiting and start < waiting[1]:
            waiting = waiting[0], max(end, waiting[1]), min(rank, waiting[2])
            continue
        if waiting:
            yield waiting
        waiting = start, end, rank
    if waiting:
        yield waiting
