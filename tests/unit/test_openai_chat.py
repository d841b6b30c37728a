import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from openai.types.chat import ChatCompletion, ChatCompletionMessageFunctionToolCall

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.openai_chat import OpenAIChat
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import IMAGE_TOKENS
from batchwright.usage import Usage
from tests.fakes import NOON
from tests.laptop import chat_line
from tests.odd import broken, odd
from tests.openai_types import PIXEL, body_of, reads_as, sample

CHAT = OpenAIChat()
KEY = "0123456789abcdef" * 4
MENU = "data:application/pdf;base64,bWVudQ=="
PARAMETERS = {"type": "object", "properties": {"id": {"type": "string"}}}
FUNCTION = {"name": "order_of", "description": "Find an order.", "parameters": PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}
CALLED = {"name": "order_of", "arguments": '{"id":"8"}'}
CALL = {"id": "call_1", "type": "function", "function": CALLED}
ASKS = {"role": "user", "content": "Where is order 8?"}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
ANSWERS = {"role": "tool", "tool_call_id": "call_1", "content": "shipped"}
TOOL_USE = {"toolUse": {"toolUseId": "tooluse_1", "name": "order_of", "input": {"id": "8"}}}


def read(line: dict[str, Any]) -> Record:
    return CHAT.read(Line(7, 0, 0, json.dumps(line).encode()))


def with_body(**body: Any) -> dict[str, Any]:
    return chat_line("req-1", "My card was declined", **body)


def shows(*parts: Any) -> dict[str, Any]:
    return with_body(messages=[{"role": "user", "content": [*parts]}])


def asked(line: dict[str, Any]) -> dict[str, Any]:
    return CHAT.request(read(line)).body


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
                "json_schema": {
                    "name": "label",
                    "strict": True,
                    "schema": schema,
                    "description": "What it is about.",
                },
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
                        "description": "What it is about.",
                        "schema": '{"type":"object","properties":{"label":{"type":"string"}}}',
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
    line = CHAT.failure(
        "req-1", read(with_body()), completion("max_tokens"), unanswered("truncated")
    )

    chat = ChatCompletion.model_validate(line["response"]["body"], strict=True)
    assert chat.choices[0].finish_reason == "length"


def test_calls_and_their_answers_become_turns() -> None:
    second = CALL | {"id": "call_2"}
    calls = {"role": "assistant", "content": "I look.", "tool_calls": [CALL, second]}
    told = {
        "role": "tool",
        "tool_call_id": "call_2",
        "content": [{"type": "text", "text": "lost"}],
    }

    body = asked(with_body(messages=[ASKS, calls, ANSWERS, told, ASKS], tools=[TOOL]))

    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Where is order 8?"}]},
        {
            "role": "assistant",
            "content": [
                {"text": "I look."},
                {"toolUse": {"toolUseId": "call_1", "name": "order_of", "input": {"id": "8"}}},
                {"toolUse": {"toolUseId": "call_2", "name": "order_of", "input": {"id": "8"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "call_1", "content": [{"text": "shipped"}]}},
                {"toolResult": {"toolUseId": "call_2", "content": [{"text": "lost"}]}},
                {"text": "Where is order 8?"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (None, {}),
        ("auto", {}),
        ("required", {"toolChoice": {"any": {}}}),
        (
            {"type": "function", "function": {"name": "order_of"}},
            {"toolChoice": {"tool": {"name": "order_of"}}},
        ),
    ],
)
def test_tools_and_the_choice_among_them_go_on(choice: Any, told: dict[str, Any]) -> None:
    bare = {"type": "function", "function": {"name": "now", "description": " ", "strict": True}}

    config = asked(with_body(tools=[TOOL, bare], tool_choice=choice))["toolConfig"]

    nothing = {"json": {"type": "object", "properties": {}}}
    assert (
        config
        == {
            "tools": [
                {
                    "toolSpec": {
                        "name": "order_of",
                        "description": "Find an order.",
                        "inputSchema": {"json": PARAMETERS},
                    }
                },
                {"toolSpec": {"name": "now", "inputSchema": nothing, "strict": True}},
            ]
        }
        | told
    )


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [TOOL], "tool_choice": "none"},
        {"tools": None, "tool_choice": "none", "parallel_tool_calls": True},
        {"tool_choice": "auto"},
    ],
)
def test_tools_that_are_not_to_be_called_are_not_sent(body: dict[str, Any]) -> None:
    assert asked(with_body(**body)) == asked(with_body())


def test_tools_are_estimated_as_they_are_written() -> None:
    assert read(with_body(tools=[TOOL])).input_tokens > read(with_body()).input_tokens + 30


