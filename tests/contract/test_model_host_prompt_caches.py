"""The model host keeps what a marked prompt begins with, as boto3's own client sees it."""

import json
from typing import Any

import pytest
from botocore.credentials import Credentials

from batchwright.aws.bedrock import BedrockEngine
from batchwright.marking import marked
from batchwright.request import Request
from batchwright.route import Route
from batchwright.usage import Usage
from tests.emulator.host.engines.port import Ask, Turn
from tests.emulator.host.prompt_caches import KEPT_SECONDS, Kept, PromptCaches
from tests.emulator.host.running import RunningHost

NOVA = "us.amazon.nova-lite-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
LONG = "Sort. " * 800
TOKENS = len(LONG) // 4
POINT = {"cachePoint": {"type": "default"}}
SAYS = [{"role": "user", "content": [{"text": "mail"}]}]
CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "token")


def usage(bedrock: Any, *system: dict[str, Any], model: str = NOVA) -> dict[str, int]:
    answer = bedrock.converse(modelId=model, system=[*system], messages=SAYS)
    told: dict[str, int] = answer["usage"]
    return told


def test_the_first_call_writes_and_the_next_reads(bedrock: Any, host: RunningHost) -> None:
    first, second = (usage(bedrock, {"text": LONG}, POINT) for _ in range(2))

    assert (first["cacheWriteInputTokens"], first["cacheReadInputTokens"]) == (TOKENS, 0)
    assert (second["cacheWriteInputTokens"], second["cacheReadInputTokens"]) == (0, TOKENS)
    assert first["inputTokens"] == second["inputTokens"] == 1
    assert second["totalTokens"] == TOKENS + 2
    assert [call["cache_read_tokens"] for call in host.calls()] == [0, TOKENS]


@pytest.mark.parametrize(
    ("system", "model"),
    [
        (({"text": LONG},), NOVA),
        (({"text": "Sort."}, POINT), NOVA),
        (({"text": LONG}, POINT), HAIKU),
        (({"text": LONG}, POINT), "us.meta.llama3-3-70b-instruct-v1:0"),
    ],
    ids=["not marked", "too short", "too short for this model", "a model without a cache"],
)
def test_what_is_not_kept_is_input(bedrock: Any, system: Any, model: str) -> None:
    for _ in range(2):
        told = usage(bedrock, *system, model=model)

        assert told.keys() == {"inputTokens", "outputTokens", "totalTokens"}
        assert told["inputTokens"] > 0


def test_each_model_keeps_its_own(bedrock: Any) -> None:
    usage(bedrock, {"text": LONG}, POINT)

    assert usage(bedrock, {"text": LONG}, POINT, model=SONNET)["cacheReadInputTokens"] == 0


def test_claude_tells_it_in_its_own_words(bedrock: Any) -> None:
    control = {"cache_control": {"type": "ephemeral"}}
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "system": [{"type": "text", "text": LONG, **control}],
        "messages": [{"role": "user", "content": "mail"}],
    }
    told = [
        json.loads(bedrock.invoke_model(modelId=SONNET, body=json.dumps(body))["body"].read())
        for _ in range(2)
    ]

    assert [each["usage"]["cache_creation_input_tokens"] for each in told] == [TOKENS, 0]
    assert [each["usage"]["cache_read_input_tokens"] for each in told] == [0, TOKENS]


def test_what_was_read_from_a_cache_does_not_count_against_the_limit(
    bedrock: Any, host: RunningHost
) -> None:
    host.behave(tpm=2 * TOKENS + 5000, limit_model="window")

    for _ in range(20):
        assert usage(bedrock, {"text": LONG}, POINT)


def test_what_nobody_reads_is_forgotten_after_five_minutes() -> None:
    caches, ask = PromptCaches(), Ask(turns=(Turn(role="user", text="mail"),), marked=LONG)
    first = caches.look(ask, model=NOVA, now=0.0)
    caches.keep(ask, first, model=NOVA, now=1.0)

    assert first == Kept(written=TOKENS)
    assert caches.look(ask, model=NOVA, now=KEPT_SECONDS) == Kept(read=TOKENS)
    assert caches.look(ask, model=NOVA, now=KEPT_SECONDS + 2) == Kept(written=TOKENS)


@pytest.mark.parametrize("family", [None, "anthropic"])
async def test_our_marks_are_such_that_a_prompt_is_kept_and_our_client_reads_so(
    host: RunningHost, family: str | None
) -> None:
    by_converse = Request({"system": [{"text": LONG}], "messages": SAYS})
    natively = Request(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 50,
            "system": LONG,
            "messages": [{"role": "user", "content": "mail"}],
        },
        "anthropic",
    )
    request = marked(by_converse if family is None else natively)

    async with BedrockEngine(
        endpoint=host.url, region="us-east-1", credentials=CREDENTIALS, limit=1
    ) as engine:
        first, second = [
            await engine.ask(
                request, route=Route(model=SONNET), timeout=9, metadata={"job_id": "j"}
            )
            for _ in range(2)
        ]

    assert first.usage == Usage(input_tokens=1, output_tokens=1, cache_write_tokens=TOKENS)
    assert second.usage == Usage(input_tokens=1, output_tokens=1, cache_read_tokens=TOKENS)
