"""Titan's text embeddings
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html).
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from batchwright.natives.bodies import Answer, Count, Fields, Native, Parts, Said, told
from batchwright.shapes import Shape


class Body(Shape, frozen=True, kw_only=True):
    """A request for one text's vector; the first version takes nothing but the text."""

    inputText: str  # noqa: N815 - Titan's spelling
    dimensions: Literal[256, 512, 1024] | UnsetType = UNSET
    normalize: bool | UnsetType = UNSET
    embeddingTypes: (  # noqa: N815 - Titan's spelling
        Annotated[list[Literal["float", "binary"]], Meta(min_length=1)] | UnsetType
    ) = UNSET


class Reply(Answer, frozen=True, gc=False):
    """An answer."""

    embedding: list[float]
    inputTextTokenCount: Count  # noqa: N815 - Titan's spelling


def _speaks(body: Fields) -> bool:
    return "inputText" in body and bool(body.keys() & {"dimensions", "normalize", "embeddingTypes"})


def _parts(body: Body) -> Parts:
    yield "inputText", body.inputText


def _wants(body: Body) -> tuple[int, int | None]:
    return 1, told(body.dimensions)


def _said(answer: Reply) -> Said:
    return Said(
        content=[],
        stop_reason="end_turn",
        input_tokens=answer.inputTextTokenCount,
        vectors=[answer.embedding] if answer.embedding else [],
    )


TITAN_EMBED = Native(
    name="titan_embed",
    sign='"normalize" or "dimensions" for Titan embeddings',
    speaks=_speaks,
    needs=frozenset({"inputText"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    embeds=True,
    wants=_wants,
)
