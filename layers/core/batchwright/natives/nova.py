"""Nova's messages, which are Converse's but for the pictures' base64
(docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html).
"""

from typing import Annotated, Literal

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
)
from batchwright.shapes import Fraction, Shape, TokenLimit


class Message(Shape, frozen=True):
    """A turn; its blocks are Nova's own."""

    role: Literal["user", "assistant"]
    content: Objects


class InferenceConfig(Shape, frozen=True):
    """Limits and sampling; the limit has two names."""

    maxTokens: TokenLimit | UnsetType = UNSET  # noqa: N815 - Nova's spelling
    max_new_tokens: TokenLimit | UnsetType = UNSET
    temperature: Fraction | UnsetType = UNSET
    topP: Fraction | UnsetType = UNSET  # noqa: N815 - Nova's spelling
    topK: Annotated[int, Meta(ge=0, le=128)] | UnsetType = UNSET  # noqa: N815 - Nova's spelling
    stopSequences: list[str] | UnsetType = UNSET  # noqa: N815 - Nova's spelling
    reasoningConfig: Object | UnsetType = UNSET  # noqa: N815 - Nova's spelling


class Body(Shape, frozen=True, kw_only=True):
    """A request."""

    schemaVersion: Literal["messages-v1"] | UnsetType = UNSET  # noqa: N815 - Nova's spelling
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: Objects | UnsetType = UNSET
    inferenceConfig: InferenceConfig = InferenceConfig()  # noqa: N815 - Nova's spelling
    toolConfig: Object | UnsetType = UNSET  # noqa: N815 - Nova's spelling
    reasoningConfig: Object | UnsetType = UNSET  # noqa: N815 - Nova's spelling


class Usage(Struct, frozen=True, gc=False):
    """What was counted."""

    inputTokens: Count  # noqa: N815 - Nova's spelling
    outputTokens: Count  # noqa: N815 - Nova's spelling
    cacheReadInputTokenCount: Count | None = None  # noqa: N815 - Nova's spelling
    cacheWriteInputTokenCount: Count | None = None  # noqa: N815 - Nova's spelling


class Content(Struct, frozen=True, gc=False):
    """The message inside an answer."""

    content: list[Object]


class Output(Struct, frozen=True, gc=False):
    """An answer's message."""

    message: Content


class Reply(Answer, frozen=True, gc=False):
    """An answer."""

    output: Output
    stopReason: str  # noqa: N815 - Nova's spelling
    usage: Usage


def _speaks(body: Fields) -> bool:
    return "messages" in body and bool(
        body.keys() & {"schemaVersion", "inferenceConfig", "toolConfig"}
    )


def _fault(body: Body) -> Fault | None:
    if body.messages[0].role != "user":
        return "messages", "the first turn must be the user's"
    config = body.inferenceConfig
    if UNSET not in (config.maxTokens, config.max_new_tokens):
        return "inferenceConfig.max_new_tokens", "say it or maxTokens, not both"
    for place, message in enumerate(body.messages):
        for at, block in enumerate(message.content):
            if "document" in block:
                return f"messages[{place}].content[{at}]", "Nova reads documents by Converse only"
    return None


def _parts(body: Body) -> Parts:
    if not isinstance(body.system, UnsetType):
        yield from content_of("system", body.system)
    for place, message in enumerate(body.messages):
        yield from content_of(f"messages[{place}].content", message.content)
    yield from as_they_are(body, "toolConfig", "reasoningConfig")
    yield from as_they_are(body.inferenceConfig, "reasoningConfig")


def _said(answer: Reply) -> Said:
    usage = answer.usage
    return Said(
        content=answer.output.message.content,
        stop_reason=answer.stopReason,
        input_tokens=usage.inputTokens,
        output_tokens=usage.outputTokens,
        cache_read_tokens=usage.cacheReadInputTokenCount or 0,
        cache_write_tokens=usage.cacheWriteInputTokenCount or 0,
    )


NOVA = Native(
    name="nova",
    sign='"schemaVersion": "messages-v1" for Nova',
    speaks=_speaks,
    needs=frozenset({"messages"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    limits=(("inferenceConfig", "maxTokens"), ("inferenceConfig", "max_new_tokens")),
    fault=_fault,
)
