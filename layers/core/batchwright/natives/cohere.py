"""Cohere's Command R, and the older Command with its raw prompt
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-command-r-plus.html and …-cohere-command.html).
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

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
    tool_use,
)
from batchwright.shapes import Fraction, Shape, TokenLimit

ENDINGS = {
    "COMPLETE": "end_turn",
    "STOP_SEQUENCE": "stop_sequence",
    "MAX_TOKENS": "max_tokens",
    "ERROR_TOXIC": "content_filtered",
    "ERROR_LIMIT": "model_context_window_exceeded",
}


class Turn(Shape, frozen=True):
    """What was said before."""

    role: Literal["USER", "CHATBOT"]
    message: str


class Body(Shape, frozen=True, kw_only=True):
    """A request of either kind; a field of the other kind is refused."""

    message: str | UnsetType = UNSET
    chat_history: list[Turn] | UnsetType = UNSET
    documents: list[dict[str, str]] | UnsetType = UNSET
    preamble: str | UnsetType = UNSET
    search_queries_only: bool | UnsetType = UNSET
    prompt_truncation: Literal["OFF", "AUTO_PRESERVE_ORDER"] | UnsetType = UNSET
    frequency_penalty: Fraction | UnsetType = UNSET
    presence_penalty: Fraction | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    return_prompt: bool | UnsetType = UNSET
    tools: Objects | UnsetType = UNSET
    tool_results: Objects | UnsetType = UNSET
    raw_prompting: bool | UnsetType = UNSET

    prompt: str | UnsetType = UNSET
    return_likelihoods: Literal["GENERATION", "ALL", "NONE"] | UnsetType = UNSET
    num_generations: Literal[1] | UnsetType = UNSET
    logit_bias: dict[str, float] | UnsetType = UNSET
    truncate: Literal["NONE", "START", "END"] | UnsetType = UNSET
    stream: bool | UnsetType = UNSET

    max_tokens: TokenLimit | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0, le=5)] | UnsetType = UNSET
    p: Fraction | UnsetType = UNSET
    k: Annotated[float, Meta(ge=0, le=500)] | UnsetType = UNSET
    stop_sequences: list[str] | UnsetType = UNSET


OF_PROMPTS = ("return_likelihoods", "num_generations", "logit_bias", "truncate", "stream")
OF_CHATS = (
    "chat_history",
    "documents",
    "preamble",
    "search_queries_only",
    "prompt_truncation",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "return_prompt",
    "tools",
    "tool_results",
    "raw_prompting",
)
MARKS = {"p", "k", "stop_sequences", *OF_PROMPTS} - {"stream"}


class Generation(Struct, frozen=True, gc=False):
    """What Command wrote."""

    text: str
    finish_reason: str


class Call(Struct, frozen=True, gc=False):
    """A call that the model asks for; Cohere gives it no id."""

    name: str
    parameters: Object


class Reply(Answer, frozen=True, gc=False):
    """An answer of either kind; neither tells tokens."""

    text: str | UnsetType = UNSET
    finish_reason: str = ""
    tool_calls: list[Call] | None = None
    generations: Annotated[list[Generation], Meta(min_length=1, max_length=1)] | UnsetType = UNSET


def _speaks(body: Fields) -> bool:
    if "message" in body:
        return True
    return "prompt" in body and bool(body.keys() & MARKS)


def _fault(body: Body) -> Fault | None:
    if isinstance(body.prompt, UnsetType) == isinstance(body.message, UnsetType):
        return "message", "say it or prompt, one of the two"
    foreign = OF_CHATS if isinstance(body.message, UnsetType) else OF_PROMPTS
    for name in foreign:
        if getattr(body, name) is not UNSET:
            return name, "this is not supported here"
    if body.stream is True:
        return "stream", "InvokeModel does not stream"
    if body.search_queries_only is True:
        return "search_queries_only", "an answer is wanted, and queries are none"
    return None


def _parts(body: Body) -> Parts:
    for name in ("message", "prompt", "preamble"):
        text = getattr(body, name)
        if text is not UNSET:
            yield name, text
    if not isinstance(body.chat_history, UnsetType):
        for place, turn in enumerate(body.chat_history):
            yield f"chat_history[{place}].message", turn.message
    yield from as_they_are(body, "documents", "tools", "tool_results")


def _said(answer: Reply) -> Said:
    if not isinstance(answer.generations, UnsetType):
        wrote = answer.generations[0]
        return Said(content=text_of(wrote.text), stop_reason=_ending(wrote.finish_reason))
    if isinstance(answer.text, UnsetType):
        raise TypeError("neither text nor generations")
    calls = [
        tool_use(f"call-{place}", call.name, call.parameters)
        for place, call in enumerate(answer.tool_calls or ())
    ]
    ending = _ending(answer.finish_reason)
    return Said(
        content=[*text_of(answer.text), *calls],
        stop_reason="tool_use" if calls and ending == "end_turn" else ending,
    )


def _ending(reason: str) -> str:
    # Bedrock's page writes the reasons in small letters, its models in capitals.
    return ENDINGS.get(reason.upper(), reason)


COHERE = Native(
    name="cohere",
    sign='"message" for Command R, "p", "k" or "stop_sequences" for Command',
    speaks=_speaks,
    needs=frozenset({"message", "prompt"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    limits=(("max_tokens",),),
    fault=_fault,
)
