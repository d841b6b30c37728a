import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from openai.types.responses import Response, ResponseFunctionToolCall, ResponseOutputMessage

from batchwright.dialects.openai_responses import OpenAIResponses
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import IMAGE_TOKENS
from tests.odd import broken, odd
from tests.openai_types import (
    ANSWERED,
    PIXEL,
    body_of,
    completion,
    line_for,
    reads_as,
    sample,
    unanswered,
)

RESPONSES = OpenAIResponses()
URL = "/v1/responses"
STORY = "Tell me a three sentence bedtime story about a unicorn."
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}}
TOOL = {
    "type": "function",
    "name": "order_of",
    "description": "Find an order.",
    "parameters": {"type": "object", "properties": {"id": {"type": "string"}}},
}
CALL = {"type": "function_call", "call_id": "call_1", "name": "order_of", "arguments": '{"id":"8"}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "shipped"}
ASKS = {"role": "user", "content": "Where is order 8?"}
MENU = "data:application/pdf;base64,bWVudQ=="
TOOL_USE = {"toolUse": {"toolUseId": "tooluse_1", "name": "order_of", "input": {"id": "8"}}}


def line_of(**body: Any) -> dict[str, Any]:
    return line_for(URL, {"model": "gpt-5.6", "input": STORY} | body)


def shows(*parts: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [*parts]}]}


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else {}


def read(line: dict[str, Any]) -> Record:
    return RESPONSES.read(Line(7, 0, 0, json.dumps(line).encode()))


def asked(**body: Any) -> dict[str, Any]:
    return RESPONSES.request(read(line_of(**body))).body


def test_the_documented_example_becomes_a_converse_request() -> None:
    record = read(line_of())

    assert (record.record_id, record.model, record.max_tokens) == ("req-1", "gpt-5.6", None)
    assert record.input_tokens == 14
    assert RESPONSES.request(record).body == {
        "messages": [{"role": "user", "content": [{"text": STORY}]}],
        "inferenceConfig": {},
    }


def test_a_line_that_says_everything_becomes_a_converse_request() -> None:
    record = read(
        line_of(
            instructions="You label tickets.",
            input=[
                {"role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
                {"type": "message", "role": "user", "content": "one"},
                {
                    "type": "message",
                    "id": "msg_1",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "two", "annotations": []}],
                },
                {"role": "user", "content": [{"type": "input_text", "text": "three"}]},
                {"role": "system", "content": "Be kind."},
                {"role": "assistant", "content": "four"},
                {"role": "user", "content": "five"},
            ],
            max_output_tokens=200,
            temperature=0,
            top_p=0.5,
            text={
                "format": {
                    "type": "json_schema",
                    "name": "label",
                    "schema": SCHEMA,
                    "description": "What it is about.",
                }
            },
        )
    )

    assert record.max_tokens == 200
    assert RESPONSES.request(record).body == {
        "system": [{"text": "You label tickets."}, {"text": "Be brief."}, {"text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [{"text": "one"}]},
            {"role": "assistant", "content": [{"text": "two"}]},
            {"role": "user", "content": [{"text": "three"}]},
            {"role": "assistant", "content": [{"text": "four"}]},
            {"role": "user", "content": [{"text": "five"}]},
        ],
        "inferenceConfig": {"maxTokens": 200, "temperature": 0, "topP": 0.5},
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


def test_calls_and_their_outputs_become_turns() -> None:
    second = CALL | {"call_id": "call_2", "id": "fc_2", "status": "completed"}
    told = OUTPUT | {"call_id": "call_2", "output": [{"type": "input_text", "text": "lost"}]}

    body = asked(input=[ASKS, CALL, second, OUTPUT, told], tools=[TOOL])

    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Where is order 8?"}]},
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "call_1", "name": "order_of", "input": {"id": "8"}}},
                {"toolUse": {"toolUseId": "call_2", "name": "order_of", "input": {"id": "8"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "call_1", "content": [{"text": "shipped"}]}},
                {"toolResult": {"toolUseId": "call_2", "content": [{"text": "lost"}]}},
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
            {"type": "function", "name": "order_of"},
            {"toolChoice": {"tool": {"name": "order_of"}}},
        ),
    ],
)
def test_tools_and_the_choice_among_them_go_on(choice: Any, told: dict[str, Any]) -> None:
    config = asked(tools=[TOOL | {"strict": True}], tool_choice=choice)["toolConfig"]

    spec = {
        "name": "order_of",
        "description": "Find an order.",
        "inputSchema": {"json": TOOL["parameters"]},
        "strict": True,
    }
    assert config == {"tools": [{"toolSpec": spec}]} | told


