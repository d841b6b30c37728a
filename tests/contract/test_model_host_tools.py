"""Tools by Converse: which request makes the host call one, with what, and which it does not take."""

from typing import Any

import pytest

from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"
SCHEMA = {
    "type": "object",
    "properties": {
        "subject": {"type": "string"},
        "urgent": {"type": "boolean"},
        "stars": {"type": "integer"},
        "team": {"type": "string", "enum": ["payments", "delivery"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["subject", "urgent", "stars", "team", "tags"],
}
CALLED_WITH = {"subject": "lost", "urgent": False, "stars": 0, "team": "payments", "tags": []}
TRIAGE = {"toolSpec": {"name": "triage", "inputSchema": {"json": SCHEMA}}}
CLOSE = {"toolSpec": {"name": "close", "inputSchema": {"json": {"type": "object"}}}}
LOST = [{"role": "user", "content": [{"text": "lost"}]}]


@pytest.mark.parametrize(
    ("choice", "name", "given"),
    [
        ({"any": {}}, "triage", CALLED_WITH),
        ({"tool": {"name": "triage"}}, "triage", CALLED_WITH),
        ({"tool": {"name": "close"}}, "close", {}),
    ],
)
def test_a_tool_that_must_be_called_is_called_with_what_fits_its_schema(
    bedrock: Any, host: RunningHost, choice: dict[str, Any], name: str, given: dict[str, Any]
) -> None:
    tools = [TRIAGE, {"cachePoint": {"type": "default"}}, CLOSE]

    answer = bedrock.converse(
        modelId=NOVA, messages=LOST, toolConfig={"tools": tools, "toolChoice": choice}
    )
    (block,) = answer["output"]["message"]["content"]
    identity = block["toolUse"].pop("toolUseId")

    assert answer["stopReason"] == "tool_use"
    assert block == {"toolUse": {"name": name, "input": given}}
    assert identity.startswith("tooluse_")
    assert host.calls()[0]["output_tokens"] == answer["usage"]["outputTokens"] > 0


@pytest.mark.parametrize("choice", [{}, {"toolChoice": {"auto": {}}}])
def test_a_model_that_may_choose_answers_with_text(bedrock: Any, choice: dict[str, Any]) -> None:
    answer = bedrock.converse(modelId=NOVA, messages=LOST, toolConfig={"tools": [TRIAGE], **choice})

    assert answer["output"]["message"]["content"] == [{"text": "lost"}]
    assert answer["stopReason"] == "end_turn"


def test_the_definitions_of_tools_are_paid_for(bedrock: Any) -> None:
    asked = {"messages": LOST, "toolConfig": {"tools": [TRIAGE]}}

    counted = bedrock.count_tokens(modelId=NOVA, input={"converse": asked})["inputTokens"]
    answer = bedrock.converse(modelId=NOVA, **asked)

    assert answer["usage"]["inputTokens"] == counted > 50


def test_the_answer_to_a_call_can_be_asked_about_again(bedrock: Any) -> None:
    config = {"tools": [TRIAGE], "toolChoice": {"any": {}}}
    call = bedrock.converse(modelId=NOVA, messages=LOST, toolConfig=config)["output"]["message"]
    result = {
        "toolUseId": call["content"][0]["toolUse"]["toolUseId"],
        "content": [{"json": {"ticket": 7}}],
    }

    answer = bedrock.converse(
        modelId=NOVA,
        messages=[*LOST, call, {"role": "user", "content": [{"toolResult": result}]}],
        toolConfig={"tools": [TRIAGE]},
    )

    assert answer["output"]["message"]["content"] == [{"text": '{"ticket": 7}'}]


NODE = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "string"}, "x" * 100),
        ({"type": "string", "maxLength": 3}, "xxx"),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "number", "exclusiveMaximum": 0}, -1),
        ({"const": "fixed"}, "fixed"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 1}, [False]),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"allOf": [{"$ref": "#/$defs/named"}, {"properties": {"age": {"type": "number"}}}]}, {"name": "n", "age": 0}),
        ({"$ref": "#/$defs/node"}, {"next": None}),
        ({"type": "object", "required": ["any"]}, {"any": "x" * 100}),
    ],
)  # fmt: skip
def test_a_value_is_found_for_every_kind_of_schema(
    bedrock: Any, schema: dict[str, Any], fits: object
) -> None:
    named = {"type": "object", "properties": {"name": {"enum": ["n", "m"]}}, "required": ["name"]}
    node = {"type": "object", "properties": {"next": NODE}, "required": ["next"]}
    whole = {
        "type": "object",
        "properties": {"value": schema},
        "$defs": {"named": named, "node": node},
    }
    spec = {"toolSpec": {"name": "t", "inputSchema": {"json": whole}}}

    answer = bedrock.converse(
        modelId=NOVA,
        messages=[{"role": "user", "content": [{"text": "x" * 150}]}],
        toolConfig={"tools": [spec], "toolChoice": {"any": {}}},
    )

    assert answer["output"]["message"]["content"][0]["toolUse"]["input"] == {"value": fits}


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        ({"inferenceConfig": {"maxTokens": 2}}, []),
        ({}, [{"do": "truncate"}]),
    ],
)
def test_a_call_that_was_cut_short_is_not_delivered(
    bedrock: Any, host: RunningHost, limit: dict[str, Any], fault: list[dict[str, Any]]
) -> None:
    host.behave(faults=fault)

    answer = bedrock.converse(
        modelId=NOVA,
        messages=LOST,
        toolConfig={"tools": [TRIAGE], "toolChoice": {"any": {}}},
        **limit,
    )

    assert answer["output"]["message"]["content"] == []
    assert answer["stopReason"] == "max_tokens"


def spec(**changed: Any) -> dict[str, Any]:
    told = {"name": "t", "inputSchema": {"json": {"type": "object"}}, **changed}
    return {"toolSpec": {key: value for key, value in told.items() if value is not None}}


OPEN = {"json": {"type": "object", "properties": {}, "additionalProperties": True}}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"tools": []}, "toolConfig.tools"),
        ({"tools": [spec(inputSchema=None)]}, "inputSchema' failed to satisfy constraint: Member must not be null"),
        ({"tools": [spec(inputSchema={"json": {}})]}, "inputSchema.json.type must be one of the following: object."),
        ({"tools": [spec(name="a b")]}, "toolSpec.name"),
        ({"tools": [spec(description="")]}, "toolSpec.description"),
        ({"tools": [spec(returns={})]}, "extraneous key [returns]"),
        ({"tools": [spec(), spec()]}, "distinct names"),
        ({"tools": [spec(strict=True, inputSchema=OPEN)]}, "additionalProperties must be false"),
        ({"tools": [spec()], "toolChoice": {"tool": {"name": "u"}}}, "not among the tools"),
        ({"tools": [spec()], "toolChoice": {"none": {}}}, "extraneous key [none]"),
        ({"tools": [spec()], "toolChoice": {"auto": {}, "any": {}}}, "exactly one of the members"),
    ],
)  # fmt: skip
def test_a_tool_that_bedrock_would_not_take_is_refused(
    host: RunningHost, config: dict[str, Any], why: str
) -> None:
    body = {"messages": LOST, "toolConfig": config}

    status, refusal = host.post("converse", model=NOVA, body=body)

    assert status == 400
    assert why in refusal["message"]
