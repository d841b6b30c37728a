"""A user's own filter."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from batchwright.errors import FilterBroken, ServiceFault
from batchwright.filters import Means, Subject
from batchwright.filters.function import FunctionSettings
from batchwright.filters.streak import MOST_FAILURES
from batchwright.finding import Finding, Stage, Verdict
from batchwright.folding import Text
from batchwright.placeholders import Placeholders
from batchwright.screening import Screen, Screened
from tests.lookers import ScriptedFunctions

ARN = "arn:aws:lambda:us-east-1:123456789012:function:my-filter"


def screen_of(service: ScriptedFunctions, **given: Any) -> Screen:
    settings = FunctionSettings.model_validate({"arn": ARN, **given})
    means = Means(functions=service, job_id="job-1", chance=lambda: 0.0)
    return Screen(Stage.OUTPUT, [("function", settings)], means)


def look(screen: Screen, *texts: str) -> Screened:
    subject = Subject(stage=Stage.OUTPUT, texts=[Text(text) for text in texts], key="key-1")
    return asyncio.run(screen.look(subject, Placeholders()))


def answering(answer: Any, *texts: str, **given: Any) -> Screened:
    return look(screen_of(ScriptedFunctions(lambda _: answer), **given), *(texts or ("hello",)))


def test_the_function_gets_the_texts_and_whose_they_are() -> None:
    service = ScriptedFunctions(lambda _: {"findings": []})
    assert look(screen_of(service), "a\u200bb", "c").verdict is Verdict.PASS
    assert service.asked == [
        {"stage": "output", "texts": ["ab", "c"], "job_id": "job-1", "key": "key-1"}
    ]


def test_its_findings_are_findings() -> None:
    told = {"kind": "codename", "part": 1, "start": 0, "end": 4, "confidence": 0.5}
    result = answering({"findings": [told]}, "hello", "Zeus is here", then="redact")
    assert result.texts == {"Zeus is here": "[CODENAME_1] is here"}
    assert result.noted[0].finding == Finding(
        kind="codename", part=1, start=0, end=4, confidence=0.5
    )


def test_a_finding_needs_a_kind_and_nothing_else() -> None:
    result = answering({"findings": [{"kind": "tone"}]}, then="block")
    assert (result.verdict, result.noted[0].finding) == (Verdict.BLOCK, Finding(kind="tone"))


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"not json",
        [],
        {},
        {"findings": None},
        {"findings": [], "more": 1},
        {"findings": [{}]},
        {"findings": [{"kind": "Upper"}]},
        {"findings": [{"kind": "a b"}]},
        {"findings": [{"kind": "tone", "text": "hello"}]},
        {"findings": [{"kind": "tone", "part": 1}]},
        {"findings": [{"kind": "tone", "part": -1}]},
        {"findings": [{"kind": "tone", "start": 1}]},
        {"findings": [{"kind": "tone", "start": 2, "end": 2}]},
        {"findings": [{"kind": "tone", "start": 0, "end": 99}]},
        {"findings": [{"kind": "tone", "confidence": 1.5}]},
        {"findings": [{"kind": "tone", "start": "0", "end": "2"}]},
        {"errorMessage": "hello", "errorType": "ValueError"},
    ],
)
def test_anything_else_holds_the_record(answer: Any) -> None:
    result = answering(answer, then="pass")
    assert result.verdict is Verdict.REVIEW
    assert [each.finding for each in result.noted] == [Finding(kind="filter_failed")]


def test_a_function_that_raises_or_takes_too_long_holds_the_record_and_is_not_asked_again() -> None:
    def fail(_: Any) -> Any:
        raise ServiceFault("it answered with an error")

    for service, given in (
        (ScriptedFunctions(fail), {}),
        (ScriptedFunctions(lambda _: {"findings": []}, seconds=60), {"timeout": 0.01}),
    ):
        result = look(screen_of(service, then="pass", **given), "hello")
        assert result.verdict is Verdict.REVIEW
        assert len(service.asked) == 1


def test_a_function_that_never_works_stops_the_job() -> None:
    screen = screen_of(ScriptedFunctions(lambda _: "hello, this may be a text"))
    for _ in range(MOST_FAILURES - 1):
        assert look(screen, "hello").verdict is Verdict.REVIEW
    with pytest.raises(FilterBroken) as fault:
        look(screen, "hello")
    assert "ValidationError" in str(fault.value)
    assert "hello" not in str(fault.value)


@pytest.mark.parametrize(
    "arn",
    ["my-filter", "arn:aws:s3:::b", ARN.replace(":function", ""), ARN + "; drop", f"{ARN}:a:b"],
)
def test_a_function_is_named_by_its_whole_arn(arn: str) -> None:
    with pytest.raises(ValidationError):
        FunctionSettings.model_validate({"arn": arn})
    assert FunctionSettings.model_validate({"arn": f"{ARN}:live"}).timeout == 10
