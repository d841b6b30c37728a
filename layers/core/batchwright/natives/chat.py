"""The chat that OpenAI's open-weight models and Mistral's large ones share, on both sides."""

from typing import Annotated, Any, Literal

import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from batchwright.natives.bodies import (
    Answer,
    Count,
    Objects,
    Parts,
    Said,
    content_of,
    text_of,
    tool_use,
)
from batchwright.shapes import Shape

ENDINGS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
}


class Message(Shape, frozen=True):
    """What somebody said, wanted to call, or was answered by a tool."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Objects | None = None
    tool_calls: Objects | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


type Messages = Annotated[list[Message], Meta(min_length=1)]


class Function(Struct, frozen=True, gc=False):
    """What is to be called."""

    name: str
    arguments: str


class Call(Struct, frozen=True, gc=False):
    """A call that the model asks for."""

    id: str
    function: Function


class Wrote(Struct, frozen=True, gc=False):
    """The message of a choice."""

    content: str | None = None
    tool_calls: list[Call] | None = None


class Choice(Struct, frozen=True, gc=False):
    """One answer; Bedrock's page for Mistral has the reason under the first name, OpenAI under the second."""

    message: Wrote
    stop_reason: str | None = None
    finish_reason: str | None = None


class Usage(Struct, frozen=True, gc=False):
    """What was counted."""

    prompt_tokens: Count
    completion_tokens: Count


class Reply(Answer, frozen=True, gc=False):
    """An answer with its one choice."""

    choices: Annotated[list[Choice], Meta(min_length=1, max_length=1)]
    usage: Usage | None = None


def parts_of(messages: list[Message]) -> Parts:
    """Yield what is in messages; an assistant that only calls tools may say nothing."""
    for place, message in enumerate(messages):
        at = f"messages[{place}]"
        calls = not isinstance(message.tool_calls, UnsetType)
        if message.content is not None and not (calls and message.content == ""):
            yield from content_of(f"{at}.content", message.content)
        if not isinstance(message.tool_calls, UnsetType):
            yield f"{at}.tool_calls", message.tool_calls


def said(answer: Reply) -> Said:
    """Return the choice in Converse's words."""
    choice = answer.choices[0]
    reason = choice.stop_reason or choice.finish_reason or ""
    calls = [
        tool_use(call.id, call.function.name, given(call.function.arguments))
        for call in choice.message.tool_calls or ()
    ]
    return Said(
        content=[*text_of(choice.message.content or ""), *calls],
        stop_reason=ENDINGS.get(reason, reason),
        input_tokens=answer.usage.prompt_tokens if answer.usage else None,
        output_tokens=answer.usage.completion_tokens if answer.usage else None,
    )


def given(arguments: str) -> Any:
    """Return a call's arguments; what the model wrote without being JSON stays the text that it is."""
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments


def silent(messages: list[Message]) -> int | None:
    """Return the first message that neither says nor calls anything."""
    return next(
        (
            place
            for place, message in enumerate(messages)
            if message.content is None and isinstance(message.tool_calls, UnsetType)
        ),
        None,
    )
