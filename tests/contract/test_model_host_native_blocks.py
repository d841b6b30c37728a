"""Tools, images and documents in the native bodies of Claude and Nova."""

import json
from typing import Any

import pytest
from anthropic.types import Message
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
SCHEMA = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "urgent": {"type": "boolean"}},
    "required": ["subject", "urgent"],
}
CALLED_WITH = {"subject": "lost", "urgent": False}
TRIAGE = {"toolSpec": {"name": "triage", "inputSchema": {"json": SCHEMA}}}


def invoke(bedrock: Any, model: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    told: dict[str, Any] = json.loads(answer["body"].read())
    return told


CLAUDE_TOOLS = [
    {"name": "triage", "description": "Sorts mail.", "input_schema": SCHEMA},
    {"name": "close", "input_schema": {"type": "object"}, "type": "custom"},
]


def claude(**more: Any) -> dict[str, Any]:
    asked = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100}
    return {**asked, "messages": [{"role": "user", "content": "lost"}], **more}


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any", "disable_parallel_tool_use": True}, "triage"),
        ({"type": "tool", "name": "close"}, "close"),
        ({"type": "auto"}, None),
        ({"type": "none"}, None),
    ],
)
def test_claude_calls_a_tool_where_it_must(
    bedrock: Any, choice: dict[str, Any], called: str | None
) -> None:
    told = invoke(bedrock, CLAUDE, claude(tools=CLAUDE_TOOLS, tool_choice=choice))
    (block,) = Message.model_validate(told).content

    if called is None:
        assert (told["stop_reason"], block.type) == ("end_turn", "text")
    else:
        assert told["stop_reason"] == "tool_use"
        assert block.type == "tool_use"
        assert (block.name, block.input) == (called, CALLED_WITH if called == "triage" else {})


def test_claudes_own_blocks_count_as_converses_do(bedrock: Any) -> None:
    png = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "eHh4eHh4eHg="}
    plain = {"type": "text", "media_type": "text/plain", "data": "0123456789"}
    content = [
        {"type": "image", "source": png},
        {"type": "document", "source": pdf, "title": "a.pdf"},
        {"type": "document", "source": plain, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "what is this?"},
    ]
    messages = [{"role": "user", "content": content}]

    told = invoke(bedrock, CLAUDE, claude(messages=messages, metadata={"user_id": "u"}, top_k=3))

    assert told["content"] == [{"type": "text", "text": "what is this?"}]
    assert told["usage"]["input_tokens"] == 1600 + 2 + 3 + 4


@pytest.mark.parametrize("content", ["sunny", [{"type": "text", "text": "sunny"}]])
def test_what_a_tool_gave_claude_is_echoed(bedrock: Any, content: object) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "triage", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": content}
    messages = [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]

    told = invoke(bedrock, CLAUDE, claude(messages=messages, tools=CLAUDE_TOOLS))

    assert told["content"] == [{"type": "text", "text": "sunny"}]


RESULT = {"type": "tool_result", "tool_use_id": "a"}
URL = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "extraneous key [thinking]"),
        ({"tools": [{"name": "t", "input_schema": {"type": "array"}}]}, "input_schema.type"),
        ({"tools": [{"name": "bash", "type": "bash_20250124"}]}, "tools.0"),
        ({"tool_choice": {"type": "any"}}, "not among the tools"),
        ({"tool_choice": {"type": "some"}}, "tool_choice"),
        ({"metadata": {"team": "x"}}, "extraneous key [team]"),
        ({"messages": [{"role": "user", "content": [URL]}]}, "base64"),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, "exceeds the number of toolUse blocks"),
    ],
)  # fmt: skip
def test_what_claude_would_not_take_is_refused(
    host: RunningHost, more: dict[str, Any], why: str
) -> None:
    status, refusal = host.post("invoke", model=CLAUDE, body=claude(**more))

    assert status == 400
    assert why in refusal["message"]


def test_nova_sees_images_and_calls_tools_by_invoke_model_too(bedrock: Any) -> None:
    image = {"image": {"format": "gif", "source": {"bytes": "R0lGOA=="}}}
    messages = [{"role": "user", "content": [image, {"text": "lost"}]}]
    config = {"tools": [TRIAGE], "toolChoice": {"tool": {"name": "triage"}}}
    body = {"schemaVersion": "messages-v1", "messages": messages, "inferenceConfig": {"topK": 20}}

    text = invoke(bedrock, NOVA, body)
    call = invoke(bedrock, NOVA, {**body, "toolConfig": config})

    assert text["output"]["message"]["content"] == [{"text": "lost"}]
    assert text["usage"]["inputTokens"] == 1601
    assert call["stopReason"] == "tool_use"
    assert call["output"]["message"]["content"][0]["toolUse"]["input"] == CALLED_WITH


def test_nova_takes_documents_by_converse_only(bedrock: Any) -> None:
    document = {"document": {"name": "n", "format": "txt", "source": {"text": "x"}}}
    messages = [{"role": "user", "content": [document, {"text": "hi"}]}]

    bedrock.converse(modelId=NOVA, messages=messages)
    with pytest.raises(ClientError, match="Documents are not supported by InvokeModel"):
        invoke(bedrock, NOVA, {"messages": messages})
