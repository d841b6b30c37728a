"""Claude's Messages
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html).
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from batchwright.natives.bodies import (
    Answer,
    Count,
    Fault,
    Fields,
    Native,
    Object,
    Objects,
    Parts,
    Said,
    as_they_are,
    content_of,
    tool_use,
)
from batchwright.shapes import Fraction, Shape, TokenLimit


class Message(Shape, frozen=True):
    """A turn; its blocks are Claude's own."""

    role: Literal["user", "assistant"]
    content: str | Objects


class Body(Shape, frozen=True, kw_only=True):
    """A request; Bedrock takes neither ``model`` nor ``stream`` in it."""

    anthropic_version: Literal["bedrock-2023-05-31"]
    anthropic_beta: list[str] | UnsetType = UNSET
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: str | Objects | UnsetType = UNSET
    max_tokens: TokenLimit | UnsetType = UNSET
    temperature: Fraction | UnsetType = UNSET
    top_p: Fraction | UnsetType = UNSET
    top_k: Annotated[int, Meta(ge=0, le=500)] | UnsetType = UNSET
    stop_sequences: list[str] | UnsetType = UNSET
    tools: Objects | UnsetType = UNSET
    tool_choice: Object | UnsetType = UNSET
    thinking: Object | UnsetType = UNSET
    output_config: Object | UnsetType = UNSET


class Usage(Struct, frozen=True, gc=False):
    """What was counted."""

    input_tokens: Count
    output_tokens: Count
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None


class Reply(Answer, frozen=True, gc=False):
    """An answer."""

    content: list[Object]
    stop_reason: str
    usage: Usage


def _speaks(body: Fields) -> bool:
    return "anthropic_version" in body


def _fault(body: Body) -> Fault | None:
    if body.messages[0].role != "user":
        return "messages", "the first turn must be the user's"
    return None


def _parts(body: Body) -> Parts:
    if not isinstance(body.system, UnsetType):
        yield from content_of("system", body.system)
    for place, message in enumerate(body.messages):
        yield from content_of(f"messages[{place}].content", message.content)
    yield from as_they_are(body, "tools", "tool_choice", "thinking", "output_config")


def _said(answer: Reply) -> Said:
    usage = answer.usage
    return Said(
        content=[_block(block) for block in answer.content],
        stop_reason="content_filtered" if answer.stop_reason == "refusal" else answer.stop_reason,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_input_tokens or 0,
        cache_write_tokens=usage.cache_creation_input_tokens or 0,
    )


def _block(block: dict[str, Any]) -> dict[str, Any]:
    match block:
        case {"type": "text", "text": str(text)}:
            return {"text": text}
        case {"type": "tool_use", "id": str(call_id), "name": str(name), "input": given}:
            return tool_use(call_id, name, given)
        case {"type": "thinking", "thinking": str(thought), **signed}:
            told = {"text": thought, "signature": signed.get("signature")}
            return {"reasoningContent": {"reasoningText": told}}
    return {str(block.get("type")): block}


ANTHROPIC = Native(
    name="anthropic",
    sign='"anthropic_version": "bedrock-2023-05-31" for Claude',
    speaks=_speaks,
    needs=frozenset({"messages"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    limits=(("max_tokens",),),
    fault=_fault,
)
