"""Answers in which a model goes round and round."""

import zlib
from collections import Counter
from typing import Annotated

from pydantic import Field

from batchwright.filters.filter import Filter, FilterSettings, LocalFilter, Means, ThenWhole
from batchwright.finding import Finding

STRETCH = 2_000
# Where half of the words are different, nothing stands there four times; scripts without spaces have few words.
FEW_WORDS, HALF = 20, 0.5
# Prose compresses to about a half, tables to a third; only what goes below is counted.
COMPRESSES = 0.35
RUN = 12
# Where so few of all runs of twelve characters are different, what there is stands there four times.
DIFFERENT = 0.25
# So many times as many runs as may be different are looked at first.
BEGINNING = 1.3
# So many times a long line stands there, and with its like makes up half of the text.
LINE, TIMES = 40, 4


class RepetitionSettings(FilterSettings):
    """From which length on a text is looked at."""

    then: ThenWhole = "review"
    min_chars: Annotated[int, Field(ge=100)] = 200

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Repetition(self.min_chars)


class Repetition(LocalFilter):
    """Finds ``loop``: a stretch in which little stands many times, or lines that make up half of a text."""

    def __init__(self, min_chars: int) -> None:
        """Keep the bound."""
        self._least = min_chars

    def find(self, text: str, part: int) -> list[Finding]:
        """Return every stretch that goes round."""
        if len(text) < self._least:
            return []
        spans: list[tuple[int, int]] = []
        for place in range(0, len(text), STRETCH):
            end = min(place + STRETCH, len(text))
            start = min(
                place, end - self._least
            )  # a short rest is looked at with what is before it
            if _goes_round(text[start:end]):
                joins = spans and spans[-1][1] >= start
                spans[-1:] = [(spans[-1][0], end)] if joins else [*spans[-1:], (start, end)]
        if not spans and _same_lines(text):
            spans = [(0, len(text))]
        return [Finding(kind="loop", part=part, start=start, end=end) for start, end in spans]


def _goes_round(stretch: str) -> bool:
    words = stretch.split()
    if len(words) >= FEW_WORDS and len(set(words)) > HALF * len(words):
        return False
    runs = len(stretch) - RUN + 1
    few = DIFFERENT * runs
    # Where too many of the first runs are different, too many of all are: most texts that are no loop need not be
    # compressed, nor all of their runs be cut.
    if _different(stretch, int(few * BEGINNING)) > few:
        return False
    written = stretch.encode("utf-8", "surrogatepass")
    if len(zlib.compress(written, 1)) > COMPRESSES * len(written):
        return False
    return _different(stretch, runs) <= few


def _different(stretch: str, runs: int) -> int:
    """Return how many of so many runs, from the first on, are different."""
    return len({stretch[place : place + RUN] for place in range(runs)})


def _same_lines(text: str) -> bool:
    """Whether a few long lines, too far apart for a stretch, make up half of a text."""
    if len(text) < LINE * TIMES:
        return False
    long = [line for line in text.split("\n") if len(line) >= LINE]
    if len(set(long)) == len(long):
        return False
    lines = Counter(long)
    again = sum(len(line) * times for line, times in lines.items() if times >= TIMES)
    return again >= HALF * len(text)
