import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.openai_chat import OpenAIChat
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.usage import Usage
from tests.fakes import NOON
from tests.laptop import chat_line

CHAT = OpenAIChat()
KEY = "0123456789abcdef" * 4


def read(line: dict[str, Any]) -> Record:
    return CHAT.read(Line(7, 0, 0, json.dumps(line).encode()))


def with_body(**body: Any) -> dict[str, Any]:
    return chat_line("req-1", "My card was declined", **body)


def completion(stop_reason: str = "end_turn") -> Completion:
    return Completion(
        content=[{"text": "pay"}, {"text": "ments"}],
        stop_reason=stop_reason,
        usage=Usage(input_tokens=22, output_tokens=9),
        latency_ms=812,
        request_id="abc",
    )


def test_a_chat_completion_becomes_a_converse_request() -> None:
    schema = {"type": "object", "properties": {"label": {"type": "string"}}}
    record = read(
        with_body(
            messages=[
                {"role": "system", "content": "You label tickets."},
                {"role": "user", "content": [{"type": "text", "text": "one"}]},
                {"role": "user", "content": "two"},
                {"role": "assistant", "content": "three"},
                {"role": "user", "content": "four"},
            ],
            max_tokens=200,
            temperature=0,
            top_p=0.5,
            stop="END",
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "label", "strict": True, "schema": schema},
            },
        )
    )

    assert record.record_id == "req-1"
    assert record.model == "gpt-4o-mini"
    assert CHAT.request(record).body == {
        "system": [{"text": "You label tickets."}],
        "messages": [
            {"role": "user", "content": [{"text": "one"}, {"text": "two"}]},
            {"role": "assistant", "content": [{"text": "three"}]},
            {"role": "user", "content": [{"text": "four"}]},
        ],
        "inferenceConfig": {
            "maxTokens": 200,
            "temperature": 0,
            "topP": 0.5,
            "stopSequences": ["END"],
        },
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {
                    "jsonSchema": {
                        "name": "label",
                        "schema": '{"properties":{"label":{"type":"string"}},"type":"object"}',
                    }
                },
            }
        },
    }


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1},
        {"stream": False, "logprobs": False, "store": False},
        {"frequency_penalty": 0, "presence_penalty": 0, "user": "u", "metadata": {"a": "b"}},
        {"response_format": {"type": "text"}},
        {"max_completion_tokens": 5, "temperature": None},
    ],
)
def test_a_parameter_that_asks_for_the_default_is_taken(body: dict[str, Any]) -> None:
    assert read(with_body(**body)).record_id == "req-1"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "body.n"),
        ({"stream": True}, "body.stream"),
        ({"logprobs": True}, "body.logprobs"),
        ({"seed": 7}, "body.seed"),
        ({"tools": []}, "body.tools"),
        ({"temperature": 1.5}, "body.temperature"),
        ({"max_tokens": 0}, "body.max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "body.max_completion_tokens"),
        ({"frequency_penalty": 0.5}, "body.frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "body.response_format.type"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"minimum": 1}},
                }
            },
            "body.response_format.json_schema.schema",
        ),
        ({"messages": []}, "body.messages"),
        ({"messages": [{"role": "user", "content": "  "}]}, "body.messages[0].content"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "body.messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "body.messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "body.messages[0].tool_call_id"),
        ({"messages": [{"role": "user", "content": "x", "name": "n"}]}, "body.messages[0].name"),
        ({"model": ""}, "body.model"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(
    body: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(with_body(**body))

    assert caught.value.code == "invalid_request"
    assert caught.value.param == param
    assert param in str(caught.value)
    assert caught.value.record_id == "req-1"


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        ({**with_body(), "url": "/v1/embeddings"}, "url_mismatch", "url"),
        ({**with_body(), "method": "GET"}, "invalid_request", "method"),
        ({**with_body(), "custom_id": 7}, "invalid_request", "custom_id"),
        ({**with_body(), "custom_id": ""}, "invalid_request", "custom_id"),
        ({"custom_id": "a"}, "invalid_request", "method"),
    ],
)
def test_a_line_that_is_no_request_is_refused(line: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line)

    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    "content",
    [
        b"{broken",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b'{"a": "\xff"}',
        b"[" * 100_000,
        None,
    ],
)
def test_what_is_not_json_is_told_with_its_line(content: bytes | None) -> None:
    with pytest.raises(RecordInvalid, match="line 7") as caught:
        CHAT.read(Line(7, 0, 0, content))

    assert caught.value.code in {"invalid_json_line", "line_too_long"}


def test_no_error_quotes_the_record() -> None:
    for body in (
        {"messages": [{"role": "canary", "content": "canary"}]},
        {"messages": [{"role": "user", "content": {"canary": 1}}]},
        {"temperature": "canary"},
        {"response_format": {"type": "canary"}},
    ):
        with pytest.raises(RecordInvalid) as caught:
            read(with_body(**body))
        assert "canary" not in str(caught.value)


def test_an_answer_reads_with_openais_own_types() -> None:
    line = CHAT.answer(read(with_body()), completion(), Answered(key=KEY, model="m", at=NOON))

    assert line["custom_id"] == "req-1"
    assert line["error"] is None
    assert line["response"]["status_code"] == 200
    chat = ChatCompletion.model_validate(line["response"]["body"], strict=True)
    assert chat.choices[0].message.content == "payments"
    assert chat.choices[0].finish_reason == "stop"
    assert chat.usage is not None
    assert chat.usage.total_tokens == 31


def unanswered(code: str) -> Unanswered:
    return Unanswered(
        code=code,
        message="told",
        line=7,
        param=None,
        key=KEY,
        model="m",
        at=NOON,
    )


def test_a_failure_has_the_shape_of_openais_error_file() -> None:
    assert CHAT.failure("req-1", None, None, unanswered("timed_out")) == {
        "id": "batch_req_0123456789abcdef01234567",
        "custom_id": "req-1",
        "response": None,
        "error": {"code": "timed_out", "message": "told", "param": None, "line": 7},
    }


def test_a_cut_answer_goes_with_its_failure() -> None:
    line = CHAT.failure("req-1", None, completion("max_tokens"), unanswered("truncated"))

    chat = ChatCompletion.model_validate(line["response"]["body"], strict=True)
    assert chat.choices[0].finish_reason == "length"
