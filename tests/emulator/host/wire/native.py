"""The native bodies of InvokeModel, one class a family: its request read, its answer written.

A raw prompt (Titan, Llama, Mistral) is put to the engine as one user turn, word for word.
"""

import re
import uuid
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Turn
from tests.emulator.host.wire.anthropic import AnthropicRequest
from tests.emulator.host.wire.conversation import Message, SystemBlock, system_text, turns
from tests.emulator.host.wire.converse import Fraction, Sequence, usage
from tests.emulator.host.wire.shapes import Shape, SnakeShape, read

_CLAUDE = re.compile(r"^.*anthropic\.(claude-.+?)(?:-v[0-9]+)?(?::[0-9]+)?$")

type Count = Annotated[int, Field(ge=1)]
type Prompt = Annotated[str, Field(min_length=1)]


class Native(Protocol):
    """A native request that was read: what it asks, and how it is answered."""

    ask: Ask

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return the body of the answer."""


class Anthropic:
    """Claude's Messages."""

    def __init__(self, body: bytes, model: str) -> None:
        self.ask = read(AnthropicRequest, body).ask()
        self._model = model

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return a Claude message."""
        reason = completion.stop_reason
        refused = reason is StopReason.CONTENT_FILTERED
        return {
            "model": _CLAUDE.sub(r"\1", self._model),
            "id": f"msg_bdrk_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": completion.text}] if completion.text else [],
            "stop_reason": "refusal" if refused else reason,
            "stop_sequence": completion.stop_sequence,
            "usage": {
                "input_tokens": completion.input_tokens,
                "output_tokens": completion.output_tokens,
            },
        }


class NovaConfig(Shape):
    """How Nova is to decode; it takes both names of its token limit."""

    max_tokens: Count | None = None
    max_new_tokens: Annotated[Count | None, Field(alias="max_new_tokens")] = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list)


class NovaRequest(Shape):
    """A Nova request."""

    schema_version: Literal["messages-v1"] = "messages-v1"
    messages: list[Message]
    system: list[SystemBlock] | None = None
    inference_config: NovaConfig = NovaConfig()


class Nova:
    """Nova's messages."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(NovaRequest, body)
        decoding = request.inference_config
        self.ask = Ask(
            turns=turns(request.messages),
            system=system_text(request.system),
            max_tokens=decoding.max_tokens or decoding.max_new_tokens,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            stop_sequences=tuple(decoding.stop_sequences),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return what Converse would return, less its metrics."""
        return {
            "output": {"message": {"content": [{"text": completion.text}], "role": "assistant"}},
            "stopReason": completion.stop_reason,
            "usage": usage(completion),
        }


class TitanConfig(Shape):
    """How Titan is to decode."""

    max_token_count: Count | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list)
    temperature: Fraction | None = None
    top_p: Fraction | None = None


class TitanRequest(Shape):
    """A Titan text request."""

    input_text: Prompt
    text_generation_config: TitanConfig = TitanConfig()


class Titan:
    """Titan text."""

    _REASONS = {  # noqa: RUF012 - never changed
        StopReason.END_TURN: "FINISH",
        StopReason.STOP_SEQUENCE: "STOP_CRITERIA_MET",
        StopReason.CONTENT_FILTERED: "CONTENT_FILTERED",
    }

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(TitanRequest, body)
        decoding = request.text_generation_config
        self.ask = Ask(
            turns=(Turn(role="user", text=request.input_text),),
            max_tokens=decoding.max_token_count,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            stop_sequences=tuple(decoding.stop_sequences),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return Titan's one result."""
        result = {
            "tokenCount": completion.output_tokens,
            "outputText": completion.text,
            "completionReason": self._REASONS.get(completion.stop_reason, "LENGTH"),
        }
        return {"inputTextTokenCount": completion.input_tokens, "results": [result]}


class LlamaRequest(SnakeShape):
    """A request to one of Meta's Llama models."""

    prompt: Prompt
    max_gen_len: Count | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None


class MetaLlama:
    """Meta's Llama."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(LlamaRequest, body)
        self.ask = Ask(
            turns=(Turn(role="user", text=request.prompt),),
            max_tokens=request.max_gen_len,
            temperature=request.temperature,
            top_p=request.top_p,
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return Llama's generation."""
        return {
            "generation": completion.text,
            "prompt_token_count": completion.input_tokens,
            "generation_token_count": completion.output_tokens,
            "stop_reason": _stop_or_length(completion),
        }


class MistralRequest(SnakeShape):
    """A Mistral text request."""

    prompt: Prompt
    max_tokens: Count | None = None
    stop: list[Sequence] = Field(default_factory=list)
    temperature: Fraction | None = None
    top_p: Fraction | None = None


class Mistral:
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
        return {"outputs": [{"text": completion.text, "stop_reason": _stop_or_length(completion)}]}


def _stop_or_length(completion: Completion) -> str:
    cut = {StopReason.MAX_TOKENS, StopReason.MODEL_CONTEXT_WINDOW_EXCEEDED}
    return "length" if completion.stop_reason in cut else "stop"
