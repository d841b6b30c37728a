"""Quotations that must occur in what was asked: a groundedness check that needs no model."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from batchwright.extraction import is_json
from batchwright.filters.filter import Filter, FilterSettings, Means, Subject
from batchwright.finding import Finding, Stage
from batchwright.folding import Text

type Style = Literal["block", "corner", "curly", "guillemets", "straight"]

# A quotation ends within so many characters, or it is none: a mark that nobody closed.
LONGEST = 5_000
# An answer that quotes more is not looked at in full, and says so.
MOST_QUOTES = 1_000

# So many characters of the request are read for all quotations of an answer together, about half a second's worth:
# what is quoted piece by piece out of a long request would cost minutes.
MOST_READ = 500_000_000

# By style, and what is quoted as the first group; begun with their marks, which a search finds quickly. They are
# compiled with the filter, since every contract imports this.
_STYLES = {
    "block": r"((?:^[ \t]*>[^\n]*(?:\n|\Z))+)",
    "corner": rf"[「『]([^「」『』]{{1,{LONGEST}}})[」』]",
    "curly": rf"[“„]([^“”„]{{1,{LONGEST}}})[”“]",
    "guillemets": rf"[«»]([^«»]{{1,{LONGEST}}})[«»]",
    "straight": rf'"(?<![\w"]")([^"\n]{{1,{LONGEST}}})"(?![\w"])',
}
# One of these is in every text with quotations of a style.
_MARKS = {"block": ">", "corner": "「『", "curly": "“„", "guillemets": "«»", "straight": '"'}
# In a JSON text a straight mark is JSON's own; the model's are escaped.
_ESCAPED = rf'\\"([^"\\\n]{{1,{LONGEST}}})\\"'
# A letter of a script without spaces is a word.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_WORD = rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+"
# What stands for words that were left out, or put in.
_GAP = r"…|\.\.\.|\[[^\]\n]{0,80}\]"
_FENCE = "```"


class CitationsSettings(FilterSettings):
    """From how many words on what stands in which marks is a quotation."""

    stages: ClassVar[frozenset[Stage]] = frozenset({Stage.OUTPUT})
    min_words: Annotated[int, Field(ge=1, le=100)] = 4
    styles: Annotated[tuple[Style, ...], Field(min_length=1)] = (
        "block",
        "corner",
        "curly",
        "guillemets",
        "straight",
    )

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Citations(self)


class Citations:
    """Finds ``not_in_input``: a quotation whose words do not stand in the request one after the other."""

    gate: ClassVar[tuple[str, ...]] = (r'["“„«»「『]|(?m:^[ \t]*>)',)

    def __init__(self, settings: CitationsSettings) -> None:
        """Keep what is a quotation."""
        self._least = settings.min_words
        self._styles = {
            style: re.compile(_STYLES[style], re.MULTILINE) for style in settings.styles
        }

    async def look(self, subject: Subject) -> list[Finding]:
        """Return the quotations that are none; ``too_many`` where there are more than are looked at."""
        quotes = [
            (part, start, end, pieces)
            for part, text in enumerate(subject.texts)
            for start, end in self._quotes(text.folded)
            if (pieces := self._pieces(text.folded[start:end]))
        ]
        if not quotes:
            return []
        known = _Occurring("\n".join(_words(Text(text).folded) for text in subject.asked()))
        findings = [
            Finding(kind="not_in_input", part=part, start=start, end=end)
            for part, start, end, pieces in quotes[:MOST_QUOTES]
            if not all(piece in known for piece in pieces)
        ]
        if len(quotes) > MOST_QUOTES or known.exhausted:
            findings.append(Finding(kind="too_many"))
        return findings

    def _quotes(self, text: str) -> Iterator[tuple[int, int]]:
        prose, json = _without_code(text), is_json(text)
        for style, marks in self._styles.items():
            if not any(mark in prose for mark in _MARKS[style]):
                continue
            pattern = re.compile(_ESCAPED) if json and style == "straight" else marks
            yield from (found.span(1) for found in pattern.finditer(prose))

    def _pieces(self, quote: str) -> list[str]:
        """Return the words of a quotation, cut where some are left out; nothing where they are too few."""
        pieces = [words for piece in re.split(_GAP, quote) if len(words := _words(piece)) > 1]
        return pieces if sum(piece.count(" ") - 1 for piece in pieces) >= self._least else []


class _Occurring:
    """The words that occur in a text; where that was asked too often, all are said to."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._room = MOST_READ
        self._known: dict[str, bool] = {}
        self.exhausted = False

    def __contains__(self, words: str) -> bool:
        if words not in self._known:
            self._room -= len(self._text)
            self.exhausted = self._room < 0
            self._known[words] = self.exhausted or words in self._text
        return self._known[words]


def _without_code(text: str) -> str:
    """Return a text as long, without what stands in fences: marks in code are no quotation's."""
    pieces = text.split(_FENCE)
    blank = len(_FENCE) * " "
    return blank.join(
        piece if place % 2 == 0 else " " * len(piece) for place, piece in enumerate(pieces)
    )


def _words(text: str) -> str:
    """Return the words of a text alone, between spaces, whatever stands between them and however they are cased."""
    words = re.findall(_WORD, text.casefold())
    return f" {' '.join(words)} "