def test_a_picture_goes_on() -> None:
    record = read(
        line_of(
            **shows(
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
            )
        )
    )

    picture = {"format": "png", "source": {"bytes": PIXEL.partition(",")[2]}}
    assert RESPONSES.request(record).body["messages"][0]["content"] == [
        {"text": "What is this?"},
        {"image": picture},
    ]
    assert record.input_tokens == 4 + IMAGE_TOKENS
    assert record.attachments == ()


@pytest.mark.parametrize("place", ["file_data", "file_url"])
def test_a_document_goes_on(place: str) -> None:
    body = asked(
        **shows(
            {"type": "input_text", "text": "What is there?"},
            {"type": "input_file", place: MENU, "filename": "menu.pdf"},
        )
    )

    assert body["messages"][0]["content"][1] == {
        "document": {"format": "pdf", "name": "menu pdf", "source": {"bytes": "bWVudQ=="}}
    }


def test_what_lies_in_s3_is_named_on_the_record() -> None:
    record = read(
        line_of(
            **shows(
                {"type": "input_image", "image_url": "s3://box/cup.png"},
                {"type": "input_file", "file_url": "s3://box/menu.pdf"},
                {"type": "input_text", "text": "Is it on the menu?"},
            )
        )
    )

    assert record.attachments == ("s3://box/cup.png", "s3://box/menu.pdf")


@pytest.mark.parametrize(
    "body",
    [
        {"store": False, "stream": False, "background": False, "parallel_tool_calls": True},
        {"truncation": "disabled", "service_tier": "auto", "include": [], "top_logprobs": 0},
        {"previous_response_id": None, "reasoning": None, "conversation": None, "prompt": None},
        {"max_tool_calls": None, "stream_options": None, "store": None},
        {"text": {"format": {"type": "text"}, "verbosity": "medium"}},
        {"tools": [], "tool_choice": "auto"},
        {"tools": [TOOL], "tool_choice": "none"},
        {"metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k"},
    ],
)
def test_a_parameter_that_asks_for_the_default_is_taken(body: dict[str, Any]) -> None:
    assert asked(**body) == asked()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": ""}, "body.model"),
        ({"input": None}, "body.input"),
        ({"input": " "}, "body.input"),
        ({"input": []}, "body.input"),
        ({"input": [7]}, "body.input[0]"),
        ({"input": [{"content": "x"}]}, "body.input[0].role"),
        ({"input": [{"role": "critic", "content": "x"}]}, "body.input[0].role"),
        ({"input": [{"role": "user", "content": ""}]}, "body.input[0].content"),
        ({"input": [{"role": "user", "content": "x", "name": "n"}]}, "body.input[0].name"),
        ({"input": [{"role": "assistant", "content": "x"}]}, "body.input"),
        ({"input": [{"role": "system", "content": "x"}]}, "body.input"),
        ({"input": [ASKS, {"type": "reasoning", "id": "r"}]}, "body.input[1].type"),
        ({"input": [ASKS, {"type": "item_reference", "id": "r"}]}, "body.input[1].type"),
        ({"input": [ASKS, {"type": 7}]}, "body.input[1].type"),
        (shows({"type": "input_text", "text": " "}), "body.input[0].content[0].text"),
        (shows({"type": "input_audio"}), "body.input[0].content[0].type"),
        (shows({"type": "output_text", "text": "x"}), "body.input[0].content[0].type"),
        (
            shows({"type": "input_image", "file_id": "file-1"}),
            "body.input[0].content[0].file_id",
        ),
        (
            shows({"type": "input_image", "image_url": "https://x.example/cup.png"}),
            "body.input[0].content[0]",
        ),
        (
            shows({"type": "input_image", "image_url": PIXEL, "detail": "high"}),
            "body.input[0].content[0].detail",
        ),
        (shows({"type": "input_file", "filename": "menu.pdf"}), "body.input[0].content[0]"),
        (
            shows({"type": "input_file", "file_data": MENU, "file_url": MENU}),
            "body.input[0].content[0]",
        ),
        (
            shows({"type": "input_file", "file_url": "https://x.example/menu.pdf"}),
            "body.input[0].content[0]",
        ),
        (
            {
                "input": [
                    ASKS,
                    {
                        "role": "assistant",
                        "content": [
                            {
                                "type": "output_text",
                                "text": "x",
                                "annotations": [{"type": "url_citation"}],
                            }
                        ],
                    },
                ]
            },
            "body.input[1].content[0].annotations",
        ),
        (
            {
                "input": [
                    ASKS,
                    {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
                ]
            },
            "body.input[1].content[0].type",
        ),
        ({"input": [ASKS, CALL, OUTPUT]}, "body.tools"),
        ({"input": [ASKS, CALL], "tools": [TOOL]}, "body.input"),
        ({"input": [ASKS, OUTPUT], "tools": [TOOL]}, "body.input[1]"),
        ({"input": [ASKS, CALL, ASKS], "tools": [TOOL]}, "body.input[2]"),
        (
            {"input": [ASKS, CALL | {"arguments": "[]"}, OUTPUT], "tools": [TOOL]},
            "body.input[1].arguments",
        ),
        (
            {"input": [ASKS, CALL, OUTPUT | {"output": " "}], "tools": [TOOL]},
            "body.input[2].output",
        ),
        (
            {
                "input": [
                    ASKS,
                    CALL,
                    OUTPUT | {"output": [{"type": "input_text", "text": ""}]},
                ],
                "tools": [TOOL],
            },
            "body.input[2].output[0].text",
        ),
        ({"instructions": ""}, "body.instructions"),
        ({"max_output_tokens": 0}, "body.max_output_tokens"),
        ({"temperature": 1.5}, "body.temperature"),
        ({"top_p": -1}, "body.top_p"),
        ({"text": {"format": {"type": "json_object"}}}, "body.text.format.type"),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"minimum": 1}}}},
            "body.text.format.schema",
        ),
        ({"text": {"verbosity": "low"}}, "body.text.verbosity"),
        ({"tools": [{"type": "web_search"}]}, "body.tools[0].type"),
        ({"tools": [TOOL | {"parameters": [1]}]}, "body.tools[0].parameters"),
        ({"tools": [TOOL | {"parameters": nested(250)}]}, "body.tools[0].parameters"),
        ({"tools": [TOOL | {"parameters": nested(900)}]}, "body.tools[0].parameters"),
        ({"tools": [TOOL | {"parameters": {"x": "x" * 100_000}}]}, "body.tools[0].parameters"),
        (
            {"tools": [TOOL | {"strict": True, "parameters": {"maxLength": 1}}]},
            "body.tools[0].parameters",
        ),
        ({"tools": [TOOL | {"defer_loading": True}]}, "body.tools[0].defer_loading"),
        ({"tool_choice": "required"}, "body.tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "name": "other"}},
            "body.tool_choice",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "file_search"}}, "body.tool_choice.type"),
        ({"parallel_tool_calls": False}, "body.parallel_tool_calls"),
        ({"store": True}, "body.store"),
        ({"stream": True}, "body.stream"),
        ({"background": True}, "body.background"),
        ({"truncation": "auto"}, "body.truncation"),
        ({"service_tier": "flex"}, "body.service_tier"),
        ({"include": ["message.output_text.logprobs"]}, "body.include"),
        ({"top_logprobs": 3}, "body.top_logprobs"),
        ({"previous_response_id": "resp_1"}, "body.previous_response_id"),
        ({"conversation": "conv_1"}, "body.conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "body.prompt"),
        ({"reasoning": {"effort": "low"}}, "body.reasoning"),
        ({"max_tool_calls": 2}, "body.max_tool_calls"),
        ({"stream_options": {}}, "body.stream_options"),
        ({"seed": 7}, "body.seed"),
        ({"messages": []}, "body.messages"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(
    body: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of(**body))

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)
    assert param in str(caught.value)
    assert caught.value.record_id == "req-1"


def test_a_line_of_another_endpoint_is_refused() -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of() | {"url": "/v1/chat/completions"})

    assert (caught.value.code, caught.value.param) == ("url_mismatch", "url")


