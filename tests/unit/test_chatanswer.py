"""Answers and refusals of servers that speak OpenAI's API, in the shapes that vLLM and others write."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.chatanswer import completion_of, fault_of
from batchwright.completion import fault_of as fault_of_completion
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContentFiltered,
    ContextOverflow,
    MalformedCompletion,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Truncated,
    Unavailable,
)
from batchwright.usage import Usage
from tests.canary import CANARY

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
USED = {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}}


def answer(reason: str | None = "stop", usage: object = USAGE, **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return {"id": "chatcmpl-1", "choices": [choice], "usage": usage}


def read(body: object, headers: dict[str, str] | None = None) -> Any:
    return completion_of(json.dumps(body).encode(), headers or {}, 40)


def test_an_answer_says_what_it_says_why_it_ended_and_what_it_took() -> None:
    completion = read(answer(content="hello"), {"x-request-id": "r"})

    assert completion.content == [{"text": "hello"}]
    assert completion.stop_reason == "end_turn"
    assert completion.usage == Usage(input_tokens=5, output_tokens=2)
    assert (completion.latency_ms, completion.request_id) == (40, "r")
    assert completion.native is None


@pytest.mark.parametrize("told", [None, 151645, "</s>", "END"])
def test_the_reason_of_vllm_that_is_a_token_or_a_text_is_no_reason(told: object) -> None:
    body = answer(content="hello")
    body["choices"][0]["stop_reason"] = told

    assert read(body).stop_reason == "end_turn"


@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
def test_calls_are_calls_however_the_answer_ended(reason: str) -> None:
    completion = read(answer(reason, content=None, tool_calls=[CALL]))

    assert completion.content == [USED]
    assert completion.stop_reason == "tool_use"
    assert fault_of_completion(completion) is None


def test_a_refusal_of_the_model_is_what_it_says() -> None:
    assert read(answer(content=None, refusal="I will not.")).text == "I will not."


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("length", Truncated),
        ("content_filter", ContentFiltered),
        ("abort", MalformedCompletion),
        ("error", MalformedCompletion),
    ],
)
def test_an_answer_that_ended_badly_is_none(reason: str, kind: type[BatchwrightError]) -> None:
    assert type(fault_of_completion(read(answer(reason, content="x")))) is kind


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        answer(None, content="x"),
        answer(usage=None, content="x"),
        answer(content=["x"]),
        answer(content="x") | {"choices": []},
        answer(content="x") | {"choices": answer()["choices"] * 2},
        answer(usage={"prompt_tokens": -1, "completion_tokens": 1}, content="x"),
    ],
)
def test_what_is_no_answer_is_malformed(body: object) -> None:
    with pytest.raises(MalformedCompletion):
        read(body)


@given(st.binary(max_size=40))
def test_whatever_comes_is_read_or_malformed(content: bytes) -> None:
    with pytest.raises(MalformedCompletion):
        completion_of(content, {}, 1)


def openai(message: str, code: object = None, kind: str = "invalid_request_error") -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def flat(message: str, code: int) -> Any:
    """As vLLM wrote its errors for long."""
    return {"object": "error", "message": message, "type": "BadRequestError", "code": code}


LONG = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, openai("Rate limit reached", "rate_limit_exceeded"), Throttled),
        (429, openai("You exceeded your current quota", "insufficient_quota"), AccessDenied),
        (401, {"error": "Unauthorized"}, AccessDenied),
        (403, "forbidden", AccessDenied),
        (402, {}, AccessDenied),
        (404, openai("The model `x` does not exist.", 404, "NotFoundError"), ModelUnknown),
        (404, {"detail": "Not Found"}, ModelUnknown),
        (405, {"detail": "Method Not Allowed"}, ModelUnknown),
        (307, "", ModelUnknown),
        (400, openai("no such model", "model_not_found"), ModelUnknown),
        (400, openai(LONG, "context_length_exceeded"), ContextOverflow),
        (400, flat(LONG, 400), ContextOverflow),
        (400, openai("the request exceeds the available context size", 400), ContextOverflow),
        (400, openai("", 400, "exceed_context_size_error"), ContextOverflow),
        (
            422,
            {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"},
            ContextOverflow,
        ),
        (400, openai("filtered", "content_filter"), ContentFiltered),
        (400, openai(CANARY, 400, "BadRequestError"), RecordInvalid),
        (400, {"detail": [{"msg": CANARY}]}, RecordInvalid),
        (413, "too large", RecordInvalid),
        (422, {"error": CANARY}, RecordInvalid),
        (408, "", TimedOut),
        (500, openai(CANARY, 500), ServiceFault),
        (502, "<html>Bad Gateway</html>", Unavailable),
        (503, {}, Unavailable),
        (504, "", TimedOut),
        (507, "", ServiceFault),
        (529, "", Unavailable),
    ],
)
def test_a_refusal_is_told_by_what_can_be_done_about_it_and_never_by_its_words(
    status: int, body: object, kind: type[BatchwrightError]
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)

    fault = fault_of(status, {}, content.encode(), "qwen")

    assert type(fault) is kind
    assert str(status) in str(fault)
    assert CANARY not in str(fault)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT",
                "date": "Wed, 21 Oct 2026 07:27:30 GMT",
            },
            30,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1s"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "2s",
            },
            2,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"}, None),
        ({"x-ratelimit-remaining-tokens": "0"}, None),
        ({}, None),
    ],
)
def test_the_endpoints_wish_to_wait_is_kept(headers: dict[str, str], seconds: float | None) -> None:
    fault = fault_of(429, headers, b"", "qwen")

    assert isinstance(fault, Throttled)
    assert fault.retry_after == seconds


@pytest.mark.parametrize(("told", "kept"), [("req-1", True), (f"{CANARY} said", False)])
def test_a_requests_id_is_told_where_it_can_be_one(told: str, *, kept: bool) -> None:
    assert (told in str(fault_of(500, {"x-request-id": told}, b"", "qwen"))) is kept
