"""Amazon Comprehend as a filter: segments, languages, places."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from batchwright.errors import FilterBroken
from batchwright.filters import Means, Subject
from batchwright.filters.comprehend import ComprehendSettings
from batchwright.finding import Stage, Verdict
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen, Screened
from tests.emulator.host.looks import EMAIL, Look
from tests.lookers import ScriptedComprehend

INSULT = Look(match="idiot", kind="INSULT", score=0.8)


def settings(*kinds: str, **given: Any) -> ComprehendSettings:
    return ComprehendSettings.model_validate({"kinds": kinds, **given})


def screened(service: ScriptedComprehend, *texts: str, **given: Any) -> Screened:
    means = Means(comprehend=service, chance=lambda: 0.0)
    made = settings(*given.pop("kinds", ["personal"]), **given)
    screen = Screen(Stage.OUTPUT, [("comprehend", made)], means)
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text) for text in texts])
    return asyncio.run(screen.look(subject, Placeholders()))


def kinds(found: Screened) -> list[str]:
    return [each.finding.kind for each in found.noted]


def test_personal_data_are_redacted_where_they_stand() -> None:
    result = screened(ScriptedComprehend(), "\U0001f600 to a@b.example", then="redact")
    assert result.texts == {"\U0001f600 to a@b.example": "\U0001f600 to [EMAIL_1]"}


def test_places_in_a_long_text_are_those_of_the_text() -> None:
    text = "Nichts f\u00fcr sie. " * 9000 + "Write to a@b.example."
    service = ScriptedComprehend()
    result = screened(service, text, then="redact")
    assert result.texts[text].endswith("Write to [EMAIL_1].")
    assert len(service.texts) == 2
    assert max(len(asked.encode()) for asked in service.texts) <= 100_000


def test_only_what_the_contract_names_is_found_and_only_where_it_is_sure() -> None:
    looks = [
        EMAIL,
        Look(match=r"\d{4}", kind="DATE_TIME"),
        Look(match="Ada", kind="NAME", score=0.4),
    ]
    text = "Ada 1843 a@b.example"
    assert kinds(screened(ScriptedComprehend(looks), text)) == ["email"]
    assert kinds(screened(ScriptedComprehend(looks), text, threshold=0.4)) == ["email", "name"]
    assert kinds(screened(ScriptedComprehend(looks), text, kinds=["date_time"])) == ["date_time"]


def test_toxic_content_is_told_by_its_sentence() -> None:
    calm = "All is well here, and nobody says a word against anybody. " * 30
    text = calm + "You idiot!"
    service = ScriptedComprehend([INSULT])
    result = screened(service, text, kinds=["toxic"], then="block")
    assert kinds(result) == ["insult"]
    (noted,) = result.noted
    assert noted.finding.start is not None
    assert "idiot" in text[noted.finding.start : noted.finding.end]
    assert all(len(segment.encode()) <= 1000 for segment in service.texts[0].split("\n"))


def test_no_call_has_more_segments_than_comprehend_takes() -> None:
    text = "All is well here, and nobody says a word. " * 600
    service = ScriptedComprehend([INSULT])
    assert screened(service, text, kinds=["toxic"]).verdict is Verdict.PASS
    assert len(service.texts) == 3


def test_nothing_is_asked_that_the_contract_does_not_name() -> None:
    service = ScriptedComprehend([EMAIL, INSULT])
    assert kinds(screened(service, "idiot a@b.example", kinds=["insult", "email"])) == [
        "email",
        "insult",
    ]
    assert len(service.texts) == 2
    screened(service, "idiot", kinds=["insult"])
    assert len(service.texts) == 3


def test_toxic_content_is_found_in_english_only() -> None:
    with pytest.raises(ValidationError, match="in English only"):
        settings("insult", language="es")
    assert settings("email", language="es").personal == {"email"}
    with pytest.raises(ValidationError):
        settings("email", language="de")
    with pytest.raises(ValidationError):
        settings()


def test_a_language_that_the_service_does_not_take_stops_the_job() -> None:
    fault = FilterBroken("AWS says UnsupportedLanguageException")
    with pytest.raises(FilterBroken):
        screened(ScriptedComprehend(faults=[fault]), "hola", language="es")


def test_results_for_fewer_texts_than_were_asked_about_hold_the_record() -> None:
    class Short(ScriptedComprehend):
        async def toxic(self, *_: Any) -> Any:
            return []

    assert kinds(screened(Short(), "x", kinds=["toxic"], then="pass")) == ["filter_failed"]
