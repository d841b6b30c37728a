"""Bedrock Guardrails: a guardrail of the account looks at the texts."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from batchwright.filters.filter import Filter, Means, RemoteSettings, Subject
from batchwright.filters.segments import Segment, packed, segments
from batchwright.filters.services import Guardrails, Json
from batchwright.finding import Finding, Stage
from batchwright.route import GUARDRAIL

# A call takes 25 text units of 1,000 characters; with grounding, of the answer five
# (docs.aws.amazon.com/bedrock/latest/userguide/guardrails-contextual-grounding-check.html).
MOST_CHARS = 25_000
MOST_GROUNDED, MOST_QUERY, MOST_SOURCE = 5_000, 1_000, 100_000
SECONDS = 20.0
# How sure "LOW" is, nobody says; the order is what counts.
CONFIDENCE = {"NONE": 0.0, "LOW": 0.3, "MEDIUM": 0.6, "HIGH": 0.9}
# What a guardrail does to what it finds. What it only detects is a finding, too: what follows, the contract says.
ACTED = {"BLOCKED", "ANONYMIZED"}
INTERVENED = "GUARDRAIL_INTERVENED"
LONGEST_KIND = 48


class GuardrailSettings(RemoteSettings):
    """Which guardrail, in which version, and whether it compares answers with what was asked."""

    id: Annotated[str, Field(pattern=GUARDRAIL)]
    version: Annotated[int, Field(ge=1, le=99_999_999)]
    grounding: bool = False

    @field_validator("version", mode="before")
    @classmethod
    def _is_pinned(cls, version: Any) -> Any:
        if isinstance(version, str) and not (version.isascii() and version.isdigit()):
            raise ValueError(
                "the number of a version is wanted, as 3: a draft may change under a job"
            )
        return version

    def filter(self, means: Means) -> Filter:
        """Return the filter."""
        return Guardrail(self, means)


class Guardrail:
    """Finds what a guardrail does: topics, content, words, personal data, and what is not grounded."""

    gate: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: GuardrailSettings, means: Means) -> None:
        """Without the service, every look fails."""
        self._settings = settings
        self._service = means.guardrails
        self._queue = means.queue("ApplyGuardrail")

    async def look(self, subject: Subject) -> list[Finding]:
        """Apply the guardrail to all texts, a few thousand characters at a time."""
        assert self._service is not None, "there are no guardrails here"  # noqa: S101
        grounded = self._settings.grounding and subject.stage is Stage.OUTPUT
        most = MOST_GROUNDED if grounded else MOST_CHARS
        beside = _compared_with(subject.asked()) if grounded else []
        found: dict[Finding, None] = {}
        for pack in packed(segments(subject.texts, most), most):
            told = await self._applied(self._service, subject.stage, pack, beside)
            found |= dict.fromkeys(told)
        return [*found]

    async def _applied(
        self, service: Guardrails, stage: Stage, pack: list[Segment], beside: list[Json]
    ) -> list[Finding]:
        guarded = [{"text": {"text": piece.text, **_guarded(beside)}} for piece in pack]

        async def call() -> list[Finding]:
            settings = self._settings
            answer = await service.apply(settings.id, settings.version, stage, [*beside, *guarded])
            return findings_of(answer, pack)

        return await self._queue.ask(call, timeout=SECONDS)


def _guarded(beside: list[Json]) -> dict[str, Any]:
    return {"qualifiers": ["guard_content"]} if beside else {}


def _compared_with(asked: Sequence[str]) -> list[Json]:
    """Return what an answer is compared with: all that was asked is its source, and the end of it the question."""
    source = "\n\n".join(asked)
    if not source.strip() or len(source) > MOST_SOURCE:
        raise ValueError("there is no source, or one that is longer than a guardrail reads")
    return [
        {"text": {"text": source, "qualifiers": ["grounding_source"]}},
        {"text": {"text": asked[-1][-MOST_QUERY:], "qualifiers": ["query"]}},
    ]


def findings_of(answer: Json, pack: Sequence[Segment]) -> list[Finding]:
    """Read what a guardrail has found in some pieces, each thing once.

    What it intervened for without saying anything that is known here is a finding, too.
    """
    found = dict.fromkeys(
        each for assessed in answer["assessments"] for each in _assessed(assessed, pack)
    )
    if not found and answer["action"] == INTERVENED:
        return [Finding(kind="guardrail", part=pack[0].part)]
    return [*found]


def _assessed(assessed: Json, pack: Sequence[Segment]) -> Iterator[Finding]:
    part = pack[0].part
    for topic in _detected(assessed, "topicPolicy", "topics"):
        yield Finding(kind=_kind(f"topic_{topic['name']}"), part=part)
    for content in _detected(assessed, "contentPolicy", "filters"):
        confidence = CONFIDENCE.get(content["confidence"], 1.0)
        yield Finding(kind=_kind(content["type"]), part=part, confidence=confidence)
    for word in _detected(assessed, "wordPolicy", "customWords"):
        yield from _places("word", word["match"], pack)
    for word in _detected(assessed, "wordPolicy", "managedWordLists"):
        yield from _places(_kind(word["type"]), word["match"], pack)
    for entity in _detected(assessed, "sensitiveInformationPolicy", "piiEntities"):
        yield from _places(_kind(entity["type"]), entity["match"], pack)
    for pattern in _detected(assessed, "sensitiveInformationPolicy", "regexes"):
        yield from _places(_kind(pattern.get("name") or "regex"), pattern.get("match"), pack)
    for grounds in _detected(assessed, "contextualGroundingPolicy", "filters"):
        # A low score is what is found.
        yield Finding(kind=_kind(grounds["type"]), part=part, confidence=1 - grounds["score"])


def _detected(assessed: Json, policy: str, things: str) -> Iterator[Json]:
    for thing in assessed.get(policy, {}).get(things, ()):
        if thing["action"] in ACTED or thing.get("detected"):
            yield thing


def _places(kind: str, match: str | None, pack: Sequence[Segment]) -> Iterator[Finding]:
    """Yield every place where a match stands; it is told as one without a place where it stands nowhere."""
    nowhere = True
    if match:
        for piece in pack:
            for place in re.finditer(re.escape(match), piece.text, re.IGNORECASE):
                nowhere = False
                yield piece.found(kind, place.start(), place.end())
    if nowhere:
        yield Finding(kind=kind, part=pack[0].part)


def _kind(named: str) -> str:
    """Return a name of the service, or of the guardrail's author, as a kind.

    >>> _kind("topic_Medical advice"), _kind("US_PASSPORT_NUMBER")
    ('topic_medical_advice', 'us_passport_number')
    """
    return re.sub(r"[^a-z0-9]+", "_", named.lower()).strip("_")[:LONGEST_KIND] or "other"
