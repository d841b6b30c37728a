"""What a native body of InvokeModel is, and those that are a raw prompt: Titan text and Llama.

A raw prompt is put to the engine as one user turn, word for word.
"""

from typing import Annotated, Any, Protocol

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Turn
from tests.emulator.host.wire.converse import Fraction, Sequence
from tests.emulator.host.wire.shapes import Shape, SnakeShape, read

type Count = Annotated[int, Field(ge=1)]
type Prompt = Annotated[str, Field(min_length=1)]


class Native(Protocol):
    """A native request that was read: what it asks, and how it is answered."""

    ask: Ask

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return the body of the answer."""


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
            "stop_reason": stop_or_length(completion),
        }


def stop_or_length(completion: Completion) -> str:
    """Return why an answer ended, as Llama, Mistral and OpenAI say it."""
    cut = {StopReason.MAX_TOKENS, StopReason.MODEL_CONTEXT_WINDOW_EXCEEDED}
    return "length" if completion.stop_reason in cut else "stop"
