"""OpenAI Batch, ``/v1/embeddings`` (platform.openai.com/docs/api-reference/embeddings/create)."""

import struct
from base64 import b64encode
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import Name, Shape, check_text, read_shape
from batchwright.dialects.openai import (
    ID_FIELD,
    Envelope,
    OpenAIBatch,
    check_url,
)
from batchwright.embedding import NEUTRAL
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import Request, estimated_tokens

URL = "/v1/embeddings"
MOST_TEXTS = 2048


class Body(Shape, frozen=True, kw_only=True):
    """What of an embedding's body a route can honour; texts are taken, tokens of OpenAI's models are not."""

    model: Name
    input: str | Annotated[list[str], Meta(min_length=1, max_length=MOST_TEXTS)]
    # More than any model has; which of them a model offers, the contract looks up.
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    # It labels a request and does not change its answer.
    user: str | None = None


class EmbeddingLine(Envelope, frozen=True, kw_only=True):
    """A line of the file."""

    body: Body


DECODER = msgspec.json.Decoder(EmbeddingLine)


class OpenAIEmbeddings(OpenAIBatch):
    """OpenAI Batch JSONL for embeddings."""

    name = "openai_embeddings"
    url = URL

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        shape = read_shape(DECODER, line, ID_FIELD)
        record_id, body = shape.custom_id, shape.body
        check_url(shape, self.url)
        texts = _texts(body)
        for place, text in enumerate(texts):
            if not text or text.isspace():
                param = "body.input" if isinstance(body.input, str) else f"body.input[{place}]"
                check_text(param, text, record_id)
        return Record(
            record_id=record_id,
            model=body.model,
            embeds=True,
            texts=len(texts),
            dimensions=body.dimensions,
            input_tokens=estimated_tokens(texts),
            shape=body,
        )

    def request(self, record: Record) -> Request:
        """Return the texts, and how long the vectors are wished, in no model's own words: the contract puts it into
        those of the route's.
        """
        asked: Body = record.shape
        body: dict[str, Any] = {"texts": _texts(asked)}
        if asked.dimensions is not None:
            body["dimensions"] = asked.dimensions
        return Request(body, family=NEUTRAL)

    def body(
        self, record: Record, completion: Completion, told: Answered | Unanswered
    ) -> dict[str, Any]:
        """Return the vectors, as numbers or in base64."""
        asked: Body = record.shape
        written = _in_base64 if asked.encoding_format == "base64" else list
        read = completion.usage.input_tokens
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": written(vector)}
                for index, vector in enumerate(completion.vectors or ())
            ],
            "model": told.model,
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }


def _texts(body: Body) -> list[str]:
    return [body.input] if isinstance(body.input, str) else body.input


def _in_base64(vector: list[float]) -> str:
    """Return a vector as OpenAI packs it: 32-bit numbers, the low byte first."""
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
