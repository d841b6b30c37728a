"""Converse's requests in Claude's and Nova's own words: the same conversation, or refused with the place."""

import json
from typing import Any

import pytest
from hypothesis import given

from batchwright.batchlines import asked_line
from batchwright.dialects.anthropic import Anthropic
from batchwright.errors import RecordInvalid
from batchwright.lines import lines
from batchwright.request import Request
from batchwright.rewording import FAMILIES, reworded
from batchwright.schema import structured_output
from tests.canary import CANARY
from tests.odd import odd

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = {"name": "weather", "description": "The weather.", "inputSchema": {"json": SCHEMA}}
TOOLS = {"tools": [{"toolSpec": WEATHER}]}
MARK = {"cachePoint": {"type": "default"}}
PNG = {"format": "png", "source": {"bytes": "iVBORw=="}}
PDF = {"format": "pdf", "name": "bill", "source": {"bytes": "JVBERg=="}}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [*blocks]}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": [*blocks]}


def text(said: str) -> dict[str, Any]:
    return {"text": said}


def called(call_id: str, **given: Any) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": call_id, "name": "weather", "input": given}}


def returned(call_id: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call_id, "content": [*content], **more}}


def asking(*messages: dict[str, Any], **more: Any) -> Request:
    body = {"messages": [*messages] or [user(text("hello"))], "toolConfig": TOOLS}
    return Request({**body, "inferenceConfig": {"maxTokens": 50}, **more})


def test_claude_is_asked_in_the_words_of_its_messages() -> None:
    thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}}
    request = asking(
        user(text("How is Oslo?"), {"image": PNG}, MARK),
        assistant(thought, text("I look."), called("c1", city="Oslo")),
        user(
            returned("c1", text("wet"), {"json": {"mm": 3}}, {"image": PNG}, status="error"),
            {"document": {**PDF, "context": "Of May."}},
            text("And the bill?"),
        ),
        system=[text("Be short."), MARK, text("Be kind.")],
        inferenceConfig={"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        toolConfig={
            "tools": [{"toolSpec": {**WEATHER, "strict": True}}, MARK],
            "toolChoice": {"tool": {"name": "weather"}},
        },
        outputConfig=structured_output(json.dumps(SCHEMA), "answer"),
        additionalModelRequestFields={
            "top_k": 5,
            "thinking": {"type": "disabled"},
            "output_config": {"effort": "low"},
        },
    )

    asked = reworded(request, "anthropic")

    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
    }
    assert asked.family == "anthropic"
    assert asked.max_tokens == 50
    assert asked.body == {
        "anthropic_version": "bedrock-2023-05-31",
        "system": [
            {"type": "text", "text": "Be short."},
            {"type": "text", "text": "Be kind."},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "How is Oslo?"}, picture]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [
                            {"type": "text", "text": "wet"},
                            {"type": "text", "text": '{"mm": 3}'},
                            picture,
                        ],
                        "is_error": True,
                    },
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "application/pdf",
                            "data": "JVBERg==",
                        },
                        "title": "bill",
                        "context": "Of May.",
                    },
                    {"type": "text", "text": "And the bill?"},
                ],
            },
        ],
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["x"],
        "tools": [
            {
                "name": "weather",
                "description": "The weather.",
                "input_schema": SCHEMA,
                "strict": True,
            }
        ],
        "tool_choice": {"type": "tool", "name": "weather"},
        "thinking": {"type": "disabled"},
        "output_config": {
            "format": {"type": "json_schema", "schema": SCHEMA},
            "effort": "low",
        },
    }


def test_what_a_schema_is_for_stands_in_the_schema_that_claude_is_asked_for() -> None:
    asked = asking(outputConfig=structured_output('{"type":"object"}', "a", "What it is about."))

    wanted = reworded(asked, "anthropic").body["output_config"]["format"]["schema"]

    assert wanted == {"type": "object", "description": "What it is about."}


def test_novas_own_words_are_converses() -> None:
    messages = [
        user(text("How is Oslo?"), {"image": PNG}),
        assistant(called("c1", city="Oslo")),
        user(returned("c1", {"json": {"mm": 3}}, status="success")),
    ]
    config = {**TOOLS, "toolChoice": {"any": {}}}
    request = asking(
        *messages,
        system=[text("Be short."), MARK],
        toolConfig=config,
        additionalModelRequestFields={"inferenceConfig": {"topK": 20}},
    )

    assert reworded(request, "nova").body == {
        "schemaVersion": "messages-v1",
        "messages": messages,
        "system": [text("Be short.")],
        "inferenceConfig": {"maxTokens": 50, "topK": 20},
        "toolConfig": config,
    }


