"""InvokeModel's native bodies and CountTokens, as boto3's own client sees them."""

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
        ("ai21.jamba-1-5-mini-v1:0", {"question": "x"}, "Use Converse for other models"),
        ("ai21.jamba-1-5-mini-v1:0", "not an object", "Use Converse for other models"),
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