@pytest.mark.parametrize(("url", "speaks"), [(URL, True), ("/v1/completions", False)])
def test_a_line_for_responses_is_told_by_its_url(url: str, speaks: bool) -> None:
    assert OpenAIResponses.speaks(line_of() | {"url": url}) is speaks


@pytest.mark.parametrize(
    "body",
    [
        {"input": {"canary": 1}},
        {"input": [{"type": "canary"}]},
        {"input": [{"role": "canary", "content": "canary"}]},
        {"input": [ASKS, CALL | {"arguments": "canary"}, OUTPUT], "tools": [TOOL]},
        {"input": [ASKS, CALL | {"call_id": "canary !"}, OUTPUT], "tools": [TOOL]},
        {"tools": [{"type": "canary"}]},
        {"tools": [TOOL | {"parameters": "canary"}]},
        {"tool_choice": {"type": "function", "name": "canary"}, "tools": [TOOL]},
        {"text": {"format": {"type": "canary"}}},
        {"previous_response_id": "canary"},
        shows({"type": "input_image", "image_url": "https://canary.example/"}),
        shows({"type": "input_file", "file_data": "canary"}),
    ],
)
def test_no_error_quotes_the_record(body: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of(**body))

    assert "canary" not in str(caught.value)


def test_an_answer_reads_with_openais_own_type() -> None:
    line = RESPONSES.answer(
        read(line_of()), completion({"text": "Once "}, {"text": "more."}), ANSWERED
    )

    told = reads_as(Response, body_of(line))
    assert told.id == "resp_0123456789abcdef01234567"
    assert (told.status, told.error, told.incomplete_details) == ("completed", None, None)
    assert told.model == "us.amazon.nova-lite-v1:0"
    assert told.output_text == "Once more."
    (message,) = told.output
    assert isinstance(message, ResponseOutputMessage)
    assert message.status == "completed"
    assert told.usage is not None
    assert (told.usage.input_tokens, told.usage.output_tokens) == (22, 9)
    assert told.usage.total_tokens == 31


