"""One stage of a contract's filters: what they find in some texts, and what becomes of these.

The order is fixed. First every local filter looks at the texts as they are; then what is to be redacted is; then, where
anything would be released, filters that ask a service look at what is left, one after the other, in the contract's
order. The strictest verdict holds. A filter that fails holds the record for review. What the schema says of an answer
comes before all of it (:mod:`batchwright.conformity`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from batchwright.errors import JobStops
from batchwright.extraction import is_json
from batchwright.filters import Filter, FilterSettings, Means, Subject
from batchwright.filters.gate import gate_of
from batchwright.finding import FAILED, Finding, Noted, Stage, Verdict, strictest
from batchwright.folding import Text
from batchwright.pace import LeftForLater
from batchwright.placeholders import Placeholders

# A redaction that JSON does not survive, as a finding of its own.
REDACTION, BROKEN = "redaction", "breaks_json"


@dataclass(slots=True, kw_only=True)
class Screened:
    """What one stage came to."""

    verdict: Verdict = Verdict.PASS
    noted: list[Noted] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """What is released instead of texts that were redacted."""

    def note(self, *noted: Noted) -> None:
        """Add findings."""
        self.noted += noted
        for verdict in {each.verdict for each in noted}:
            self.verdict = strictest(self.verdict, verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A filter in its place."""

    name: str
    filter: Filter
    verdict: Verdict
    patterns: frozenset[int]
    """Its own patterns in the gate; none where it looks at everything."""


class Screen:
    """The filters of one stage, made once a worker."""

    def __init__(
        self, stage: Stage, entries: Iterable[tuple[str, FilterSettings]], means: Means
    ) -> None:
        """Load what the filters need; ``entries`` are their names and settings, in the contract's order."""
        self._stage = stage
        patterns: list[str] = []
        self._local: list[_Placed] = []
        self._remote: list[_Placed] = []
        for name, settings in entries:
            made = settings.filter(means)
            first = len(patterns)
            patterns += made.gate
            placed = _Placed(
                name=name,
                filter=made,
                verdict=settings.verdict,
                patterns=frozenset(range(first, len(patterns))),
            )
            (self._remote if settings.remote else self._local).append(placed)
        self._gate = gate_of(patterns)

    async def look(
        self, subject: Subject, placeholders: Placeholders, screened: Screened | None = None
    ) -> Screened:
        """Look at texts; ``screened`` is what is known of them already.

        Raises :class:`JobStops` and :class:`LeftForLater` from filters that make calls.
        """
        screened = screened or Screened()
        hit = {pattern for text in subject.texts for pattern in self._gate(text.folded)}
        for placed in self._local:
            if not placed.patterns or placed.patterns & hit:
                await self._look(placed, subject, screened)
        left = self._redact(subject, screened, placeholders)
        for placed in self._remote:
            if screened.verdict.withholds:
                break
            before = len(screened.noted)
            await self._look(placed, left, screened)
            if len(screened.noted) > before:
                left = self._redact(left, screened, placeholders, since=before)
        for text, now in zip(subject.texts, left.texts, strict=True):
            if now.raw != text.raw:
                screened.texts[text.raw] = now.raw
        return screened

    async def _look(self, placed: _Placed, subject: Subject, screened: Screened) -> None:
        try:
            told = await placed.filter.look(subject)
            findings = [_as_written(found, subject.texts) for found in told]
        except (JobStops, LeftForLater):
            raise
        except Exception:  # noqa: BLE001 - whatever befell it, nobody knows what it would have found
            findings, verdict = [Finding(kind=FAILED)], Verdict.REVIEW
        else:
            verdict = placed.verdict
        screened.note(*[self._noted(placed.name, found, verdict) for found in findings])

    def _noted(self, name: str, found: Finding, verdict: Verdict) -> Noted:
        if verdict is Verdict.REDACT and found.start is None:
            verdict = Verdict.REVIEW  # what has no place cannot be taken out
        return Noted(stage=self._stage, filter=name, finding=found, verdict=verdict)

    def _redact(
        self, subject: Subject, screened: Screened, placeholders: Placeholders, since: int = 0
    ) -> Subject:
        if screened.verdict.withholds or len(screened.noted) == since:
            return subject
        found: dict[int, list[Finding]] = {}
        for each in screened.noted[since:]:
            if each.verdict is Verdict.REDACT:
                found.setdefault(each.finding.part, []).append(each.finding)
        texts = list(subject.texts)
        for part in sorted(found):  # placeholders are numbered in the order of the texts
            raw = texts[part].raw
            texts[part] = Text(self._redacted(raw, found[part], screened, placeholders))
        return replace(subject, texts=texts)

    def _redacted(
        self, text: str, found: list[Finding], screened: Screened, placeholders: Placeholders
    ) -> str:
        redacted = placeholders.redacted(text, found)
        if not is_json(text) or is_json(redacted):
            return redacted
        redacted = placeholders.redacted(text, found, quoted=True)
        if not is_json(redacted):
            broken = Finding(kind=BROKEN)
            screened.note(self._noted(REDACTION, broken, Verdict.REVIEW))
        return redacted


def _as_written(found: Finding, texts: Sequence[Text]) -> Finding:
    """Return a finding with its place in the text as it is written."""
    text = texts[found.part]
    if found.start is None or found.end is None:
        return found._replace(start=None, end=None)
    if not 0 <= found.start < found.end <= len(text.folded):
        raise ValueError("there is no such place")
    start, end = text.span(found.start, found.end)
    return (
        found if start == found.start and end == found.end else found._replace(start=start, end=end)
    )
