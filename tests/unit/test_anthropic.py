import json
from base64 import b64encode
from typing import Any

import orjson
import pytest
from anthropic.types import Message
from anthropic.types.messages import (
    MessageBatchErroredResult,
    MessageBatchIndividualResponse,
    MessageBatchSucceededResult,
)
from hypothesis import given

from batchwright.completion import Completion
from batchwright.dialects.anthropic import Anthropic
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.errors import RecordInvalid
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import IMAGE_TOKENS
from batchwright.usage import Usage
from tests.fakes import NOON
from tests.odd import broken, odd

ANTHROPIC = Anthropic()
KEY = "0123456789abcdef" * 4
PIXEL = b64encode(b"picture").decode()
TOOL = {
    "name": "order_of",
    "description": "Find an order.",
    "input_schema": {"type": "object", "properties": {"id": {"type": "string"}}},
}
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "order_of", "input": {"id": "8841"}}


def line_of(**params: Any) -> dict[str, Any]:
    """The first line of the peer's documentation, in our words."""
    asked = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": "My card was declined"}],
    }
    return {"custom_id": "req-1", "params": asked | params}


def says(*blocks: Any) -> dict[str, Any]:
    return line_of(messages=[{"role": "user", "content": [*blocks]}])


def read(line: Any) -> Record:
    return ANTHROPIC.read(Line(7, 0, 0, json.dumps(line).encode()))


def body(line: dict[str, Any]) -> dict[str, Any]:
    return ANTHROPIC.request(read(line)).body


def completion(stop_reason: str = "end_turn", *content: dict[str, Any]) -> Completion:
    return Completion(
        content=[*content] or [{"text": "pay"}, {"text": "ments"}],
        stop_reason=stop_reason,
        usage=Usage(input_tokens=22, output_tokens=9, cache_read_tokens=3, cache_write_tokens=2),
        latency_ms=812,
        request_id="abc",
    )


def test_a_request_of_a_message_batch_becomes_a_converse_request() -> None:
    record = read(
        line_of(
            system="You label tickets.",
            messages=[
                {"role": "user", "content": "one"},
                {"role": "user", "content": [{"type": "text", "text": "two"}]},
                {"role": "assistant", "content": "three"},
                {"role": "user", "content": "four"},
                {"role": "assistant", "content": [{"type": "text", "text": "The label is"}]},
            ],
            temperature=0,
            top_p=0.5,
            stop_sequences=["END"],
        )
    )

    assert record.record_id == "req-1"
    assert record.model == "claude-sonnet-4-6"
    assert record.max_tokens == 200
    assert record.family is None
    assert ANTHROPIC.request(record).body == {
        "system": [{"text": "You label tickets."}],
        "messages": [
            {"role": "user", "content": [{"text": "one"}, {"text": "two"}]},
            {"role": "assistant", "content": [{"text": "three"}]},
            {"role": "user", "content": [{"text": "four"}]},
            {"role": "assistant", "content": [{"text": "The label is"}]},
        ],
        "inferenceConfig": {
            "maxTokens": 200,
            "temperature": 0,
            "topP": 0.5,
            "stopSequences": ["END"],
        },
    }


def test_what_may_be_cached_is_marked_for_converse() -> None:
    five_minutes = {"type": "ephemeral"}
    an_hour = {"type": "ephemeral", "ttl": "1h"}
    asked = body(
        line_of(
            system=[{"type": "text", "text": "long", "cache_control": five_minutes}],
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "mail", "cache_control": an_hour},
                        {"type": "text", "text": "question"},
                    ],
                }
            ],
            tools=[TOOL | {"cache_control": {"type": "ephemeral", "ttl": "5m"}}],
            cache_control=five_minutes,
        )
    )

    point = {"cachePoint": {"type": "default"}}
    assert asked["system"] == [{"text": "long"}, point]
    assert asked["messages"][0]["content"] == [
        {"text": "mail"},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "question"},
        point,
    ]
    assert asked["toolConfig"]["tools"][1] == point


