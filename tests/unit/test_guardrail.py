"""Bedrock Guardrails as a filter: what is found, where, and what follows from it."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from batchwright.errors import AccessDenied, ServiceFault
from batchwright.filters import Filters, Means, Subject
from batchwright.filters.guardrail import GuardrailSettings, findings_of
from batchwright.filters.segments import Segment
from batchwright.finding import Finding, Stage, Verdict
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen, Screened
from tests.emulator.host.looks import EMAIL, Look
from tests.lookers import DENIED, THROTTLED, ScriptedGuardrails

PIECE = Segment(0, 0, "Ada said: call me.")


def settings(**given: Any) -> GuardrailSettings:
    return GuardrailSettings.model_validate({"id": "abc123", "version": "3", **given})


def screened(
    service: ScriptedGuardrails, *texts: str, asked: tuple[str, ...] = (), **given: Any
) -> Screened:
    means = Means(guardrails=service, chance=lambda: 0.0)
    screen = Screen(Stage.OUTPUT, [("guardrail", settings(**given))], means)
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text) for text in texts], asked=lambda: asked)
    return asyncio.run(screen.look(subject, Placeholders()))


def kinds(found: Screened) -> list[str]:
    return [each.finding.kind for each in found.noted]


def test_a_version_is_a_number_and_never_a_draft() -> None:
    assert settings(version=3).version == 3
    for version in ("DRAFT", "", "0", -1, "1.5", None):
        with pytest.raises(ValidationError):
            settings(version=version)
    with pytest.raises(ValidationError, match="a draft may change under a job"):
        settings(version="DRAFT")


@pytest.mark.parametrize("guardrail", ["", "A b", "../x", "arn:aws:s3:::bucket"])
def test_a_guardrail_has_an_id_or_an_arn(guardrail: str) -> None:
    with pytest.raises(ValidationError):
        settings(id=guardrail)
    assert settings(id="arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc").id


def test_a_contract_names_it() -> None:
    entry = {"guardrail": {"id": "abc", "version": "3", "then": "block"}}
    (found,) = Filters.model_validate({"output": [entry]}).output
    assert (found.name, found.settings.verdict, found.settings.remote) == (
        "guardrail",
        Verdict.BLOCK,
        True,
    )


def test_the_guardrail_is_asked_in_its_version_about_the_stage() -> None:
    service = ScriptedGuardrails()
    screened(service, "hello")
    assert service.applied == ("abc123", 3, Stage.OUTPUT)


def test_personal_data_are_redacted_wherever_they_stand() -> None:
    result = screened(
        ScriptedGuardrails(), "To a@b.example, then A@b.example", "none", then="redact"
    )
    assert result.texts == {"To a@b.example, then A@b.example": "To [EMAIL_1], then [EMAIL_1]"}
    assert kinds(result) == ["email", "email"]


def test_a_place_is_one_in_the_text_as_it_is_written() -> None:
    result = screened(ScriptedGuardrails(), "To a@\u200bb.example", then="redact")
    assert result.texts == {"To a@\u200bb.example": "To [EMAIL_1]"}


def test_what_is_found_in_a_long_text_is_found_where_it_stands() -> None:
    text = "Nothing here. " * 3000 + "Write to a@b.example. " + "Nothing here. " * 3000
    service = ScriptedGuardrails()
    result = screened(service, text, then="redact")
    assert result.texts[text] == text.replace("a@b.example", "[EMAIL_1]")
    assert len(service.texts) == 4
    assert max(map(len, service.texts)) <= 25_000


def test_topics_contents_and_words_are_told_by_kind_and_certainty() -> None:
    looks = [
        Look(match="stocks", kind="Financial advice"),
        Look(match="idiot", kind="INSULTS", score=0.7),
        Look(match="damn", kind="PROFANITY"),
        Look(match="acme", kind="WORD"),
    ]
    result = screened(ScriptedGuardrails(looks), "damn idiot buys acme stocks", then="block")
    told = {each.finding.kind: each.finding for each in result.noted}
    assert result.verdict is Verdict.BLOCK
    assert told == {
        "topic_financial_advice": Finding(kind="topic_financial_advice"),
        "insults": Finding(kind="insults", confidence=0.6),
        "profanity": Finding(kind="profanity", start=0, end=4),
        "word": Finding(kind="word", start=16, end=20),
    }


def test_what_cannot_be_taken_out_is_held_where_it_was_to_be_redacted() -> None:
    service = ScriptedGuardrails([Look(match="idiot", kind="INSULTS")])
    assert screened(service, "idiot", then="redact").verdict is Verdict.REVIEW


def test_a_match_that_stands_nowhere_has_no_place() -> None:
    told = {"match": "Lovelace", "type": "NAME", "action": "ANONYMIZED"}
    assessed = {"sensitiveInformationPolicy": {"piiEntities": [told], "regexes": []}}
    answer = {"action": "GUARDRAIL_INTERVENED", "assessments": [assessed]}
    assert findings_of(answer, [PIECE]) == [Finding(kind="name")]


def test_what_is_only_detected_is_found_and_what_is_not_is_not() -> None:
    told = [
        {"type": "HATE", "confidence": "LOW", "action": "NONE", "detected": True},
        {"type": "SEXUAL", "confidence": "NONE", "action": "NONE", "detected": False},
        {"type": "VIOLENCE", "confidence": "NONE", "action": "NONE"},
    ]
    answer = {"action": "NONE", "assessments": [{"contentPolicy": {"filters": told}}]}
    assert [each.kind for each in findings_of(answer, [PIECE])] == ["hate"]


def test_an_intervention_for_what_nobody_knows_is_a_finding() -> None:
    answer = {"action": "GUARDRAIL_INTERVENED", "assessments": [{"newPolicy": {}}]}
    assert findings_of(answer, [PIECE]) == [Finding(kind="guardrail")]


def test_the_patterns_of_a_guardrail_are_kinds_by_their_names() -> None:
    told = [{"name": "Ticket No.", "match": "call", "regex": "c...", "action": "BLOCKED"}]
    assessed = {"sensitiveInformationPolicy": {"piiEntities": [], "regexes": told}}
    answer = {"action": "GUARDRAIL_INTERVENED", "assessments": [assessed]}
    assert findings_of(answer, [PIECE]) == [Finding(kind="ticket_no", start=10, end=14)]


@pytest.mark.parametrize("answer", [{}, {"action": "NONE"}, {"assessments": [{"topicPolicy": 1}]}])
def test_an_answer_that_is_none_holds_the_record(answer: Any) -> None:
    class Odd(ScriptedGuardrails):
        async def apply(self, *_: Any) -> Any:
            return answer

    result = screened(Odd(), "hello", then="pass")
    assert (result.verdict, kinds(result)) == (Verdict.REVIEW, ["filter_failed"])


def test_an_answer_is_compared_with_what_was_asked_only_if_the_contract_says_so() -> None:
    looks = [Look(match="Paris", kind="GROUNDING", score=0.9)]
    service = ScriptedGuardrails(looks)
    assert kinds(screened(service, "Paris", asked=("Where is London?",))) == []
    result = screened(service, "Paris", asked=("Where is London?",), grounding=True)
    assert kinds(result) == ["grounding"]
    assert result.noted[0].finding.confidence == pytest.approx(0.9)


def test_an_answer_to_more_than_a_guardrail_reads_is_held() -> None:
    result = screened(ScriptedGuardrails(), "Paris", asked=("x" * 100_001,), grounding=True)
    assert kinds(result) == ["filter_failed"]


def test_a_throttle_is_waited_out_and_a_fault_that_stays_holds_the_record() -> None:
    service = ScriptedGuardrails(faults=[THROTTLED, ServiceFault("no")])
    assert kinds(screened(service, "a@b.example")) == ["email"]
    service = ScriptedGuardrails(faults=[ServiceFault("no")] * 3)
    assert kinds(screened(service, "a@b.example")) == ["filter_failed"]


def test_a_right_that_is_missing_stops_the_job() -> None:
    with pytest.raises(AccessDenied):
        screened(ScriptedGuardrails(faults=[DENIED]), "hello")


def test_without_a_service_nothing_is_released() -> None:
    screen = Screen(Stage.OUTPUT, [("guardrail", settings(then="pass"))], Means())
    subject = Subject(stage=Stage.OUTPUT, texts=[Text("hello")])
    result = asyncio.run(screen.look(subject, Placeholders()))
    assert result.verdict is Verdict.REVIEW


def test_texts_of_nothing_are_not_asked_about() -> None:
    service = ScriptedGuardrails([EMAIL])
    assert screened(service, "", " \n").verdict is Verdict.PASS
    assert service.texts == []
