"""The native bodies of Cohere, Mistral and OpenAI, as boto3's own client sees them."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from openai.types.chat import ChatCompletion

from tests.emulator.host.running import RunningHost

COMMAND_R = "cohere.command-r-plus-v1:0"
COMMAND = "cohere.command-text-v14"
MISTRAL = "mistral.mistral-large-2407-v1:0"
GPT_OSS = "openai.gpt-oss-20b-1:0"
FAMILIES = [
    (COMMAND_R, {"message": "0123456789", "max_tokens": 2}),
    (COMMAND, {"prompt": "0123456789", "max_tokens": 2}),
    (MISTRAL, {"messages": [{"role": "user", "content": "0123456789"}], "max_tokens": 2}),
    (
        GPT_OSS,
        {"messages": [{"role": "user", "content": "0123456789"}], "max_completion_tokens": 2},
    ),
]


def invoke(bedrock: Any, model: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    told: dict[str, Any] = json.loads(answer["body"].read())
    return told


@pytest.mark.parametrize(("model", "body"), FAMILIES)
def test_every_family_is_billed_and_its_headers_say_so(
    bedrock: Any, host: RunningHost, model: str, body: dict[str, Any]
) -> None:
    answer = bedrock.invoke_model(modelId=model, body=json.dumps(body))
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    (call,) = host.calls()

    assert (call["input_tokens"], call["output_tokens"], call["status"]) == (3, 2, 200)
    assert headers["x-amzn-bedrock-input-token-count"] == "3"
    assert headers["x-amzn-bedrock-output-token-count"] == "2"
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 0
    assert headers["x-amzn-requestid"] == answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(("model", "body"), FAMILIES)
def test_every_family_meets_its_faults_by_the_user_text(
    bedrock: Any, host: RunningHost, model: str, body: dict[str, Any]
) -> None:
    host.behave(faults=[{"do": "503", "match": "^0123456789$"}])

    with pytest.raises(ClientError, match="Bedrock is unable"):
        invoke(bedrock, model, body)


@pytest.mark.parametrize(("model", "body"), FAMILIES)
def test_no_family_drops_a_parameter_that_it_does_not_know(
    host: RunningHost, model: str, body: dict[str, Any]
) -> None:
    status, refusal = host.post("invoke", model=model, body={**body, "mood": "good"})

    assert status == 400
    assert "extraneous key [mood] is not permitted" in refusal["message"]


def test_command_r_tells_the_history_with_what_was_said_now(bedrock: Any) -> None:
    history = [{"role": "USER", "message": "hi"}, {"role": "CHATBOT", "message": "yes?"}]
    asked = {
        "message": "where is it? END never",
        "chat_history": history,
        "preamble": "Be brief.",
        "temperature": 0.3,
        "p": 0.75,
        "k": 0,
        "stop_sequences": [" END"],
    }

    told = invoke(bedrock, COMMAND_R, asked)

    assert (told.pop("response_id"), told.pop("generation_id")) != ("", "")
    assert told == {
        "text": "where is it?",
        "chat_history": [
            *history,
            {"role": "USER", "message": asked["message"]},
            {"role": "CHATBOT", "message": "where is it?"},
        ],
        "finish_reason": "COMPLETE",
    }


@pytest.mark.parametrize(
    ("faults", "reason"),
    [([], "COMPLETE"), ([{"do": "truncate"}], "MAX_TOKENS"), ([{"do": "filtered"}], "ERROR_TOXIC")],
)
def test_cohere_has_its_own_words_for_why_an_answer_ended(
    bedrock: Any, host: RunningHost, faults: list[dict[str, Any]], reason: str
) -> None:
    host.behave(faults=faults)

    assert invoke(bedrock, COMMAND_R, {"message": "hello"})["finish_reason"] == reason
    (generation,) = invoke(bedrock, COMMAND, {"prompt": "hello"})["generations"]
    assert generation["finish_reason"] == reason


def test_the_older_command_tells_one_generation_and_the_prompt(bedrock: Any) -> None:
    told = invoke(bedrock, COMMAND, {"prompt": "hello", "num_generations": 1, "truncate": "END"})
    (generation,) = told["generations"]

    assert generation.pop("id") != told.pop("id")
    assert generation == {"text": "hello", "finish_reason": "COMPLETE"}
    assert told["prompt"] == "hello"


def test_mistral_answers_a_chat_with_choices_and_a_prompt_with_outputs(bedrock: Any) -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "0123456789"},
    ]

    chat = invoke(bedrock, MISTRAL, {"messages": messages, "max_tokens": 2, "top_p": 0.9})
    text = invoke(bedrock, MISTRAL, {"prompt": "0123456789", "top_k": 5})

    message = {"role": "assistant", "content": "01234567"}
    assert chat == {"choices": [{"index": 0, "message": message, "stop_reason": "length"}]}
    assert text == {"outputs": [{"text": "0123456789", "stop_reason": "stop"}]}


@pytest.mark.parametrize(
    ("more", "content", "reason"),
    [
        ({"max_completion_tokens": 2}, "01234567", "length"),
        ({"stop": "5", "model": GPT_OSS, "stream": False}, "01234", "stop"),
        ({"stop": ["7", "3"], "temperature": 1.5}, "012", "stop"),
    ],
)
def test_openai_answers_with_a_chat_completion(
    bedrock: Any, more: dict[str, Any], content: str, reason: str
) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "0123456789"}]},
    ]

    told = ChatCompletion.model_validate(invoke(bedrock, GPT_OSS, {"messages": messages, **more}))

    assert told.model == GPT_OSS
    assert told.choices[0].message.content == content
    assert told.choices[0].finish_reason == reason
    assert told.usage is not None
    assert told.usage.prompt_tokens == 5
    assert told.usage.total_tokens == 5 + told.usage.completion_tokens


@pytest.mark.parametrize(
    ("model", "body", "why"),
    [
        (COMMAND_R, {"prompt": "x"}, "extraneous key [prompt]"),
        (COMMAND_R, {"message": ""}, "message"),
        (COMMAND_R, {"message": "x", "p": 1.0}, "less than or equal to 0.99"),
        (COMMAND_R, {"message": "x", "chat_history": [{"role": "user", "message": "x"}]}, "chat_history.0.role"),
        (COMMAND, {"prompt": "x", "num_generations": 2}, "num_generations"),
        (MISTRAL, {"messages": []}, "messages"),
        (MISTRAL, {"messages": [{"role": "system", "content": "x"}]}, "must start with a user message"),
        (GPT_OSS, {"messages": [{"role": "user", "content": "x"}], "stream": True}, "stream"),
        (GPT_OSS, {"messages": [{"role": "user", "content": "x"}], "model": "gpt-4o"}, "The model in the body"),
        (GPT_OSS, {"messages": [{"role": "user", "content": "x"}], "n": 2}, "extraneous key [n]"),
    ],
)  # fmt: skip
def test_what_a_family_would_not_take_is_refused(
    host: RunningHost, model: str, body: dict[str, Any], why: str
) -> None:
    status, refusal = host.post("invoke", model=model, body=body)

    assert status == 400
    assert why in refusal["message"]
    assert [(call["status"], call["output_tokens"]) for call in host.calls()] == [(400, 0)]