def test_what_an_anthropic_file_says_arrives_at_claude_as_it_was_written() -> None:
    params = {
        "model": "claude-haiku-4-5",
        "max_tokens": 50,
        "system": [{"type": "text", "text": "Be short."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "How is Oslo?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Oslo"}}
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "c1",
                        "content": [{"type": "text", "text": "wet"}],
                    }
                ],
            },
        ],
        "temperature": 0.5,
        "top_k": 5,
        "stop_sequences": ["END"],
        "tools": [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
    }
    (line,) = lines([json.dumps({"custom_id": "r", "params": params}).encode()])
    dialect = Anthropic()

    asked = reworded(dialect.request(dialect.read(line)), "anthropic")

    version = {"anthropic_version": "bedrock-2023-05-31"}
    assert asked.body == {name: params[name] for name in params if name != "model"} | version


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asking(user({"guardContent": {"text": {"text": "x"}}})), "messages[0].content[0].guardContent"),
        (asking(user(text("a"), {"searchResult": {}})), "messages[0].content[1].searchResult"),
        (asking(user(text("a"), {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}})),
         "messages[0].content[1].image.source.s3Location"),
        (asking(user(text("a")), assistant({"reasoningContent": {"redactedContent": "AAAA"}}), user(text("b"))),
         "messages[1].content[0].reasoningContent.redactedContent"),
        (asking(user({**text("a"), "image": PNG})), "messages[0].content[0]"),
        (asking(user({})), "messages[0].content[0]"),
        (asking(user(MARK)), "messages[0].content"),
        (asking(user(text("a"), {"document": {**PDF, "format": "docx"}})), "messages[0].content[1]"),
        (asking(user(returned("c1", {"document": {**PDF, "format": "csv"}}))), None),
        (asking(user(text("a"), {"document": {**PDF, "citations": {"enabled": True}}})),
         "messages[0].content[1].document.citations.enabled"),
        (asking(system=[{"guardContent": {"text": {"text": "x"}}}]), "system[0].guardContent"),
        (asking(toolConfig={"tools": [{"systemTool": {"name": "nova_grounding"}}]}), "toolConfig.tools[0].systemTool"),
        (asking(toolConfig={**TOOLS, "toolChoice": {"none": {}}}), "toolConfig.toolChoice"),
        (asking(guardrailConfig={"guardrailIdentifier": "a"}), "guardrailConfig"),
        (asking(requestMetadata={"a": "b"}), "requestMetadata"),
        (asking(additionalModelRequestFields={"messages": []}), "additionalModelRequestFields.messages"),
        (asking(additionalModelRequestFields={"wild": 1}), "additionalModelRequestFields"),
        (asking(assistant(text("a"))), "messages"),
    ],
)  # fmt: skip
def test_what_there_is_no_word_for_is_refused_with_its_place(
    family: str, request_: Request, param: str | None
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        reworded(request_, family)

    assert caught.value.code == "invalid_request"
    assert param in {None, caught.value.param}
    assert asked_line(0, request_, family) is None


@pytest.mark.parametrize(
    ("family", "request_", "param"),
    [
        ("nova", asking(user(text("a"), {"document": PDF})), "messages[0].content[1]"),
        ("nova", asking(user(returned("c1", {"document": PDF}))), "messages[0].content[0]"),
        ("nova", asking(outputConfig=structured_output("{}", "a")), "outputConfig"),
        ("nova", asking(toolConfig={"tools": [{"toolSpec": {**WEATHER, "strict": True}}]}),
         "toolConfig.tools[0].toolSpec.strict"),
        ("nova", asking(additionalModelRequestFields={"inferenceConfig": {"maxTokens": 9}}),
         "additionalModelRequestFields.inferenceConfig.maxTokens"),
        ("nova", asking(additionalModelRequestFields={"top_k": 9}), "additionalModelRequestFields"),
        ("anthropic", asking(user(text("a"), {"video": {"format": "mp4"}})), "messages[0].content[1]"),
        ("anthropic", asking(user(text("a")), assistant({"reasoningContent": {"reasoningText": {"text": "hm"}}})),
         "messages[1].content[0]"),
        ("anthropic", asking(outputConfig=structured_output("{", "a")), "outputConfig.textFormat"),
        ("anthropic", asking(outputConfig=structured_output('{"description": "b"}', "a", "c")),
         "outputConfig.textFormat"),
        ("anthropic", asking(user(text("a"), {"document": {**PDF, "format": "txt", "source": {"bytes": "/w=="}}})),
         "messages[0].content[1]"),
    ],
)  # fmt: skip
def test_what_one_family_has_no_word_for_is_refused_with_its_place(
    family: str, request_: Request, param: str
) -> None:
    with pytest.raises(RecordInvalid) as caught:
        reworded(request_, family)

    assert caught.value.param == param


def test_a_video_is_nova_s_as_it_is_converse_s() -> None:
    video = {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}}

    asked = reworded(asking(user(text("a"), video)), "nova")

    assert asked.body["messages"] == [user(text("a"), video)]


RICH = asking(
    user(text(CANARY), {"image": PNG}, {"document": PDF}, MARK),
    assistant(
        {"reasoningContent": {"reasoningText": {"text": CANARY, "signature": CANARY}}},
        called("c1", city=CANARY),
    ),
    user(returned("c1", text(CANARY), {"json": {CANARY: CANARY}}, status="error")),
    system=[text(CANARY), MARK],
    toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "weather"}}},
    additionalModelRequestFields={"top_k": 5, CANARY: CANARY},
)


@pytest.mark.parametrize("family", sorted(FAMILIES))
@given(body=odd(RICH.body))
def test_whatever_a_line_holds_it_is_reworded_or_refused_and_never_quoted(
    family: str, body: dict[str, Any]
) -> None:
    fault = fault_of(Request(body), family)

    if fault is not None:
        assert fault.code == "invalid_request"
        assert CANARY not in f"{fault} {fault.param}"


def fault_of(request: Request, family: str) -> RecordInvalid | None:
    try:
        reworded(request, family)
    except RecordInvalid as fault:
        return fault
    return None


def test_the_names_that_an_author_has_found_are_not_told() -> None:
    for odd_one in (
        asking(user({CANARY: 1})),
        asking(additionalModelRequestFields={"inferenceConfig": {CANARY: 1}}),
        asking(**{CANARY: 1}),
    ):
        with pytest.raises(RecordInvalid, match="other words than Converse's do not") as caught:
            reworded(odd_one, "nova")

        assert CANARY not in f"{caught.value} {caught.value.param}"
