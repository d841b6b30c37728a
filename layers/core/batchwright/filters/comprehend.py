"""Amazon Comprehend: personal data with its places, and toxic sentences."""

from collections.abc import Iterator
from itertools import batched
from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from batchwright.filters.filter import Filter, Means, RemoteSettings, Subject
from batchwright.filters.segments import Segment, segments
from batchwright.filters.services import Comprehend as Service
from batchwright.finding import Finding

# docs.aws.amazon.com/comprehend/latest/APIReference/API_DetectPiiEntities.html, …/API_DetectToxicContent.html
MOST_BYTES = 100_000
MOST_TOXIC_BYTES, MOST_TOXIC = 1_000, 10
SECONDS = 20.0

Personal = Literal[
    "address",
    "age",
    "aws_access_key",
    "aws_secret_key",
    "bank_account_number",
    "bank_routing",
    "ca_health_number",
    "ca_social_insurance_number",
    "credit_debit_cvv",
    "credit_debit_expiry",
    "credit_debit_number",
    "date_time",
    "driver_id",
    "email",
    "in_aadhaar",
    "in_nrega",
    "in_permanent_account_number",
    "in_voter_number",
    "international_bank_account_number",
    "ip_address",
    "license_plate",
    "mac_address",
    "name",
    "passport_number",
    "password",
    "phone",
    "pin",
    "ssn",
    "swift_code",
    "uk_national_health_service_number",
    "uk_national_insurance_number",
    "uk_unique_taxpayer_reference_number",
    "url",
    "us_individual_tax_identification_number",
    "username",
    "vehicle_identification_number",
]
Toxic = Literal[
    "graphic",
    "harassment_or_abuse",
    "hate_speech",
    "insult",
    "profanity",
    "sexual",
    "violence_or_threat",
]
type Kind = Literal["personal", "toxic", Personal, Toxic]
PERSONAL: frozenset[str] = frozenset(get_args(Personal))
TOXIC: frozenset[str] = frozenset(get_args(Toxic))
# Dates and addresses of pages are in every second text, and tell of nobody.
USUAL = PERSONAL - {"date_time", "url", "age"}


class ComprehendSettings(RemoteSettings):
    """What is looked for, in which language, and from which score on it is a finding."""

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    language: Literal["en", "es"] = "en"
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.language != "en" and self.toxic:
            raise ValueError("toxic content is found in English only")
        return self

    @property
    def personal(self) -> frozenset[str]:
        """The kinds of personal data that are findings."""
        return frozenset(self.kinds) & PERSONAL | (USUAL if "personal" in self.kinds else set())

    @property
    def toxic(self) -> frozenset[str]:
        """The kinds of toxic content that are."""
        return frozenset(self.kinds) & TOXIC | (TOXIC if "toxic" in self.kinds else set())

    def filter(self, means: Means) -> Filter:
        """Return the filter."""
        return Comprehend(self, means)


class Comprehend:
    """Finds personal data where it stands, and toxic content by the sentences that hold it."""

    gate: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: ComprehendSettings, means: Means) -> None:
        """Without the service, every look fails."""
        self._settings = settings
        self._service = means.comprehend
        self._queue = means.queue("Comprehend")

    async def look(self, subject: Subject) -> list[Finding]:
        """Look for what the contract names, and ask for nothing else."""
        assert self._service is not None, "there is no Comprehend here"  # noqa: S101
        found: dict[Finding, None] = {}
        if self._settings.personal:
            for piece in segments(subject.texts, MOST_BYTES, in_bytes=True):
                found |= dict.fromkeys(await self._personal(self._service, piece))
        if self._settings.toxic:
            pieces = segments(subject.texts, MOST_TOXIC_BYTES, in_bytes=True)
            for some in batched(pieces, MOST_TOXIC, strict=False):
                found |= dict.fromkeys(await self._toxic(self._service, some))
        return [*found]

    async def _personal(self, service: Service, piece: Segment) -> list[Finding]:
        settings = self._settings

        async def call() -> list[Finding]:
            entities = await service.personal(piece.text, settings.language)
            return [
                piece.found(
                    entity["Type"].lower(),
                    entity["BeginOffset"],
                    entity["EndOffset"],
                    confidence=entity["Score"],
                )
                for entity in entities
                if entity["Score"] >= settings.threshold
                and entity["Type"].lower() in settings.personal
            ]

        return await self._queue.ask(call, timeout=SECONDS)

    async def _toxic(self, service: Service, pieces: tuple[Segment, ...]) -> list[Finding]:
        async def call() -> list[Finding]:
            results = await service.toxic([piece.text for piece in pieces], self._settings.language)
            return [
                found
                for piece, result in zip(pieces, results, strict=True)
                for found in self._labels(piece, result["Labels"])
            ]

        return await self._queue.ask(call, timeout=SECONDS)

    def _labels(self, piece: Segment, labels: list[dict[str, float | str]]) -> Iterator[Finding]:
        for label in labels:
            kind, score = str(label["Name"]).lower(), float(label["Score"])
            if kind in self._settings.toxic and score >= self._settings.threshold:
                yield piece.found(kind, confidence=score)
