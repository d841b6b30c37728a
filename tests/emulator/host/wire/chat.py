"""The chat of OpenAI's open-weight models, whose messages Mistral's chat has, too."""

import time
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Turn
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire import conversation
from tests.emulator.host.wire.converse import Fraction
from tests.emulator.host.wire.native import Count, stop_or_length
from tests.emulator.host.wire.parts import Message, Said
from tests.emulator.host.wire.schema import accepted
from tests.emulator.host.wire.shapes import SnakeShape, read

type Stop = Annotated[str, Field(min_length=1)]


class TextPart(SnakeShape):
    """A piece of a message; these models take text only."""

    type: Literal["text"]
    text: str


class ChatMessage(SnakeShape):
    """What was said, and by whom."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        """All that was said."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


def heard(messages: Sequence[ChatMessage]) -> tuple[str, tuple[Turn, ...]]:
    """Return the system prompt, and the turns of the two sides, or refuse them."""
    above = [one.text for one in messages if one.role in {"system", "developer"}]
    spoken = [
        Message("user" if one.role == "user" else "assistant", (Said(one.text),))
        for one in messages
        if one.role in {"user", "assistant"}
    ]
    return "\n".join(above), conversation.turns(spoken)


class JsonSchema(SnakeShape):
    """A schema and its name."""

    name: str
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    description: str | None = None
    strict: bool | None = None


class Format(SnakeShape):
    """The form that the answer must have."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


class OpenAIRequest(SnakeShape):
    """A chat completion to create; of what Bedrock takes, tools and log probabilities are not served."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    model: str | None = None
    max_completion_tokens: Count | None = None
    max_tokens: Count | None = None  # OpenAI's older name of the same
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Fraction | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    stream: Literal[False] = False
    response_format: Format | None = None


class OpenAI:
    """A chat completion."""

    def __init__(self, body: bytes, model: str) -> None:
        request = read(OpenAIRequest, body)
        if request.model not in {None, model}:
            raise invalid("The model in the body must be the one that the request is for.")
        self._model = model
        system, turns = heard(request.messages)
        self.ask = Ask(
            turns=turns,
            system=system,
            max_tokens=request.max_completion_tokens or request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            stop_sequences=sequences(request.stop),
            schema=wanted_schema(request.response_format),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return a chat completion with its one choice."""
        return answer_of(completion, self._model)


def answer_of(completion: Completion, model: str) -> dict[str, Any]:
    """Return a chat completion with its one choice."""
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [_choice(completion)],
        "usage": {
            "prompt_tokens": completion.input_tokens,
            "completion_tokens": completion.output_tokens,
            "total_tokens": completion.input_tokens + completion.output_tokens,
        },
    }


def _choice(completion: Completion) -> dict[str, Any]:
    filtered = completion.stop_reason is StopReason.CONTENT_FILTERED
    return {
        "index": 0,
        "message": {"role": "assistant", "content": completion.text, "refusal": None},
        "logprobs": None,
        "finish_reason": "content_filter" if filtered else stop_or_length(completion),
    }


def sequences(stop: str | list[str] | None) -> tuple[str, ...]:
    """Return the texts at which an answer stops."""
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def wanted_schema(wanted: Format | None) -> dict[str, Any] | None:
    """Return the schema that the answer must have."""
    return None if wanted is None else accepted(wanted.json_schema.schema_)
