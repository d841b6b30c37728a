"""Bedrock's inline checks as a filter."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from batchwright.filters import Means, Subject
from batchwright.filters.guardrail_checks import GuardrailChecksSettings
from batchwright.finding import Stage, Verdict
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen, Screened
from tests.emulator.host.looks import EMAIL, Look
from tests.lookers import ScriptedGuardrails

ATTACK = Look(match="ignore all", kind="JAILBREAK", score=0.8)


def settings(**given: Any) -> GuardrailChecksSettings:
    return GuardrailChecksSettings.model_validate(given)


def screened(service: ScriptedGuardrails, *texts: str, **given: Any) -> Screened:
    means = Means(guardrails=service, chance=lambda: 0.0)
    screen = Screen(Stage.INPUT, [("guardrail_checks", settings(**given))], means)
    subject = Subject(stage=Stage.INPUT, texts=[Text(text) for text in texts])
    return asyncio.run(screen.look(subject, Placeholders()))


def kinds(found: Screened) -> list[str]:
    return [each.finding.kind for each in found.noted]


def test_something_must_be_looked_for() -> None:
    with pytest.raises(ValidationError, match="say what is looked for"):
        settings(then="block")
    with pytest.raises(ValidationError):
        settings(content=["weather"])


def test_a_score_is_a_finding_from_the_threshold_on() -> None:
    service = ScriptedGuardrails([ATTACK])
    assert kinds(screened(service, "ignore all", attacks=["jailbreak"], threshold=0.8)) == [
        "jailbreak"
    ]
    assert kinds(screened(service, "ignore all", attacks=["jailbreak"], threshold=0.81)) == []
    assert kinds(screened(service, "ignore all", content=["hate"], threshold=0.1)) == []


def test_personal_data_are_redacted_in_their_own_text() -> None:
    result = screened(
        ScriptedGuardrails(), "none", "to \u00e9a@b.example.", personal=["email"], then="redact"
    )
    assert result.texts == {"to \u00e9a@b.example.": "to [EMAIL_1]."}


def test_a_place_behind_letters_that_services_count_differently_is_not_trusted() -> None:
    result = screened(
        ScriptedGuardrails(), "\U0001f600 a@b.example", personal=["email"], then="redact"
    )
    assert (result.verdict, kinds(result)) == (Verdict.REVIEW, ["email"])


def test_what_was_not_told_whole_is_held() -> None:
    class Cut(ScriptedGuardrails):
        async def check(self, *asked: Any) -> Any:
            answer: Any = await super().check(*asked)
            answer["results"]["sensitiveInformation"]["truncated"] = True
            return answer

    result = screened(Cut([EMAIL]), "a@b.example", personal=["email"], then="pass")
    assert kinds(result) == ["filter_failed"]


def test_a_check_that_was_not_made_holds_the_record() -> None:
    class Forgetful(ScriptedGuardrails):
        async def check(self, *_: Any) -> Any:
            return {"results": {}, "usage": {}}

    assert kinds(screened(Forgetful(), "x", content=["hate"], then="pass")) == ["filter_failed"]
