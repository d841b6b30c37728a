"""Answers in which the model declined to do what it was asked."""

from typing import Any, ClassVar

from batchwright.filters.declining import APOLOGIES, DECLINES, MACHINES
from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means, ThenWhole
from batchwright.finding import Finding, Stage

# How sure each kind of words makes, at the beginning of an answer.
WEIGHTS = (0.9, 0.45, 0.3)
# What stands further on counts less, and least where the answer goes on for long after all.
BEGINNING, NEAR, SHORT = 250, 800, 1_500
LATER, LATE, LONG = 0.6, 0.25, 0.8
SURE = 0.5


class RefusalSettings(FilterSettings):
    """Nothing but what follows."""

    stages: ClassVar[frozenset[Stage]] = frozenset({Stage.OUTPUT})
    then: ThenWhole = "review"

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Refusal()


class Refusal(LocalFilter):
    """Finds ``refusal``: of what is said most often when a model declines, enough, and early enough."""

    gate = (DECLINES, MACHINES)  # an apology alone is none

    def __init__(self) -> None:
        """Compile the patterns."""
        import re2  # noqa: PLC0415 - it costs a cold start, and only filters need it

        self._signs: list[tuple[Any, float]] = [
            (re2.compile(pattern), weight)
            for pattern, weight in zip((DECLINES, MACHINES, APOLOGIES), WEIGHTS, strict=True)
        ]

    def find(self, text: str, part: int) -> list[Finding]:
        """Return one finding at most, where the surest sign stands."""
        signs = [
            (weight * _at(found.start(), len(text)), found.span())
            for pattern, weight in self._signs
            if (found := pattern.search(text))
        ]
        doubt = 1.0
        for sure, _ in signs:
            doubt *= 1 - sure
        if 1 - doubt < SURE:
            return []
        _, (start, end) = max(signs)
        return [
            Finding(kind="refusal", part=part, start=start, end=end, confidence=round(1 - doubt, 2))
        ]


def _at(place: int, length: int) -> float:
    """Return what is left of a sign's weight, so far from the beginning of a text so long."""
    near = 1.0 if place < BEGINNING else LATER if place < NEAR else LATE
    return near * (1.0 if length < SHORT else LONG)
