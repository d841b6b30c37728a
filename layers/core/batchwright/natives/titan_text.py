"""Titan text (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-text.html)."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from batchwright.natives.bodies import Answer, Count, Fields, Native, Parts, Said, text_of
from batchwright.shapes import Fraction, Shape, TokenLimit

ENDINGS = {
    "FINISH": "end_turn",
    "LENGTH": "max_tokens",
    "STOP_CRITERIA_MET": "stop_sequence",
    "CONTENT_FILTERED": "content_filtered",
}


class Config(Shape, frozen=True):
    """Limits and sampling; how long an answer may be is each model's own."""

    maxTokenCount: TokenLimit | UnsetType = UNSET  # noqa: N815 - Titan's spelling
    temperature: Fraction | UnsetType = UNSET
    topP: Fraction | UnsetType = UNSET  # noqa: N815 - Titan's spelling
    stopSequences: list[str] | UnsetType = UNSET  # noqa: N815 - Titan's spelling


class Body(Shape, frozen=True, kw_only=True):
    """A request: a raw prompt."""

    inputText: str  # noqa: N815 - Titan's spelling
    textGenerationConfig: Config = Config()  # noqa: N815 - Titan's spelling


class Result(Struct, frozen=True, gc=False):
    """What was written."""

    tokenCount: Count  # noqa: N815 - Titan's spelling
    outputText: str  # noqa: N815 - Titan's spelling
    completionReason: str  # noqa: N815 - Titan's spelling


class Reply(Answer, frozen=True, gc=False):
    """An answer, whose results are always one."""

    inputTextTokenCount: Count  # noqa: N815 - Titan's spelling
    results: Annotated[list[Result], Meta(min_length=1, max_length=1)]


def _speaks(body: Fields) -> bool:
    return "inputText" in body and "textGenerationConfig" in body


def _parts(body: Body) -> Parts:
    yield "inputText", body.inputText


def _said(answer: Reply) -> Said:
    result = answer.results[0]
    return Said(
        content=text_of(result.outputText),
        stop_reason=ENDINGS.get(result.completionReason, result.completionReason),
        input_tokens=answer.inputTextTokenCount,
        output_tokens=result.tokenCount,
    )


TITAN_TEXT = Native(
    name="titan_text",
    sign='"textGenerationConfig": {} for Titan text',
    speaks=_speaks,
    needs=frozenset({"inputText"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    limits=(("textGenerationConfig", "maxTokenCount"),),
)