def test_an_answer_repeats_what_was_asked() -> None:
    record = read(
        line_of(
            instructions="You label tickets.",
            max_output_tokens=200,
            temperature=0.5,
            top_p=0.9,
            metadata={"team": "shop"},
            user="u",
            tools=[TOOL],
            tool_choice={"type": "function", "name": "order_of"},
            text={"format": {"type": "json_schema", "name": "label", "schema": SCHEMA}},
        )
    )

    told = reads_as(Response, body_of(RESPONSES.answer(record, completion(TOOL_USE), ANSWERED)))

    repeated = told.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert repeated["instructions"] == "You label tickets."
    assert repeated["max_output_tokens"] == 200
    assert (repeated["temperature"], repeated["top_p"]) == (0.5, 0.9)
    assert (repeated["metadata"], repeated["user"]) == ({"team": "shop"}, "u")
    assert repeated["tools"] == [TOOL]
    assert repeated["tool_choice"] == {"type": "function", "name": "order_of"}
    assert repeated["text"]["format"] == {"type": "json_schema", "name": "label", "schema": SCHEMA}


def test_an_answer_that_calls_a_function_reads_with_openais_own_type() -> None:
    answer = completion({"text": "I look."}, TOOL_USE, stop_reason="tool_use")

    line = RESPONSES.answer(read(line_of(tools=[TOOL])), answer, ANSWERED)

    told = reads_as(Response, body_of(line))
    assert (told.status, told.output_text) == ("completed", "I look.")
    call = told.output[1]
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.call_id, call.name, call.arguments) == ("tooluse_1", "order_of", '{"id":"8"}')


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("invalid_request", "invalid_request"),
        ("timed_out", "timed_out"),
        ("content_filtered", "content_filtered"),
        ("deadline", "batch_expired"),
        ("cancelled", "batch_cancelled"),
    ],
)
def test_a_failure_has_the_shape_of_openais_error_file(code: str, told: str) -> None:
    for record in (None, read(line_of())):
        line = RESPONSES.failure("req-1", record, None, unanswered(code, "body.input"))

        assert line == {
            "id": "batch_req_0123456789abcdef01234567",
            "custom_id": "req-1",
            "response": None,
            "error": {"code": told, "message": "told", "param": "body.input", "line": 7},
        }


def test_a_cut_answer_goes_with_its_failure() -> None:
    cut = completion({"text": "Once"}, stop_reason="max_tokens")

    line = RESPONSES.failure("req-1", read(line_of()), cut, unanswered("truncated"))

    assert line["error"]["code"] == "truncated"
    told = reads_as(Response, body_of(line))
    assert (told.status, told.output_text) == ("incomplete", "Once")
    assert told.incomplete_details is not None
    assert told.incomplete_details.reason == "max_output_tokens"


RICH = line_of(
    instructions="You help.",
    input=[
        {"role": "system", "content": "Be brief."},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "one"},
                {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
                {"type": "input_file", "file_url": "s3://box/menu.pdf", "filename": "menu"},
            ],
        },
        CALL,
        OUTPUT | {"output": [{"type": "input_text", "text": "two"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "three"}]},
        ASKS,
    ],
    tools=[TOOL | {"strict": True}],
    tool_choice={"type": "function", "name": "order_of"},
    text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}},
    metadata={"a": "b"},
    max_output_tokens=5,
    temperature=0.5,
)


def asked_or_refused(content: bytes) -> None:
    try:
        record = RESPONSES.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return
    assert orjson.dumps(RESPONSES.request(record).body)
    line = RESPONSES.answer(record, completion({"text": "x"}, TOOL_USE), ANSWERED)
    reads_as(Response, body_of(line))


@given(line=odd(RICH))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    asked_or_refused(json.dumps(line).encode())


@given(content=broken(json.dumps(RICH).encode()))
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    asked_or_refused(content)


def test_the_sample_can_be_asked_line_by_line() -> None:
    found = sample("questions.openai_responses.jsonl")

    assert all(RESPONSES.speaks(orjson.loads(line.content or b"")) for line in found)
    asked_for = [RESPONSES.request(RESPONSES.read(line)).body for line in found]
    assert len(asked_for) == 8
