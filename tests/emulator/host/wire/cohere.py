"""Cohere's native bodies: Command R, and the older Command."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Turn
from tests.emulator.host.wire.converse import Fraction, Sequence
from tests.emulator.host.wire.native import Count, Prompt
from tests.emulator.host.wire.shapes import SnakeShape, read

_REASONS = {
    StopReason.MAX_TOKENS: "MAX_TOKENS",
    StopReason.MODEL_CONTEXT_WINDOW_EXCEEDED: "ERROR_LIMIT",
    StopReason.CONTENT_FILTERED: "ERROR_TOXIC",
}


class Before(SnakeShape):
    """What was said before."""

    role: Literal["USER", "CHATBOT"]
    message: str


class CommandRRequest(SnakeShape):
    """A Command R request; of what Bedrock takes, documents and tools are not served."""

    message: Prompt
    chat_history: list[Before] = Field(default_factory=list)
    preamble: str = ""
    max_tokens: Count | None = None
    temperature: Fraction | None = None
    p: Annotated[float, Field(ge=0.01, le=0.99)] | None = None
    k: Annotated[float, Field(ge=0, le=500)] | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list)


class CommandR:
    """Command R and Command R+."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = self._request = read(CommandRRequest, body)
        self.ask = Ask(
            turns=(*map(_turn, request.chat_history), Turn(role="user", text=request.message)),
            system=request.preamble,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.p,
            stop_sequences=tuple(request.stop_sequences),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return the text, and the history with what was said now."""
        return {
            "response_id": str(uuid.uuid4()),
            "text": completion.text,
            "generation_id": str(uuid.uuid4()),
            "chat_history": [
                *(before.model_dump() for before in self._request.chat_history),
                {"role": "USER", "message": self._request.message},
                {"role": "CHATBOT", "message": completion.text},
            ],
            "finish_reason": _REASONS.get(completion.stop_reason, "COMPLETE"),
        }


class CommandRequest(SnakeShape):
    """A Command request for one generation, without likelihoods."""

    prompt: Prompt
    max_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    p: Fraction | None = None
    k: Annotated[float, Field(ge=0, le=500)] | None = None
    stop_sequences: Annotated[list[Sequence], Field(max_length=4)] = Field(default_factory=list)
    num_generations: Literal[1] = 1
    return_likelihoods: Literal["NONE"] = "NONE"
    truncate: Literal["NONE", "START", "END"] = "END"
    stream: Literal[False] = False


class Command:
    """Command and Command light."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = self._request = read(CommandRequest, body)
        self.ask = Ask(
            turns=(Turn(role="user", text=request.prompt),),
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.p,
            stop_sequences=tuple(request.stop_sequences),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return the one generation."""
        generation = {
            "id": str(uuid.uuid4()),
            "text": completion.text,
            "finish_reason": _REASONS.get(completion.stop_reason, "COMPLETE"),
        }
        prompt = self._request.prompt
        return {"id": str(uuid.uuid4()), "generations": [generation], "prompt": prompt}


def _turn(before: Before) -> Turn:
    return Turn(role="user" if before.role == "USER" else "assistant", text=before.message)
