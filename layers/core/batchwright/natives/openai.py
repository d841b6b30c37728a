"""OpenAI's open-weight models (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from batchwright.natives.bodies import Fault, Fields, Native, Object, Objects, Parts, as_they_are
from batchwright.natives.chat import Messages, Reply, parts_of, said, silent
from batchwright.shapes import Fraction, Shape, TokenLimit

MARKS = {"max_completion_tokens", "reasoning_effort", "response_format"}
type Penalty = Annotated[float, Meta(ge=-2, le=2)]


class Body(Shape, frozen=True, kw_only=True):
    """A chat completion to create, with one choice; the contract says the model."""

    messages: Messages
    max_completion_tokens: TokenLimit | UnsetType = UNSET
    max_tokens: TokenLimit | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType = UNSET
    top_p: Fraction | UnsetType = UNSET
    stop: str | list[str] | UnsetType = UNSET
    seed: int | UnsetType = UNSET
    frequency_penalty: Penalty | UnsetType = UNSET
    presence_penalty: Penalty | UnsetType = UNSET
    reasoning_effort: Literal["low", "medium", "high"] | UnsetType = UNSET
    response_format: Object | UnsetType = UNSET
    tools: Objects | UnsetType = UNSET
    tool_choice: str | Object | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    n: Literal[1] | UnsetType = UNSET
    stream: bool | UnsetType = UNSET


def _speaks(body: Fields) -> bool:
    return "messages" in body and bool(body.keys() & MARKS)


def _fault(body: Body) -> Fault | None:
    if body.stream is True:
        return "stream", "InvokeModel does not stream"
    if UNSET not in (body.max_tokens, body.max_completion_tokens):
        return "max_completion_tokens", "say it or max_tokens, not both"
    place = silent(body.messages)
    return None if place is None else (f"messages[{place}].content", "a text is wanted")


def _parts(body: Body) -> Parts:
    yield from parts_of(body.messages)
    yield from as_they_are(body, "tools", "response_format")


OPENAI = Native(
    name="openai",
    sign='"max_completion_tokens" for gpt-oss',
    speaks=_speaks,
    needs=frozenset({"messages"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=said,
    limits=(("max_completion_tokens",), ("max_tokens",)),
    fault=_fault,
)
