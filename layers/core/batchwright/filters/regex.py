"""A contract's own patterns, in RE2's language: linear in the text, whatever the pattern."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means
from batchwright.filters.pieces import compiled, matches
from batchwright.finding import Finding

KIND = r"^[a-z][a-z0-9_]{0,31}$"
LARGEST_PROGRAM = 1 << 20


class RegexSettings(FilterSettings):
    """Patterns by the kind of what they find (github.com/google/re2/wiki/Syntax)."""

    patterns: Annotated[
        dict[Annotated[str, Field(pattern=KIND)], Annotated[str, Field(min_length=1)]],
        Field(min_length=1, max_length=100),
    ]

    @field_validator("patterns")
    @classmethod
    def _readable(cls, patterns: dict[str, str]) -> dict[str, str]:
        for kind, pattern in patterns.items():
            if fault := fault_of(pattern):
                raise ValueError(f"{kind}: {fault}")
        return patterns

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Regex(self.patterns)


class Regex(LocalFilter):
    """Finds what matches; what matches nothing at all is no finding."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        """Compile the patterns, which are readable."""
        self.gate = tuple(patterns.values())
        self._patterns = [(kind, compiled(pattern)) for kind, pattern in patterns.items()]

    def find(self, text: str, part: int) -> list[Finding]:
        """Return what matches in one text."""
        return [
            Finding(kind=kind, part=part, start=start, end=end)
            for kind, pattern in self._patterns
            for start, end in matches(pattern, text)
        ]


def fault_of(pattern: str) -> str | None:
    """Return why RE2 does not take a pattern, ``None`` where it does."""
    import re2  # noqa: PLC0415

    options = re2.Options()
    options.log_errors = False
    options.max_mem = LARGEST_PROGRAM
    try:
        found = re2.compile(pattern, options=options)
    except re2.error as fault:
        told = str(fault.args[0].decode() if isinstance(fault.args[0], bytes) else fault)
        return f"{told}; RE2 takes no look-around and no back-reference, and no pattern that grows large"
    if found.fullmatch(""):
        return "it matches a text without a single letter, and so everywhere"
    return None
