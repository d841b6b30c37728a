"""The model host as somebody's own server, as OpenAI's client sees it, with vLLM's habits."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.emulator.host.running import RunningHost
from tests.openai_types import PIXEL

MODEL = "smollm2"
SAYS: list[Any] = [{"role": "user", "content": "hello"}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "price",
        "parameters": {"type": "object", "properties": {"of": {"type": "string"}}},
    },
}


@pytest.fixture
async def client(host: RunningHost) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=host.base_url, api_key="key", max_retries=0, timeout=60
    ) as client:
        yield client


async def test_it_tells_its_models(client: openai.AsyncOpenAI, host: RunningHost) -> None:
    host.behave(served=["a", "b"])

    assert [model.id async for model in client.models.list()] == ["a", "b"]


async def test_whoever_has_not_its_key_hears_so(
    client: openai.AsyncOpenAI, host: RunningHost
) -> None:
    host.behave(api_key="another")

    with pytest.raises(openai.AuthenticationError):
        await client.models.list()
    with pytest.raises(openai.AuthenticationError):
        await client.chat.completions.create(model=MODEL, messages=SAYS)

    host.behave(api_key="key")
    assert await client.chat.completions.create(model=MODEL, messages=SAYS)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"type": "function", "function": {"name": "price"}}, "stop"),
        ("required", "tool_calls"),
    ],
)
async def test_an_answer_that_had_to_call_one_tool_just_ended(
    client: openai.AsyncOpenAI, choice: Any, reason: str
) -> None:
    answer = await client.chat.completions.create(
        model=MODEL, messages=SAYS, tools=[TOOL], tool_choice=choice
    )

    (told,) = answer.choices
    calls = told.message.tool_calls
    assert calls is not None
    (call,) = calls
    assert call.type == "function"
    assert call.function.arguments == '{"of": "hello"}'
    assert told.finish_reason == reason


async def test_a_whole_conversation_is_read(client: openai.AsyncOpenAI) -> None:
    called = {
        "id": "c",
        "type": "function",
        "function": {"name": "price", "arguments": '{"of": "tea"}'},
    }
    picture = {"type": "image_url", "image_url": {"url": PIXEL}}
    messages: list[Any] = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "what does tea cost?"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "3"},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": [{"type": "text", "text": "and this?"}, picture]},
    ]

    answer = await client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])

    assert answer.choices[0].message.content == "and this?"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > 1600


@pytest.mark.parametrize(
    "more",
    [
        {"n": 2},
        {"seed": 5},
        {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": "x"}]}]},
        {"messages": [{"role": "tool", "tool_call_id": "c", "content": "an answer to nothing"}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}],
                }
            ]
        },
    ],
)
async def test_what_it_cannot_honour_is_refused_as_vllm_refuses(
    client: openai.AsyncOpenAI, more: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(**{"model": MODEL, "messages": SAYS, **more})

    body: Any = refused.value.body
    assert (body["type"], body["code"]) == ("BadRequestError", 400)


async def test_its_quota_is_its_own_models(client: openai.AsyncOpenAI, host: RunningHost) -> None:
    host.behave(rpm=1, served=["a", "b"])
    for model in ("a", "b"):
        await client.chat.completions.create(model=model, messages=SAYS)

    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="a", messages=SAYS)
    assert [call["status"] for call in host.calls()] == [200, 200, 429]