@pytest.mark.parametrize(
    ("block", "made"),
    [
        (
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
            },
            {"image": {"format": "png", "source": {"bytes": PIXEL}}},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "s3://shop/cup.jpg"}},
            {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://shop/cup.jpg"}}}},
        ),
        (
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL},
                "title": "menu.pdf",
                "context": "of last year",
                "citations": {"enabled": False},
            },
            {
                "document": {
                    "format": "pdf",
                    "name": "menu pdf",
                    "source": {"bytes": PIXEL},
                    "context": "of last year",
                }
            },
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "espresso 2 €"},
            },
            {
                "document": {
                    "format": "txt",
                    "name": "document",
                    "source": {"bytes": b64encode("espresso 2 €".encode()).decode()},
                }
            },
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "s3://shop/menu.pdf"}},
            {
                "document": {
                    "format": "pdf",
                    "name": "document",
                    "source": {"s3Location": {"uri": "s3://shop/menu.pdf"}},
                }
            },
        ),
    ],
)
def test_pictures_and_documents_become_converses(
    block: dict[str, Any], made: dict[str, Any]
) -> None:
    assert body(says({"type": "text", "text": "look"}, block))["messages"][0]["content"][1] == made


def test_a_picture_counts_and_what_lies_in_s3_is_named() -> None:
    block = {"type": "image", "source": {"type": "url", "url": "s3://shop/cup.png"}}

    record = read(says({"type": "text", "text": "look"}, block))

    assert record.input_tokens == IMAGE_TOKENS + 1
    assert record.attachments == ("s3://shop/cup.png",)


def test_tools_their_calls_and_their_answers_become_converses() -> None:
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    }
    asked = body(
        line_of(
            messages=[
                {"role": "user", "content": "Where is 8841?"},
                {"role": "assistant", "content": [CALL | {"caller": {"type": "direct"}}]},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_1",
                            "content": [{"type": "text", "text": "on its way"}, picture],
                        },
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_2",
                            "content": "no such order",
                            "is_error": True,
                        },
                    ],
                },
            ],
            tools=[TOOL | {"type": "custom", "strict": True}],
            tool_choice={"type": "tool", "name": "order_of", "disable_parallel_tool_use": False},
        )
    )

    assert asked["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "order_of",
                    "description": "Find an order.",
                    "inputSchema": {"json": TOOL["input_schema"]},
                    "strict": True,
                }
            }
        ],
        "toolChoice": {"tool": {"name": "order_of"}},
    }
    assert asked["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "toolu_1", "name": "order_of", "input": {"id": "8841"}}}
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "toolu_1",
                        "content": [
                            {"text": "on its way"},
                            {"image": {"format": "png", "source": {"bytes": PIXEL}}},
                        ],
                    }
                },
                {
                    "toolResult": {
                        "toolUseId": "toolu_2",
                        "content": [{"text": "no such order"}],
                        "status": "error",
                    }
                },
            ],
        },
    ]


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ({"type": "auto"}, None),
        ({"type": "any", "disable_parallel_tool_use": False}, {"any": {}}),
        ({"type": "tool", "name": "order_of"}, {"tool": {"name": "order_of"}}),
    ],
)
def test_a_choice_of_tools_becomes_converses(
    choice: dict[str, Any], made: dict[str, Any] | None
) -> None:
    assert body(line_of(tools=[TOOL], tool_choice=choice))["toolConfig"].get("toolChoice") == made


def test_tools_that_must_not_be_called_are_not_offered() -> None:
    assert "toolConfig" not in body(line_of(tools=[TOOL], tool_choice={"type": "none"}))


