"""Bedrock's inline checks, which need no guardrail: content, attacks by prompt, personal data."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from batchwright.filters.filter import Filter, Means, RemoteSettings, Subject
from batchwright.filters.segments import Segment, packed, segments
from batchwright.filters.services import Guardrails, Json
from batchwright.finding import Finding, Stage

MOST_CHARS = 25_000
SECONDS = 20.0
ROLES = {Stage.INPUT: "user", Stage.OUTPUT: "assistant"}

type Content = Literal["violence", "hate", "sexual", "misconduct", "insults"]
type Attack = Literal["jailbreak", "prompt_injection", "prompt_leakage"]
type Entity = Literal[
    "address",
    "age",
    "aws_access_key",
    "aws_secret_key",
    "ca_health_number",
    "ca_social_insurance_number",
    "credit_debit_card_cvv",
    "credit_debit_card_expiry",
    "credit_debit_card_number",
    "driver_id",
    "email",
    "international_bank_account_number",
    "ip_address",
    "license_plate",
    "mac_address",
    "name",
    "password",
    "phone",
    "pin",
    "swift_code",
    "uk_national_health_service_number",
    "uk_national_insurance_number",
    "uk_unique_taxpayer_reference_number",
    "url",
    "username",
    "us_bank_account_number",
    "us_bank_routing_number",
    "us_individual_tax_identification_number",
    "us_passport_number",
    "us_social_security_number",
    "vehicle_identification_number",
]


class GuardrailChecksSettings(RemoteSettings):
    """What is looked for, and from which score on it is a finding."""

    content: tuple[Content, ...] = ()
    attacks: tuple[Attack, ...] = ()
    personal: tuple[Entity, ...] = ()
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if not self.checks:
            raise ValueError("say what is looked for: content, attacks, personal, or several")
        return self

    @property
    def checks(self) -> dict[str, Any]:
        """The same in the service's words."""
        wanted = {
            "contentFilter": _named("categories", "category", self.content),
            "promptAttack": _named("categories", "category", self.attacks),
            "sensitiveInformation": _named("entities", "type", self.personal),
        }
        return {check: asked for check, asked in wanted.items() if asked is not None}

    def filter(self, means: Means) -> Filter:
        """Return the filter."""
        return GuardrailChecks(self, means)


def _named(many: str, one: str, kinds: Sequence[str]) -> dict[str, Any] | None:
    return {many: [{one: kind.upper()} for kind in dict.fromkeys(kinds)]} if kinds else None


class GuardrailChecks:
    """Finds what the checks find with a score that is high enough."""

    gate: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: GuardrailChecksSettings, means: Means) -> None:
        """Without the service, every look fails."""
        self._settings = settings
        self._service = means.guardrails
        self._queue = means.queue("InvokeGuardrailChecks")

    async def look(self, subject: Subject) -> list[Finding]:
        """Check all texts, a few thousand characters at a time."""
        assert self._service is not None, "there are no guardrails here"  # noqa: S101
        found: dict[Finding, None] = {}
        for pack in packed(segments(subject.texts, MOST_CHARS), MOST_CHARS):
            found |= dict.fromkeys(await self._checked(self._service, subject.stage, pack))
        return [*found]

    async def _checked(
        self, service: Guardrails, stage: Stage, pack: list[Segment]
    ) -> list[Finding]:
        role = ROLES[stage]
        messages = [{"role": role, "content": [{"text": piece.text}]} for piece in pack]

        async def call() -> list[Finding]:
            answer = await service.check(messages, self._settings.checks)
            return [*self._findings(answer["results"], pack)]

        return await self._queue.ask(call, timeout=SECONDS)

    def _findings(self, results: Json, pack: Sequence[Segment]) -> Iterator[Finding]:
        for check in self._settings.checks:
            told = results[check]  # a check that was wished and is not told was not made
            if told.get("truncated"):
                raise ValueError("not everything that was found is told")
            for each in told["results"]:
                kind = (each["type"] if "type" in each else each["category"]).lower()
                score = each["confidenceScore"] if "type" in each else each["severityScore"]
                if score < self._settings.threshold:
                    continue
                if "type" in each:
                    yield _placed(kind, score, each, pack)
                else:
                    yield Finding(kind=kind, part=pack[0].part, confidence=score)


def _placed(kind: str, score: float, told: Json, pack: Sequence[Segment]) -> Finding:
    piece = pack[told["messageIndex"]]
    if told["contentIndex"] != 0:
        raise ValueError("there is no such place")
    if max(piece.text) > "\uffff":
        # The service does not say how it counts such characters; what has no sure place is held, not redacted.
        return Finding(kind=kind, part=piece.part, confidence=score)
    return piece.found(kind, told["beginOffset"], told["endOffset"], confidence=score)
