"""Cohere Embed, versions 3 and 4
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html).
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from batchwright.natives.bodies import (
    Answer,
    Fault,
    Fields,
    Native,
    Objects,
    Parts,
    Said,
    as_they_are,
    told,
)
from batchwright.shapes import Shape

MOST_TEXTS = 96
type Vectors = list[list[float]]
type VectorType = Literal["float", "int8", "uint8", "binary", "ubinary"]
type Strings = Annotated[list[str], Meta(min_length=1, max_length=MOST_TEXTS)]


class Body(Shape, frozen=True, kw_only=True):
    """A request for the vectors of texts, of pictures, or of both mixed."""

    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Strings | UnsetType = UNSET
    images: Strings | UnsetType = UNSET
    inputs: Annotated[Objects, Meta(max_length=MOST_TEXTS)] | UnsetType = UNSET
    embedding_types: Annotated[list[VectorType], Meta(min_length=1)] | UnsetType = UNSET
    truncate: Literal["NONE", "START", "END", "LEFT", "RIGHT"] | UnsetType = UNSET
    output_dimension: Literal[256, 512, 1024, 1536] | UnsetType = UNSET
    max_tokens: Annotated[int, Meta(ge=1, le=128_000)] | UnsetType = UNSET
    """How much of each text is read, not how much is written."""


class Reply(Answer, frozen=True, gc=False):
    """An answer: vectors, or vectors by their type where types were asked for."""

    embeddings: Vectors | dict[str, Vectors]


def _speaks(body: Fields) -> bool:
    return bool(body.keys() & {"input_type", "texts"})


def _fault(body: Body) -> Fault | None:
    given = [name for name in ("texts", "images", "inputs") if getattr(body, name) is not UNSET]
    return None if len(given) == 1 else ("texts", "say texts, images or inputs, one of them")


def _parts(body: Body) -> Parts:
    if not isinstance(body.texts, UnsetType):
        yield from ((f"texts[{at}]", text) for at, text in enumerate(body.texts))
    if not isinstance(body.images, UnsetType):
        yield from ((f"images[{at}]", {"image": data}) for at, data in enumerate(body.images))
    yield from as_they_are(body, "inputs")


def _wants(body: Body) -> tuple[int, int | None]:
    given = told(body.texts) or told(body.images) or told(body.inputs) or []
    return len(given), told(body.output_dimension)


def _said(answer: Reply) -> Said:
    found = answer.embeddings
    if isinstance(found, dict):
        found = found.get("float") or next(iter(found.values()), [])
    return Said(content=[], stop_reason="end_turn", vectors=found)


COHERE_EMBED = Native(
    name="cohere_embed",
    sign='"input_type" for Cohere Embed',
    speaks=_speaks,
    needs=frozenset({"texts", "inputs"}),
    body=Body,
    answer=Reply,
    parts=_parts,
    said=_said,
    embeds=True,
    wants=_wants,
    fault=_fault,
)
