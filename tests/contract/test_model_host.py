"""The model host on the wire, as boto3's own client sees it."""

import re
import time
from typing import Any

import pytest

from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"
NOVA_ARN = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{NOVA}"


def says(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


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
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
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


GUARDED = {"guardrailConfig": {"guardrailIdentifier": "abc123", "guardrailVersion": "1"}}


def test_a_guardrail_looks_at_what_is_asked_before_any_model_reads_it(
    host: RunningHost, bedrock: Any
) -> None:
    answer = bedrock.converse(modelId=NOVA, messages=says("write to ada@example.org"), **GUARDED)

    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["usage"]["totalTokens"] == 0
    assert "ada" not in str(answer["output"])
    assert "trace" not in answer
    calm = bedrock.converse(modelId=NOVA, messages=says("calm"), **GUARDED)
    assert calm["stopReason"] == "end_turn"
    assert [(call["status"], call["input_tokens"]) for call in host.calls()] == [(200, 0), (200, 1)]


def test_a_guardrail_looks_at_what_is_marked_for_it_and_at_the_whole_answer(bedrock: Any) -> None:
    content = [
        {"guardContent": {"text": {"text": "calm"}}},
        {"text": " ada@example.org"},
    ]
    answer = bedrock.converse(
        modelId=NOVA, messages=[{"role": "user", "content": content}], **GUARDED
    )

    assert answer["stopReason"] == "guardrail_intervened"
    assert answer["usage"]["outputTokens"] > 0, "a model has answered"
    unguarded = bedrock.converse(modelId=NOVA, messages=[{"role": "user", "content": content}])
    assert unguarded["stopReason"] == "end_turn"
