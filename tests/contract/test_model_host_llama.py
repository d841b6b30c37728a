"""The model host with the real model. SLOW: loads SmolLM2 and generates, some 20 seconds on two idle cores."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.host.running import RunningHost, running

NOVA = "us.amazon.nova-lite-v1:0"
TRIAGE = {
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": ["payments", "delivery", "account"]},
        "urgent": {"type": "boolean"},
    },
    "required": ["category", "urgent"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    with running("llama") as started:
        yield started


@pytest.fixture(scope="module")
def bedrock(host: RunningHost) -> Iterator[Any]:
    with host.client(read_timeout=120) as client:
        yield client


def asked(text: str, **config: Any) -> dict[str, Any]:
    return {
        "modelId": NOVA,
        "system": [{"text": "You triage support mail. Be brief."}],
        "messages": [{"role": "user", "content": [{"text": text}]}],
        "inferenceConfig": {"temperature": 0, **config},
    }


def text_of(answer: dict[str, Any]) -> str:
    text: str = answer["output"]["message"]["content"][0]["text"]
    return text


def test_the_model_counts_its_tokens_and_says_that_it_was_cut(bedrock: Any) -> None:
    question = asked("My card was declined. What can I do?", maxTokens=8)
    answer = bedrock.converse(**question)
    counted = bedrock.count_tokens(
        modelId=NOVA,
        input={"converse": {"messages": question["messages"], "system": question["system"]}},
    )

    assert text_of(answer).strip()
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 8
    assert answer["usage"]["inputTokens"] == counted["inputTokens"]


def test_a_stop_sequence_ends_the_answer_before_it(bedrock: Any) -> None:
    whole = text_of(bedrock.converse(**asked("Say something about parcels.", maxTokens=7)))
    word = whole.split()[2]

    answer = bedrock.converse(
        **asked("Say something about parcels.", maxTokens=7, stopSequences=[word])
    )

    assert answer["stopReason"] == "stop_sequence"
    assert text_of(answer) == whole[: whole.index(word)]


def test_an_answer_bound_to_a_schema_obeys_it_and_ends_by_itself(bedrock: Any) -> None:
    structure = {"jsonSchema": {"name": "triage", "schema": json.dumps(TRIAGE)}}
    answers = [
        bedrock.converse(
            **asked(mail, maxTokens=60),
            outputConfig={"textFormat": {"type": "json_schema", "structure": structure}},
        )
        for mail in ("My card was declined, I must pay today!", "Where is my parcel?")
    ]

    for answer in answers:
        assert answer["stopReason"] == "end_turn"
        triage = json.loads(text_of(answer))
        assert triage.keys() == {"category", "urgent"}
        assert triage["category"] in {"payments", "delivery", "account"}
        assert isinstance(triage["urgent"], bool)


def test_a_tool_that_must_be_called_is_called_with_what_the_model_wrote(bedrock: Any) -> None:
    spec = {"toolSpec": {"name": "triage", "inputSchema": {"json": TRIAGE}}}
    question = asked("My card was declined, I must pay today!", maxTokens=60)
    config = {"tools": [spec], "toolChoice": {"any": {}}}

    answer = bedrock.converse(**question, toolConfig=config)
    counted = bedrock.count_tokens(
        modelId=NOVA,
        input={
            "converse": {
                "messages": question["messages"],
                "system": question["system"],
                "toolConfig": config,
            }
        },
    )

    (block,) = answer["output"]["message"]["content"]
    assert answer["stopReason"] == "tool_use"
    assert block["toolUse"]["name"] == "triage"
    assert block["toolUse"]["input"].keys() == {"category", "urgent"}
    assert block["toolUse"]["input"]["category"] in {"payments", "delivery", "account"}
    assert answer["usage"]["inputTokens"] == counted["inputTokens"]


def test_a_prompt_beyond_the_context_is_refused_and_not_billed(
    bedrock: Any, host: RunningHost
) -> None:
    with pytest.raises(ClientError, match="Input is too long for requested model") as error:
        bedrock.converse(**asked("parcel " * 5000))

    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert (host.calls()[-1]["status"], host.calls()[-1]["input_tokens"]) == (400, 0)


def test_the_host_answers_others_while_the_model_is_busy(bedrock: Any, host: RunningHost) -> None:
    with ThreadPoolExecutor(2) as many:
        busy = [
            many.submit(bedrock.converse, **asked(f"Tell story {n}.", maxTokens=12))
            for n in range(2)
        ]
        undisturbed = 0
        while (before := wait(busy, timeout=0.01)).not_done:
            host.behaviour()
            undisturbed += wait(busy, timeout=0).done == before.done
        answers = [one.result() for one in busy]

    assert {answer["usage"]["outputTokens"] for answer in answers} <= set(range(1, 13))
    assert undisturbed > len(busy), "it answered while the model was at the same answers"


def test_a_model_that_died_is_started_again(bedrock: Any, host: RunningHost) -> None:
    bedrock.converse(**asked("Hello", maxTokens=2))
    (child,) = children(host.pid)
    os.kill(child, 9)

    answers = []
    for _ in range(3):
        try:
            answers.append(bedrock.converse(**asked("Hello", maxTokens=2)))
            break
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InternalServerException"  # noqa: PT017 - may or may not come

    assert answers
    assert children(host.pid) != [child]


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]