def test_a_picture_goes_on() -> None:
    record = read(
        shows(
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": PIXEL, "detail": "auto"}},
        )
    )

    picture = {"format": "png", "source": {"bytes": PIXEL.partition(",")[2]}}
    assert CHAT.request(record).body["messages"] == [
        {"role": "user", "content": [{"text": "What is this?"}, {"image": picture}]}
    ]
    assert record.input_tokens == 4 + IMAGE_TOKENS
    assert record.attachments == ()


def test_a_document_goes_on_under_a_plain_name() -> None:
    file = {"file_data": MENU, "filename": "menu.pdf"}

    body = asked(shows({"type": "text", "text": "Sum up."}, {"type": "file", "file": file}))

    assert body["messages"][0]["content"][1] == {
        "document": {"format": "pdf", "name": "menu pdf", "source": {"bytes": "bWVudQ=="}}
    }


def test_what_lies_in_s3_is_named_on_the_record() -> None:
    record = read(
        shows(
            {"type": "image_url", "image_url": {"url": "s3://box/cup.jpg"}},
            {"type": "file", "file": {"file_data": "s3://box/menu.md"}},
            {"type": "text", "text": "Is it on the menu?"},
        )
    )

    assert record.attachments == ("s3://box/cup.jpg", "s3://box/menu.md")
    picture, document, _ = CHAT.request(record).body["messages"][0]["content"]
    place = {"s3Location": {"uri": "s3://box/cup.jpg"}}
    assert picture == {"image": {"format": "jpeg", "source": place}}
    assert (document["document"]["format"], document["document"]["name"]) == ("md", "document")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "custom"}]}, "body.tools[0].type"),
        ({"tools": [{"type": "function"}]}, "body.tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "body.tools[0].function.name",
        ),
        (
            {"tools": [TOOL, {"type": "function", "function": FUNCTION | {"parameters": 7}}]},
            "body.tools[1].function.parameters",
        ),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": FUNCTION
                        | {"strict": True, "parameters": {"type": "object", "maxItems": 1}},
                    }
                ]
            },
            "body.tools[0].function.parameters",
        ),
        ({"tool_choice": "required"}, "body.tool_choice"),
        ({"tools": [TOOL], "tool_choice": "any"}, "body.tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}},
            "body.tool_choice",
        ),
        ({"tools": [TOOL], "parallel_tool_calls": False}, "body.parallel_tool_calls"),
        ({"messages": [ASKS, CALLS, ANSWERS]}, "body.tools"),
        (
            {"messages": [ASKS, CALLS, ANSWERS], "tools": [TOOL], "tool_choice": "none"},
            "body.tool_choice",
        ),
        ({"stop": ""}, "body.stop"),
        ({"functions": []}, "body.functions"),
        ({"audio": {}}, "body.audio"),
    ],
)
def test_tools_that_cannot_be_honoured_are_refused_by_name(
    body: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(with_body(**body))

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([ASKS, CALLS], "body.messages"),
        ([ASKS, CALLS, ASKS], "body.messages[2]"),
        ([ASKS, ANSWERS], "body.messages[1]"),
        ([ASKS, CALLS, ANSWERS, ANSWERS], "body.messages[3]"),
        ([ASKS, CALLS, ANSWERS | {"tool_call_id": "call_2"}], "body.messages[2]"),
        (
            [
                ASKS,
                {"role": "assistant", "tool_calls": [CALL, CALL | {"id": "call_2"}]},
                ANSWERS,
                {"role": "assistant", "content": "x"},
            ],
            "body.messages[3]",
        ),
        ([CALLS, ANSWERS], "body.messages"),
        ([ASKS, {"role": "assistant", "content": None}], "body.messages[1].content"),
        ([ASKS, {"role": "assistant", "tool_calls": []}], "body.messages[1].tool_calls"),
        (
            [ASKS, CALLS | {"tool_calls": [CALL | {"id": "not one"}]}, ANSWERS],
            "body.messages[1].tool_calls[0].id",
        ),
        (
            [ASKS, CALLS | {"tool_calls": [CALL | {"function": CALLED | {"arguments": "x"}}]}],
            "body.messages[1].tool_calls[0].function.arguments",
        ),
        ([ASKS, CALLS, ANSWERS | {"content": ""}], "body.messages[2].content"),
        ([ASKS, CALLS | {"refusal": "no"}], "body.messages[1].refusal"),
    ],
)
def test_calls_that_converse_would_not_take_are_refused_by_name(
    messages: list[Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(with_body(messages=messages, tools=[TOOL]))

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    ("part", "below"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x.example/cup.png"}}, ""),
        ({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AAAA"}}, ""),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}, ""),
        ({"type": "image_url", "image_url": {"url": "s3://box/cup"}}, ""),
        ({"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}, ".image_url.detail"),
        ({"type": "file", "file": {"file_id": "file-1"}}, ".file.file_id"),
        ({"type": "file", "file": {"file_data": "bWVudQ=="}}, ""),
        ({"type": "file", "file": {"file_data": "s3://box/cup.png"}}, ""),
        ({"type": "input_audio", "input_audio": {}}, ".type"),
    ],
)
def test_a_picture_or_document_that_cannot_go_on_is_refused_by_name(
    part: dict[str, Any], below: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(shows({"type": "text", "text": "x"}, part))

    assert caught.value.code == "invalid_request"
    assert caught.value.param == f"body.messages[0].content[1]{below}"


def test_no_error_quotes_a_call_a_tool_or_an_address() -> None:
    canary = {"id": "call_1", "type": "function", "function": CALLED | {"arguments": "canary"}}
    choice = {"type": "function", "function": {"name": "canary"}}
    for line in (
        with_body(messages=[ASKS, CALLS | {"tool_calls": [canary]}, ANSWERS], tools=[TOOL]),
        with_body(tools=[{"type": "function", "function": {"name": "the canary"}}]),
        with_body(tools=[{"type": "function", "function": FUNCTION | {"parameters": "canary"}}]),
        with_body(tools=[TOOL], tool_choice=choice),
        shows({"type": "image_url", "image_url": {"url": "https://canary.example/"}}),
        shows({"type": "file", "file": {"file_data": "canary"}}),
    ):
        with pytest.raises(RecordInvalid) as caught:
            read(line)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("texts", "content"), [([], None), ([{"text": "I look."}], "I look.")])
def test_an_answer_that_calls_a_function_reads_with_openais_own_type(
    texts: list[dict[str, Any]], content: str | None
) -> None:
    answer = Completion(
        content=[*texts, TOOL_USE], stop_reason="tool_use", usage=Usage(), latency_ms=5
    )

    line = CHAT.answer(read(with_body(tools=[TOOL])), answer, Answered(key=KEY, model="m", at=NOON))

    (choice,) = reads_as(ChatCompletion, body_of(line)).choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", content)
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert (call.id, call.function.name) == ("tooluse_1", "order_of")
    assert call.function.arguments == '{"id":"8"}'


@pytest.mark.parametrize("stop_reason", ["end_turn", "stop_sequence", "max_tokens"])
def test_an_answer_says_nothing_that_openais_own_type_does_not_know(stop_reason: str) -> None:
    answered = Answered(key=KEY, model="m", at=NOON)

    line = CHAT.answer(read(with_body()), completion(stop_reason), answered)

    reads_as(ChatCompletion, body_of(line))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("invalid_request", "invalid_request"),
        ("content_filtered", "content_filtered"),
        ("deadline", "batch_expired"),
        ("cancelled", "batch_cancelled"),
    ],
)
def test_a_failure_is_told_in_openais_words(code: str, told: str) -> None:
    line = CHAT.failure("req-1", read(with_body()), None, unanswered(code))

    assert (line["response"], line["error"]["code"]) == (None, told)


RICH = with_body(
    messages=[
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "one"},
                {"type": "image_url", "image_url": {"url": PIXEL, "detail": "auto"}},
                {"type": "file", "file": {"file_data": "s3://box/menu.pdf", "filename": "menu"}},
            ],
        },
        CALLS,
        ANSWERS,
        {"role": "assistant", "content": "two"},
        ASKS,
    ],
    tools=[{"type": "function", "function": FUNCTION | {"strict": True}}],
    tool_choice={"type": "function", "function": {"name": "order_of"}},
    response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": PARAMETERS}},
    max_tokens=5,
    stop=["x"],
    metadata={"a": "b"},
)


def asked_or_refused(content: bytes) -> None:
    try:
        record = CHAT.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return
    assert orjson.dumps(CHAT.request(record).body)


def test_a_line_with_a_little_of_everything_is_taken() -> None:
    assert asked(RICH).keys() == {
        "system",
        "messages",
        "inferenceConfig",
        "outputConfig",
        "toolConfig",
    }


@given(line=odd(RICH))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    asked_or_refused(json.dumps(line).encode())


@given(content=broken(json.dumps(RICH).encode()))
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    asked_or_refused(content)


def test_the_sample_can_be_asked_line_by_line() -> None:
    found = sample("tools.openai_chat.jsonl")

    asked_for = [CHAT.request(CHAT.read(line)).body for line in found]
    assert len(asked_for) == 7