def test_a_schema_holds_the_answer() -> None:
    asked = body(line_of(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}))

    structure = asked["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert structure["name"] == "answer"
    assert structure["schema"] == '{"type":"object","properties":{"label":{"type":"string"}}}'


def test_top_k_asks_a_model_of_anthropic_and_no_other() -> None:
    record = read(line_of(top_k=5))

    assert record.family == "anthropic"
    assert ANTHROPIC.request(record).family is None
    assert ANTHROPIC.request(record).body["additionalModelRequestFields"] == {"top_k": 5}


@pytest.mark.parametrize(
    "params",
    [
        {"stream": False, "metadata": {"user_id": "u"}, "service_tier": "standard_only"},
        {"service_tier": "auto", "speed": "standard", "stop_sequences": [], "metadata": {}},
        {"temperature": None, "top_p": None, "top_k": None, "system": None, "tools": None},
        {"output_config": {}, "tool_choice": None, "cache_control": None},
        {"tool_choice": {"type": "none"}},
    ],
)
def test_a_parameter_that_asks_for_the_default_is_taken(params: dict[str, Any]) -> None:
    assert body(line_of(**params)) == body(line_of())


THINKS = {"type": "thinking", "thinking": "canary", "signature": "canary"}
FETCHED = {"type": "url", "url": "https://canary.example/cup.png"}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "canary"}


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"model": ""}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"top_k": 0}, "top_k"),
        ({"stop_sequences": [""]}, "stop_sequences[0]"),
        ({"stream": True}, "stream"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
        ({"container": "canary"}, "container"),
        ({"mcp_servers": []}, "mcp_servers"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"speed": "fast"}, "speed"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, "output_format"),
        ({"output_config": {"effort": "low"}}, "output_config.effort"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"minimum": 1}}}},
            "output_config.format.schema",
        ),
        ({"metadata": {"canary": "canary"}}, "metadata.canary"),
        ({"system": " "}, "system"),
        ({"system": [{"type": "text", "text": ""}]}, "system[0].text"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "canary"}]}, "messages"),
        ({"messages": [{"role": "system", "content": "canary"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [THINKS]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": " "}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": FETCHED}]}]},
            "messages[0].content[0].source",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "document", "source": {"type": "file", "file_id": "canary"}}
                        ],
                    }
                ]
            },
            "messages[0].content[0].source.type",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "document",
                                "source": {
                                    "type": "text",
                                    "media_type": "text/plain",
                                    "data": "canary",
                                },
                                "citations": {"enabled": True},
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].citations.enabled",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "canary"},
                    {"role": "assistant", "content": [CALL]},
                ]
            },
            "tools",
        ),
        (
            {"messages": [{"role": "user", "content": [RESULT | {"content": ""}]}]},
            "messages[0].content[0].content",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            RESULT
                            | {
                                "content": [
                                    {
                                        "type": "image",
                                        "source": {"type": "url", "url": "s3://canary/a.png"},
                                    }
                                ]
                            }
                        ],
                    }
                ],
                "tools": [TOOL],
            },
            "messages[0].content[0].content[0].source",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            RESULT
                            | {
                                "content": [
                                    {
                                        "type": "text",
                                        "text": "canary",
                                        "cache_control": {"type": "ephemeral"},
                                    }
                                ]
                            }
                        ],
                    }
                ],
                "tools": [TOOL],
            },
            "messages[0].content[0].content[0].cache_control",
        ),
        (
            {
                "messages": [{"role": "user", "content": [RESULT]}],
                "tools": [TOOL],
                "tool_choice": {"type": "none"},
            },
            "tool_choice",
        ),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"tools": [{"name": "canary"}]}, "tools[0].input_schema"),
        ({"tools": [TOOL | {"name": "two words"}]}, "tools[0].name"),
        ({"tools": [TOOL | {"defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "tool_choice.name"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            "tool_choice.disable_parallel_tool_use",
        ),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_refused_by_name(
    params: dict[str, Any], param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line_of(**params))

    assert caught.value.code == "invalid_request"
    assert caught.value.param == f"params.{param}"
    assert param in str(caught.value)
    assert caught.value.record_id == "req-1"
    assert "canary" not in str(caught.value).replace("metadata.canary", "")


def test_a_number_that_nothing_can_write_is_refused() -> None:
    huge = TOOL | {"input_schema": {"maximum": 2**80}}

    with pytest.raises(RecordInvalid, match="too large") as caught:
        read(line_of(tools=[huge]))

    assert caught.value.param == "params.tools[0].input_schema"


@pytest.mark.parametrize("custom_id", ["a b/ü", "x" * 200])
def test_an_id_may_be_any_text(custom_id: str) -> None:
    assert read(line_of() | {"custom_id": custom_id}).record_id == custom_id


@pytest.mark.parametrize(
    ("line", "param"),
    [
        (line_of() | {"custom_id": ""}, "custom_id"),
        (line_of() | {"custom_id": 7}, "custom_id"),
        ({"params": line_of()["params"]}, "custom_id"),
        ({"custom_id": "a"}, "params"),
        (line_of() | {"priority": 1}, "priority"),
    ],
)
def test_a_line_that_is_no_request_is_refused(line: dict[str, Any], param: str) -> None:
    with pytest.raises(RecordInvalid) as caught:
        read(line)

    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


@pytest.mark.parametrize("line", [1, None, "text", [2]])
def test_an_element_that_is_no_object_is_told_with_its_line(line: Any) -> None:
    with pytest.raises(RecordInvalid, match="line 7") as caught:
        read(line)

    assert caught.value.code == "invalid_json_line"


@pytest.mark.parametrize(
    ("fields", "speaks"),
    [
        (line_of(), True),
        ({"custom_id": "a", "body": {}}, False),
        ({"params": {}}, False),
    ],
)
def test_the_dialect_is_told_by_a_line(fields: dict[str, Any], speaks: bool) -> None:
    assert Anthropic.speaks(fields) is speaks


def as_result(line: dict[str, Any]) -> MessageBatchIndividualResponse:
    return MessageBatchIndividualResponse.model_validate_json(orjson.dumps(line), strict=True)


@pytest.mark.parametrize(
    ("stop_reason", "told"),
    [("end_turn", "end_turn"), ("stop_sequence", "stop_sequence"), ("max_tokens", "max_tokens")],
)
def test_an_answer_reads_with_anthropics_own_types(stop_reason: str, told: str) -> None:
    answered = Answered(key=KEY, model="m", at=NOON)
    line = as_result(ANTHROPIC.answer(read(line_of()), completion(stop_reason), answered))

    assert line.custom_id == "req-1"
    assert isinstance(line.result, MessageBatchSucceededResult)
    message = line.result.message
    assert message.id == "msg_0123456789abcdef01234567"
    assert [block.text for block in message.content if block.type == "text"] == ["pay", "ments"]
    assert message.stop_reason == told
    assert message.model == "m"
    assert message.usage.input_tokens == 22
    assert message.usage.output_tokens == 9
    assert message.usage.cache_read_input_tokens == 3
    assert message.usage.cache_creation_input_tokens == 2


def test_a_call_of_a_tool_reads_with_anthropics_own_types() -> None:
    call = {"toolUse": {"toolUseId": "tooluse_1", "name": "order_of", "input": {"id": "8841"}}}
    thought = {"reasoningContent": {"reasoningText": {"text": "hm"}}}
    answered = Answered(key=KEY, model="m", at=NOON)
    line = as_result(
        ANTHROPIC.answer(read(line_of()), completion("tool_use", thought, call), answered)
    )

    assert isinstance(line.result, MessageBatchSucceededResult)
    (block,) = line.result.message.content
    assert block.type == "tool_use"
    assert (block.id, block.name, block.input) == ("tooluse_1", "order_of", {"id": "8841"})
    assert line.result.message.stop_reason == "tool_use"


def unanswered(code: str) -> Unanswered:
    return Unanswered(code=code, message="told", line=7, param=None, key=KEY, model="m", at=NOON)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_request", "invalid_request_error"),
        ("content_filtered", "invalid_request_error"),
        ("model_not_found", "not_found_error"),
        ("access_denied", "permission_error"),
        ("throttled", "rate_limit_error"),
        ("timed_out", "timeout_error"),
        ("unavailable", "overloaded_error"),
        ("service_fault", "api_error"),
        ("unforeseen", "api_error"),
        ("budget:usd", "billing_error"),
    ],
)
def test_a_failure_reads_with_anthropics_own_types(code: str, kind: str) -> None:
    line = as_result(ANTHROPIC.failure("req-1", None, None, unanswered(code)))

    assert isinstance(line.result, MessageBatchErroredResult)
    assert line.result.error.error.type == kind
    assert line.result.error.error.message == f"{code}: told (line 7)"


@pytest.mark.parametrize(("code", "kind"), [("deadline", "expired"), ("cancelled", "canceled")])
def test_a_record_that_was_not_asked_has_anthropics_word_for_it(code: str, kind: str) -> None:
    line = ANTHROPIC.failure("req-1", read(line_of()), None, unanswered(code))

    assert line == {"custom_id": "req-1", "result": {"type": kind}}
    assert as_result(line).result.type == kind


def test_a_line_without_an_id_is_known_by_its_number() -> None:
    line = as_result(ANTHROPIC.failure(None, None, None, unanswered("invalid_json_line")))

    assert line.custom_id == "line-7"


def test_a_cut_answer_goes_with_its_failure() -> None:
    line = ANTHROPIC.failure("req-1", None, completion("max_tokens"), unanswered("truncated"))

    assert isinstance(as_result(line).result, MessageBatchErroredResult)
    cut = Message.model_validate_json(orjson.dumps(line["result"]["message"]), strict=True)
    assert cut.stop_reason == "max_tokens"


RICH = line_of(
    system=[{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    messages=[
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                },
            ],
        },
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [RESULT]},
    ],
    tools=[TOOL],
    tool_choice={"type": "auto"},
    top_k=3,
    output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
)


@given(line=odd(RICH))
def test_whatever_is_odd_about_a_line_is_told_or_can_be_asked(line: dict[str, Any]) -> None:
    try:
        record = read(line)
    except RecordInvalid:
        return

    assert orjson.dumps(ANTHROPIC.request(record).body)


@given(content=broken(json.dumps(RICH).encode()))
def test_whatever_bytes_a_line_holds_it_is_told_or_can_be_asked(content: bytes) -> None:
    try:
        record = ANTHROPIC.read(Line(7, 0, 0, content))
    except RecordInvalid:
        return

    assert orjson.dumps(ANTHROPIC.request(record).body)
