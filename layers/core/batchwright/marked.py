"""A text in pieces as a reviewer sees it: what filters found is marked, and no character is invisible."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

from batchwright.filters import FilterEntry
from batchwright.finding import Stage, Verdict

# Characters of these categories show nothing, or change how others are shown: bidirectional marks, tags, escapes.
UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))
LAYOUT = frozenset("\n\t")
# Filters that ask a service look at what is left when local ones have redacted: their places are in that text.
REMOTE = frozenset(
    field.alias or name
    for name, field in FilterEntry.model_fields.items()
    if get_args(field.annotation)[0].remote
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text."""

    text: str
    """For an unseen character its name, as ``U+202E``."""
    kinds: tuple[str, ...] = ()
    """What was found here."""
    unseen: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return {"text": self.text, "kinds": self.kinds, "unseen": self.unseen}


def marked(text: str, places: Iterable[tuple[int, int, str]] = ()) -> list[Piece]:
    r"""Cut a text where something was found; ``places`` are start, end and kind, and may overlap.

    >>> [(piece.text, piece.kinds) for piece in marked("to a@b.c", [(3, 8, "email")])]
    [('to ', ()), ('a@b.c', ('email',))]
    >>> marked("a\u202eb")[1].text
    'U+202E'
    """
    within = [place for place in places if 0 <= place[0] < place[1] <= len(text)]
    edges = sorted({0, len(text), *(edge for start, end, _ in within for edge in (start, end))})
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        kinds = tuple(sorted({kind for first, last, kind in within if first <= start < last}))
        pieces += _seen(text, start, end, kinds)
    return pieces


def places_of(held: dict[str, Any], stage: Stage, part: int) -> list[tuple[int, int, str]]:
    """Return what was found in one text of a held record, where the place is one of the text that is kept.

    What a stage redacted went on redacted: then a finding of its has no place in what is kept.
    """
    found = [each for each in held["findings"] if (each["stage"], each["part"]) == (stage, part)]
    redacted = any(each["verdict"] == Verdict.REDACT for each in found)
    if redacted and stage != held["stage"]:
        return []
    return [
        (each["start"], each["end"], each["kind"])
        for each in found
        if each["start"] is not None and not (redacted and each["filter"] in REMOTE)
    ]


def shown(held: dict[str, Any]) -> dict[str, list[list[Piece]]]:
    """Return the texts of a held record in pieces: what was asked, and what was answered."""
    texts: dict[str, tuple[Stage, Sequence[str]]] = {
        "asked": (Stage.INPUT, held["asked"]),
        "answered": (Stage.OUTPUT, held["answered"]),
    }
    return {
        name: [marked(text, places_of(held, stage, part)) for part, text in enumerate(parts)]
        for name, (stage, parts) in texts.items()
    }


def visible(text: str) -> str:
    """Return a text on one line in which every character is seen: for ids and names that came from outside."""
    return "".join(_name(each) if _unseen(each) or each in LAYOUT else each for each in text)


def _seen(text: str, start: int, end: int, kinds: tuple[str, ...]) -> Iterable[Piece]:
    begun = start
    for place in range(start, end):
        if _unseen(text[place]) and text[place : place + 2] != "\r\n":
            if begun < place:
                yield Piece(text[begun:place], kinds)
            yield Piece(_name(text[place]), kinds, unseen=True)
            begun = place + 1
    if begun < end:
        yield Piece(text[begun:end], kinds)


def _unseen(character: str) -> bool:
    return character not in LAYOUT and unicodedata.category(character) in UNSEEN


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
