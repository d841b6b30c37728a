"""Mistral's two bodies: a raw prompt, and a chat
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral.html).
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from batchwright.natives import chat
from batchwright.natives.bodies import (
    Answer,
    Fault,
    Fields,
    Native,
    Object,
    Objects,
    Parts,
    Said,
    as_they_are,
    text_of,
)
from batchwright.shapes import Fraction, Shape, TokenLimit

ENDINGS = {"stop": "end_turn", "length": "max_tokens"}


class Body(Shape, frozen=True, kw_only=True):
    """A request of either kind; a field of the other kind is refused."""

    prompt: str | UnsetType = UNSET
    messages: chat.Messages | UnsetType = UNSET
    max_tokens: TokenLimit | UnsetType = UNSET
    temperature: Fraction | UnsetType = UNSET
    top_p: Fraction | UnsetType = UNSET
    top_k: Annotated[int, Meta(ge=0, le=200)] | UnsetType = UNSET
    stop: list[str] | UnsetType = UNSET
    tools: Objects | UnsetType = UNSET
    tool_choice: str | Object | UnsetType = UNSET


OF_PROMPTS = ("stop", "top_k")
OF_CHATS = ("tools", "tool_choice")


class Output(Struct, frozen=True, gc=False):
    """What was written."""

    text: str
    stop_reason: str


class Reply(Answer, frozen=True, gc=False):
    """An answer of either kind; neither need tell tokens."""

    outputs: Annotated[list[Output], Meta(min_length=1, max_length=1)] | UnsetType = UNSET
    choices: Annotated[list[chat.Choice], Meta(min_length=1, max_length=1)] | UnsetType = UNSET
    usage: chat.Usage | None = None


def _speaks(body: Fields) -> bool:
    if "prompt" not in body or "max_gen_len" in body:
        return False
    return bool(body.keys() & {"stop", "top_k"}) or b"[INST]" in bytes(body["prompt"])


def _fault(body: Body) -> Fault | None:
    if isinstance(body.prompt, UnsetType) == isinstance(body.messages, UnsetType):
        return "prompt", "say it or messages, one of the two"
    foreign = OF_CHATS if isinstance(body.messages, UnsetType) else OF_PROMPTS
    for name in foreign:
        if getattr(body, name) is not UNSET:
            return name, "this is not supported here"
    place = None if isinstance(body.messages, UnsetType) else chat.silent(body.messages)
    return None if place is None else (f"messages[{place}].content", "a text is wanted")


def _parts(body: Body) -> Parts:
    if not isinstance(body.prompt, UnsetType):
        yield "prompt", body.prompt
    if not isinstance(body.messages, UnsetType):
        yield from chat.parts_of(body.messages)
    yield from as_they_are(body, "tools")


def _said(answer: Reply) -> Said:
    if not isinstance(answer.choices, UnsetType):
        return chat.said(chat.Reply(choices=answer.choices, usage=answer.usage))
    if isinstance(answer.outputs, UnsetType):
        raise TypeError("neither outputs nor choices")
    output = answer.outputs[0]
    return Said(
        content=text_of(output.text),
        stop_reason=ENDINGS.get(output.stop_reason, output.stop_reason),
    )


MISTRAL = Native(
    name="mistral",
    sign='"top_k", "stop" or a prompt in [INST] for Mistral',
    speaks=_speaks,
    needs=frozenset({"prompt", "messages"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    limits=(("max_tokens",),),
    fault=_fault,
)
