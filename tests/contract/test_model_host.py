"""The model host on the wire, as boto3's own client sees it."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost, running

NOVA = "us.amazon.nova-lite-v1:0"
NOVA_ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{NOVA}"


@pytest.fixture(scope="module")
def started() -> Iterator[RunningHost]:
    with running("echo") as host:
        yield host


@pytest.fixture
def host(started: RunningHost) -> RunningHost:
    started.reset()
    return started


@pytest.fixture
def bedrock(host: RunningHost) -> Iterator[Any]:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=host.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def says(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


def refusal(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    response = error.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def test_converse_answers_with_the_last_user_text_and_its_usage(bedrock: Any) -> None:
    answer = bedrock.converse(
        modelId=NOVA,
        system=[{"text": "Be brief."}],
        messages=[
            *says("first"),
            {"role": "assistant", "content": [{"text": "yes?"}]},
            *says("where is my parcel?"),
        ],
    )

    assert answer["output"]["message"] == {
        "role": "assistant",
        "content": [{"text": "where is my parcel?"}],
    }
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    assert answer["metrics"]["latencyMs"] >= 0
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["ResponseMetadata"]["RequestId"])


def test_an_echo_is_cut_at_four_characters_a_token_and_says_so(bedrock: Any) -> None:
    answer = bedrock.converse(
        modelId=NOVA, messages=says("0123456789"), inferenceConfig={"maxTokens": 2}
    )

    assert answer["output"]["message"]["content"] == [{"text": "01234567"}]
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 2


def test_an_echo_of_just_the_maximum_is_whole(bedrock: Any) -> None:
    answer = bedrock.converse(
        modelId=NOVA, messages=says("01234567"), inferenceConfig={"maxTokens": 2}
    )

    assert (answer["stopReason"], answer["usage"]["outputTokens"]) == ("end_turn", 2)


def test_an_echo_stops_before_the_first_stop_sequence(bedrock: Any) -> None:
    answer = bedrock.converse(
        modelId=NOVA,
        messages=says("one END two STOP"),
        inferenceConfig={"stopSequences": ["STOP", " END"]},
    )

    assert answer["output"]["message"]["content"] == [{"text": "one"}]
    assert answer["stopReason"] == "stop_sequence"


@pytest.mark.parametrize(
    "model",
    [
        NOVA,
        NOVA_ARN,
        "anthropic.claude-3-haiku-20240307-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456",
    ],
)
def test_ids_and_arns_reach_the_ledger_as_they_were_asked(
    bedrock: Any, host: RunningHost, model: str
) -> None:
    bedrock.converse(modelId=model, messages=says("hello"))

    assert [call["model"] for call in host.calls()] == [model]


def test_a_model_without_a_provider_is_not_known(bedrock: Any) -> None:
    with pytest.raises(ClientError) as error:
        bedrock.converse(modelId="gpt-4o-mini", messages=says("hello"))

    assert refusal(error) == (
        400, "ValidationException", "The provided model identifier is invalid.",
    )  # fmt: skip


def test_the_ledger_tells_each_call(bedrock: Any, host: RunningHost) -> None:
    before = time.time()
    bedrock.converse(
        modelId=NOVA, messages=says("hello"), requestMetadata={"key": "a" * 64, "job": "j-1"}
    )
    (call,) = host.calls()

    assert before <= call.pop("at") <= time.time()
    assert call == {
        "api": "Converse",
        "model": NOVA,
        "metadata": {"key": "a" * 64, "job": "j-1"},
        "status": 200,
        "input_tokens": 2,
        "output_tokens": 2,
    }


def test_the_tier_and_the_performance_asked_for_are_told_back(bedrock: Any) -> None:
    answer = bedrock.converse(
        modelId=NOVA,
        messages=says("hello"),
        serviceTier={"type": "flex"},
        performanceConfig={"latency": "optimized"},
    )

    assert answer["serviceTier"] == {"type": "flex"}
    assert answer["performanceConfig"] == {"latency": "optimized"}


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


TOOL = {"tools": [{"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}}]}
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
        ({"messages": says("a"), "toolConfig": TOOL}, "doesn't support tool use"),
        (
            {"messages": says("a"), "guardrailConfig": {"guardrailIdentifier": "abc"}},
            "guardrail identifier or version provided in the request does not exist",
        ),
        (
            {"messages": says("a"), "additionalModelRequestFields": {"topK": 3}},
            r"extraneous key [topK] is not permitted",
        ),
        (
            {"messages": [{"role": "user", "content": [
                {"image": {"format": "png", "source": {"bytes": b"x"}}},
            ]}]},
            "extraneous key [image] is not permitted at 'messages.0.content.0'",
        ),
    ],
)  # fmt: skip
def test_what_the_service_refuses_is_refused_in_its_words(
    host: RunningHost, asked: dict[str, Any], why: str
) -> None:
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=host.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    with pytest.raises(ClientError, match=re.escape(why)) as error:
        client.converse(modelId=NOVA, **asked)
    client.close()

    assert refusal(error)[:2] == (400, "ValidationException")
    assert [(call["status"], call["input_tokens"]) for call in host.calls()] == [(400, 0)]


def test_tokens_are_counted_for_both_shapes_and_never_billed(
    bedrock: Any, host: RunningHost
) -> None:
    conversation = {"messages": says("12345"), "system": [{"text": "6789"}]}
    counted = bedrock.count_tokens(modelId=NOVA, input={"converse": conversation})
    body = json.dumps({"inputText": "123456789"})
    native = bedrock.count_tokens(
        modelId="amazon.titan-text-lite-v1", input={"invokeModel": {"body": body}}
    )

    assert (counted["inputTokens"], native["inputTokens"]) == (3, 3)
    assert [(call["api"], call["status"], call["input_tokens"]) for call in host.calls()] == [
        ("CountTokens", 200, 0),
        ("CountTokens", 200, 0),
    ]


HI = [{"role": "user", "content": "0123456789"}]
HI_BLOCKS = [{"role": "user", "content": [{"type": "text", "text": "0123456789"}]}]
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"


@pytest.mark.parametrize(
    ("model", "asked", "answered"),
    [
        (
            CLAUDE,
            {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "messages": HI},
            {
                "model": "claude-sonnet-4-20250514",
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": "01234567"}],
                "stop_reason": "max_tokens",
                "stop_sequence": None,
                "usage": {"input_tokens": 3, "output_tokens": 2},
            },
        ),
        (
            CLAUDE,
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 9,
                "system": [{"type": "text", "text": "0123"}],
                "messages": HI_BLOCKS,
                "stop_sequences": ["5"],
            },
            {
                "model": "claude-sonnet-4-20250514",
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": "01234"}],
                "stop_reason": "stop_sequence",
                "stop_sequence": "5",
                "usage": {"input_tokens": 4, "output_tokens": 2},
            },
        ),
        (
            NOVA,
            {
                "schemaVersion": "messages-v1",
                "messages": says("0123456789"),
                "inferenceConfig": {"max_new_tokens": 2},
            },
            {
                "output": {"message": {"role": "assistant", "content": [{"text": "01234567"}]}},
                "stopReason": "max_tokens",
                "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
            },
        ),
        (
            "amazon.titan-text-express-v1",
            {"inputText": "0123456789", "textGenerationConfig": {"maxTokenCount": 2}},
            {
                "inputTextTokenCount": 3,
                "results": [
                    {"tokenCount": 2, "outputText": "01234567", "completionReason": "LENGTH"}
                ],
            },
        ),
        (
            "meta.llama3-8b-instruct-v1:0",
            {"prompt": "0123456789", "max_gen_len": 20, "temperature": 0.5},
            {
                "generation": "0123456789",
                "prompt_token_count": 3,
                "generation_token_count": 3,
                "stop_reason": "stop",
            },
        ),
        (
            "mistral.mistral-7b-instruct-v0:2",
            {"prompt": "0123456789", "max_tokens": 2},
            {"outputs": [{"text": "01234567", "stop_reason": "length"}]},
        ),
        (
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456",
            {"inputText": "0123"},
            {
                "inputTextTokenCount": 1,
                "results": [{"tokenCount": 1, "outputText": "0123", "completionReason": "FINISH"}],
            },
        ),
    ],
)
def test_invoke_model_speaks_each_familys_own_body(
    bedrock: Any, host: RunningHost, model: str, asked: dict[str, Any], answered: dict[str, Any]
) -> None:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(asked))
    body = json.loads(answer["body"].read())
    message_id = body.pop("id", "msg_bdrk_0")
    (call,) = host.calls()
    headers = answer["ResponseMetadata"]["HTTPHeaders"]

    assert body == answered
    assert message_id.startswith("msg_bdrk_")
    assert answer["contentType"] == "application/json"
    assert headers["x-amzn-bedrock-input-token-count"] == str(call["input_tokens"])
    assert headers["x-amzn-bedrock-output-token-count"] == str(call["output_tokens"])
    assert (call["api"], call["status"]) == ("InvokeModel", 200)


@pytest.mark.parametrize(
    ("model", "asked", "why"),
    [
        (CLAUDE, {"max_tokens": 2, "messages": HI}, "anthropic_version"),
        (
            CLAUDE,
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 2,
                "messages": HI,
                "model": "x",
            },
            "extraneous key [model] is not permitted",
        ),
        (NOVA, {"inputText": "x"}, "extraneous key [inputText] is not permitted"),
        ("cohere.command-r-v1:0", {"message": "x"}, "Use Converse for other models"),
        ("cohere.command-r-v1:0", "not an object", "Use Converse for other models"),
    ],
)
def test_a_native_body_of_the_wrong_shape_is_refused(
    bedrock: Any, model: str, asked: object, why: str
) -> None:
    with pytest.raises(ClientError, match=re.escape(why)) as error:
        bedrock.invoke_model(modelId=model, body=json.dumps(asked))

    assert refusal(error)[:2] == (400, "ValidationException")


def test_invoke_models_metadata_reaches_the_ledger(bedrock: Any, host: RunningHost) -> None:
    bedrock.invoke_model(
        modelId="amazon.titan-text-lite-v1",
        body=json.dumps({"inputText": "hello"}),
        requestMetadata=json.dumps({"key": "k-1"}),
    )

    assert host.calls()[0]["metadata"] == {"key": "k-1"}


def test_behaviour_keeps_what_is_not_given_and_a_reset_goes_back_to_the_start(
    host: RunningHost,
) -> None:
    at_start = host.behaviour()
    host.behave(latency_ms=5, rpm=100)

    assert host.behave(tpm=7) == at_start | {"latency_ms": 5, "rpm": 100, "tpm": 7}
    assert host.behave(rpm=None)["rpm"] is None

    host.reset()
    assert host.behaviour() == at_start


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"engines": "echo"}, "extraneous key [engines]"),
        ({"rpm": 0}, "greater than or equal to|greater than 0"),
        ({"limit_model": "leaky"}, "limit_model"),
        ({"faults": [{"do": "explode"}]}, "faults.0.do"),
        ({"faults": [{"do": "500", "match": "("}]}, "not a regular expression"),
        ({"faults": [{"do": "500", "rate": 1.1}]}, "faults.0.rate"),
    ],
)
def test_a_behaviour_that_makes_no_sense_is_refused_and_changes_nothing(
    host: RunningHost, given: dict[str, Any], why: str
) -> None:
    before = host.behaviour()

    with pytest.raises(ValueError, match=why if "|" in why else re.escape(why)):
        host.behave(latency_ms=9, **given)

    assert host.behaviour() == before
