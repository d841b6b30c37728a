"""What filters found in a text, and what that means for it. Neither ever holds the text itself."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Stage(StrEnum):
    """What a filter looks at: what a model is asked, or what it answered."""

    INPUT = "input"
    OUTPUT = "output"


class Verdict(StrEnum):
    """What becomes of a text; the further down, the stricter."""

    PASS = "pass"  # noqa: S105 - no password
    REDACT = "redact"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def strictness(self) -> int:
        """Its place in the order; the strictest of several verdicts holds."""
        return STRICTNESS[self]

    @property
    def withholds(self) -> bool:
        """Whether nothing of the text is released."""
        return self in WITHHOLDING


STRICTNESS = {verdict: place for place, verdict in enumerate(Verdict)}
WITHHOLDING = (Verdict.REVIEW, Verdict.BLOCK)
# A filter that raised, hung, or could not be asked: what it would have found is not known.
FAILED = "filter_failed"


def strictest(first: Verdict, second: Verdict) -> Verdict:
    """Return which of two verdicts holds.

    >>> strictest(Verdict.REDACT, Verdict.PASS).value
    'redact'
    """
    return first if first.strictness >= second.strictness else second


class Finding(NamedTuple):
    """One thing that a filter found: of which kind, where, how sure. Where it is the whole, there is no place.

    A tuple, since a text may hold a hundred: a frozen dataclass takes three times as long to make.
    """

    kind: str
    """A word in lower case, as ``email``: it becomes part of metrics and placeholders."""
    part: int = 0
    """Which of the texts that were looked at, from 0."""
    start: int | None = None
    """Its first character, from 0: of the folded text as a filter tells it, of the text as written in outcomes."""
    end: int | None = None
    """The first character behind it."""
    confidence: float = 1.0
    """From 0 to 1."""


class Noted(NamedTuple):
    """A finding as outcomes tell it: with who found it, and what the contract says to it."""

    stage: Stage
    filter: str
    finding: Finding
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Return it as a line of ``outcomes.jsonl`` holds it."""
        found = self.finding
        return {
            "stage": self.stage.value,
            "filter": self.filter,
            "kind": found.kind,
            "part": found.part,
            "start": found.start,
            "end": found.end,
            "confidence": found.confidence,
            "verdict": self.verdict.value,
        }


@dataclass(slots=True, kw_only=True)
class Notes:
    """Everything that was found for one record, and the strictest verdict."""

    verdict: Verdict | None = None
    """``None`` where nothing was looked at."""
    noted: list[Noted] = field(default_factory=list)

    def add(self, verdict: Verdict, noted: list[Noted]) -> None:
        """Add what one stage found."""
        self.verdict = verdict if self.verdict is None else strictest(self.verdict, verdict)
        self.noted += noted

    @property
    def withheld_for(self) -> str:
        """Name the filters and kinds that withhold the record: ``pii (email), terms (term)``."""
        kinds: dict[str, set[str]] = {}
        for each in self.noted:
            if each.verdict.withholds:
                kinds.setdefault(each.filter, set()).add(each.finding.kind)
        return ", ".join(f"{name} ({', '.join(sorted(found))})" for name, found in kinds.items())
