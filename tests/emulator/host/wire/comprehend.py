"""Comprehend's DetectPiiEntities and DetectToxicContent: their requests read, their answers written."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tests.emulator.host.looks import Look, places
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.shapes import read

MOST_BYTES = 100 * 1024
MOST_SEGMENTS, MOST_SEGMENT_BYTES = 10, 1024
TOXIC = (
    "GRAPHIC",
    "HARASSMENT_OR_ABUSE",
    "HATE_SPEECH",
    "INSULT",
    "PROFANITY",
    "SEXUAL",
    "VIOLENCE_OR_THREAT",
)
PERSONAL = frozenset(
    [
        "BANK_ACCOUNT_NUMBER",
        "BANK_ROUTING",
        "CREDIT_DEBIT_NUMBER",
        "CREDIT_DEBIT_CVV",
        "CREDIT_DEBIT_EXPIRY",
        "PIN",
        "EMAIL",
        "ADDRESS",
        "NAME",
        "PHONE",
        "SSN",
        "DATE_TIME",
        "PASSPORT_NUMBER",
        "DRIVER_ID",
        "URL",
        "AGE",
        "USERNAME",
        "PASSWORD",
        "AWS_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "IP_ADDRESS",
        "MAC_ADDRESS",
        "LICENSE_PLATE",
        "VEHICLE_IDENTIFICATION_NUMBER",
        "UK_NATIONAL_INSURANCE_NUMBER",
        "CA_SOCIAL_INSURANCE_NUMBER",
        "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
        "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
        "IN_PERMANENT_ACCOUNT_NUMBER",
        "IN_NREGA",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
        "SWIFT_CODE",
        "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
        "CA_HEALTH_NUMBER",
        "IN_AADHAAR",
        "IN_VOTER_NUMBER",
    ]
)
type Language = Literal["en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW"]


class Named(BaseModel):
    """A structure whose members begin with capitals."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        alias_generator=lambda name: "".join(map(str.title, name.split("_"))),
    )


class Personal(Named):
    """A text and its language."""

    text: Annotated[str, Field(min_length=1)]
    language_code: Language


class Segment(Named):
    """A text."""

    text: Annotated[str, Field(min_length=1)]


class Toxic(Named):
    """Some texts and their language."""

    text_segments: Annotated[list[Segment], Field(min_length=1)]
    language_code: Language


class DetectPiiEntities:
    """A request that was read."""

    def __init__(self, body: bytes) -> None:
        told = read(Personal, body)
        _check_language(told.language_code, ("en", "es"))
        _check_size(told.text, MOST_BYTES)
        self.text = told.text

    def answer(self, looks: Sequence[Look]) -> dict[str, Any]:
        """Return the entities with their places."""
        return {
            "Entities": [
                {"Score": look.score, "Type": look.kind, "BeginOffset": start, "EndOffset": end}
                for look, start, end in places(looks, self.text)
                if look.kind in PERSONAL
            ]
        }


class DetectToxicContent:
    """A request that was read."""

    def __init__(self, body: bytes) -> None:
        told = read(Toxic, body)
        _check_language(told.language_code, ("en",))
        if len(told.text_segments) > MOST_SEGMENTS:
            raise _too_large(f"more than {MOST_SEGMENTS} text segments")
        self._texts = [segment.text for segment in told.text_segments]
        for text in self._texts:
            _check_size(text, MOST_SEGMENT_BYTES)

    @property
    def text(self) -> str:
        """All of it, for the faults' script."""
        return "\n".join(self._texts)

    def answer(self, looks: Sequence[Look]) -> dict[str, Any]:
        """Return all labels of every text, and how toxic it is."""
        return {"ResultList": [_result(looks, text) for text in self._texts]}


def _result(looks: Sequence[Look], text: str) -> dict[str, Any]:
    scores = {look.kind: look.score for look, _, _ in places(looks, text)}
    sure = {name: scores.get(name, 0.01) for name in TOXIC}
    labels = [{"Name": name, "Score": score} for name, score in sure.items()]
    return {"Labels": labels, "Toxicity": max(sure.values())}


def _check_language(asked: str, known: tuple[str, ...]) -> None:
    if asked not in known:
        raise Refusal(400, "UnsupportedLanguageException", "The language is not supported.")


def _check_size(text: str, most: int) -> None:
    if len(text.encode()) > most:
        raise _too_large(f"a text of more than {most} bytes")


def _too_large(what: str) -> Refusal:
    return Refusal(400, "TextSizeLimitExceededException", f"There is {what}.")
