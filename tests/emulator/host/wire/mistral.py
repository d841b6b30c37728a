"""Mistral's two native bodies: a raw prompt, and a chat."""

from typing import Annotated, Any

import orjson
from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, Turn
from tests.emulator.host.wire.chat import ChatMessage, heard
from tests.emulator.host.wire.converse import Fraction, Sequence
from tests.emulator.host.wire.native import Count, Native, Prompt, stop_or_length
from tests.emulator.host.wire.shapes import SnakeShape, read


class MistralRequest(SnakeShape):
    """A Mistral text request."""

    prompt: Prompt
    max_tokens: Count | None = None
    stop: list[Sequence] = Field(default_factory=list)
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, Field(ge=0, le=200)] | None = None


class MistralText:
    """Mistral text."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(MistralRequest, body)
        self.ask = Ask(
            turns=(Turn(role="user", text=request.prompt),),
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            stop_sequences=tuple(request.stop),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return Mistral's one output; it tells no tokens."""
        return {"outputs": [{"text": completion.text, "stop_reason": stop_or_length(completion)}]}


class MistralChatRequest(SnakeShape):
    """A Mistral chat request; of what Bedrock takes, tools are not served."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_tokens: Count | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None


class MistralChat:
    """Mistral chat."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(MistralChatRequest, body)
        system, turns = heard(request.messages)
        self.ask = Ask(
            turns=turns,
            system=system,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return Mistral's one choice; it tells no tokens."""
        message = {"role": "assistant", "content": completion.text}
        stop_reason = stop_or_length(completion)
        return {"choices": [{"index": 0, "message": message, "stop_reason": stop_reason}]}


def mistral(body: bytes, model: str) -> Native:
    """Return the body as that of the two that it is: only a chat has messages."""
    try:
        is_chat = "messages" in orjson.loads(body)
    except (ValueError, TypeError):
        is_chat = False
    return MistralChat(body, model) if is_chat else MistralText(body, model)
