"""What the host refuses, as Bedrock refuses it: ids, conversations, schemas."""

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"


def says(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    response = error.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def test_a_model_without_a_provider_is_not_known(bedrock: Any) -> None:
    with pytest.raises(ClientError) as error:
        bedrock.converse(modelId="gpt-4o-mini", messages=says("hello"))

    assert refusal(error) == (
        400, "ValidationException", "The provided model identifier is invalid.",
    )  # fmt: skip


def asks_for(schema: object) -> dict[str, Any]:
    written = schema if isinstance(schema, str) else json.dumps(schema)
    structure = {"jsonSchema": {"schema": written, "name": "answer"}}
    return {"textFormat": {"type": "json_schema", "structure": structure}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ({"type": "string", "minLength": 3}, "minLength"),
        ({"type": "integer", "maximum": 3}, "maximum"),
        ({"type": "object", "additionalProperties": True}, "additionalProperties must be false"),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, "minItems"),
        ({"$ref": "https://example.com/schema"}, "point inside"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}, "recursion"),
        ({"type": "text"}, "not one of JSON's"),
        ({"type": "object", "properties": {"a": {"type": "string", "format": "x"}}}, "format"),
    ],
)
def test_a_schema_beyond_the_accepted_part_is_refused_at_once(
    bedrock: Any, schema: object, why: str
) -> None:
    with pytest.raises(ClientError, match=re.escape(why)) as error:
        bedrock.converse(modelId=NOVA, messages=says("hello"), outputConfig=asks_for(schema))

    assert refusal(error)[:2] == (400, "ValidationException")


def test_a_schema_with_definitions_used_twice_is_accepted(bedrock: Any) -> None:
    name = {"$ref": "#/$defs/name"}
    schema = {
        "type": "object",
        "properties": {"from": name, "to": {"type": ["string", "null"]}, "cc": name},
        "required": ["from"],
        "additionalProperties": False,
        "$defs": {"name": {"type": "string", "enum": ["a", "b"]}},
    }

    answer = bedrock.converse(modelId=NOVA, messages=says("hi"), outputConfig=asks_for(schema))

    assert answer["stopReason"] == "end_turn"


MAYBE = [{"role": "assistant", "content": [{"text": "well"}]}]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"messages": []}, "must start with a user message"),
        ({"messages": MAYBE}, "must start with a user message"),
        ({"messages": says("a") + says("b")}, "must alternate between user and assistant roles"),
        ({"messages": says("")}, "messages.0.content.0 is blank"),
        ({"messages": says("a") + MAYBE + says(" \n")}, "messages.2.content.0 is blank"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0 is empty"),
        ({"messages": says("a"), "system": [{"text": ""}]}, "greater than or equal to 1"),
        ({"messages": says("a"), "inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        ({"messages": says("a"), "inferenceConfig": {"temperature": 1.5}}, "less than or equal to"),
        ({"messages": says("a"), "inferenceConfig": {"stopSequences": [""]}}, "stopSequences.0"),
        ({"messages": says("a"), "requestMetadata": {"key": "é"}}, "requestMetadata.key"),
        (
            {"messages": says("a"), "requestMetadata": {str(n): "" for n in range(17)}},
            "requestMetadata",
        ),
        (
            {"messages": says("a"), "guardrailConfig": {"guardrailIdentifier": "abc"}},
            "guardrailConfig.guardrailVersion",
        ),
        (
            {"messages": says("a"), "additionalModelRequestFields": {"topK": 3}},
            r"extraneous key [topK] is not permitted",
        ),
        (
            {"messages": [{"role": "user", "content": [
                {"video": {"format": "mp4", "source": {"bytes": b"x"}}},
            ]}]},
            "extraneous key [video] is not permitted at 'messages.0.content.0'",
        ),
    ],
)  # fmt: skip
def test_what_the_service_refuses_is_refused_in_its_words(
    host: RunningHost, asked: dict[str, Any], why: str
) -> None:
    with (
        host.client(parameter_validation=False) as client,
        pytest.raises(ClientError, match=re.escape(why)) as error,
    ):
        client.converse(modelId=NOVA, **asked)

    assert refusal(error)[:2] == (400, "ValidationException")
    assert [(call["status"], call["input_tokens"]) for call in host.calls()] == [(400, 0)]
