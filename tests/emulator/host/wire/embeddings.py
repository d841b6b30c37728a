"""The native bodies of the embedding models: Titan's and Cohere's."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.embedder import unit, vector
from tests.emulator.host.engines.port import Ask, Completion, Turn
from tests.emulator.host.wire.native import Count, Prompt
from tests.emulator.host.wire.shapes import Shape, SnakeShape, read

type EmbeddingType = Literal["float", "int8", "uint8", "binary", "ubinary"]
type TitanType = Literal["float", "binary"]
type InputType = Literal["search_document", "search_query", "classification", "clustering"]
type TitanText = Annotated[Prompt, Field(max_length=50_000)]
type Short = Annotated[Prompt, Field(max_length=2048)]

V1_DIMENSIONS = 1536
V3_DIMENSIONS = 1024


class TitanV1Request(Shape):
    """A text to embed."""

    input_text: TitanText


class TitanV1:
    """Titan Embeddings G1."""

    def __init__(self, body: bytes, _model: str) -> None:
        self._text = read(TitanV1Request, body).input_text
        self.ask = _asked([self._text])

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return the vector."""
        return {
            "embedding": unit(vector(self._text, V1_DIMENSIONS)),
            "inputTextTokenCount": completion.input_tokens,
        }


class TitanV2Request(Shape):
    """A text to embed, and how."""

    input_text: TitanText
    dimensions: Literal[256, 512, 1024] = 1024
    normalize: bool = True
    embedding_types: Annotated[list[TitanType], Field(min_length=1)] | None = None


class TitanV2:
    """Titan Text Embeddings V2."""

    def __init__(self, body: bytes, _model: str) -> None:
        self._request = read(TitanV2Request, body)
        self.ask = _asked([self._request.input_text])

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return the vector as floats, and in the types that are wanted."""
        raw = vector(self._request.input_text, self._request.dimensions)
        values = unit(raw) if self._request.normalize else raw
        by_type = {"float": values, "binary": [int(value > 0) for value in raw]}
        wanted = self._request.embedding_types or ["float"]
        return {
            "embedding": values,
            "embeddingsByType": {each: by_type[each] for each in wanted},
            "inputTextTokenCount": completion.input_tokens,
        }


class CohereV3Request(SnakeShape):
    """Texts to embed; of what Bedrock takes, images are not served."""

    texts: Annotated[list[Short], Field(min_length=1, max_length=96)]
    input_type: InputType
    truncate: Literal["NONE", "START", "END"] = "NONE"
    embedding_types: Annotated[list[EmbeddingType], Field(min_length=1)] | None = None


class CohereV4Request(SnakeShape):
    """The same for the fourth version, which takes long texts."""

    texts: Annotated[list[Prompt], Field(min_length=1, max_length=96)]
    input_type: InputType
    truncate: Literal["NONE", "LEFT", "RIGHT"] = "NONE"
    embedding_types: Annotated[list[EmbeddingType], Field(min_length=1)] | None = None
    output_dimension: Literal[256, 512, 1024, 1536] = 1536
    max_tokens: Annotated[Count, Field(le=128_000)] | None = None


class _Cohere:
    """What both versions of Embed answer."""

    def __init__(self, request: CohereV3Request | CohereV4Request, *, dimensions: int) -> None:
        self._request = request
        self._dimensions = dimensions
        self.ask = _asked(request.texts)

    def answer(self, _completion: Completion) -> dict[str, Any]:
        """Return the vectors, by type if types are wanted."""
        texts, wanted = self._request.texts, self._request.embedding_types
        vectors = [unit(vector(text, self._dimensions)) for text in texts]
        by_type = {each: [typed(values, each) for values in vectors] for each in wanted or ()}
        return {
            "id": str(uuid.uuid4()),
            "response_type": "embeddings_floats" if wanted is None else "embeddings_by_type",
            "embeddings": vectors if wanted is None else by_type,
            "texts": texts,
        }


class CohereV3(_Cohere):
    """Embed English and Multilingual."""

    def __init__(self, body: bytes, _model: str) -> None:
        super().__init__(read(CohereV3Request, body), dimensions=V3_DIMENSIONS)


class CohereV4(_Cohere):
    """Embed v4."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(CohereV4Request, body)
        super().__init__(request, dimensions=request.output_dimension)


def typed(values: list[float], wanted: EmbeddingType) -> list[float]:
    """Return the vector in a type of Cohere's; the binary ones hold eight dimensions a byte.

    >>> typed([0.5, -0.5] * 4, "ubinary"), typed([0.5, -0.5] * 4, "binary")
    ([170], [42])
    """
    match wanted:
        case "float":
            return values
        case "int8":
            return [round(value * 127) for value in values]
        case "uint8":
            return [round(value * 127) + 128 for value in values]
        case "ubinary":
            return list(_bytes(values))
        case "binary":
            return [byte - 128 for byte in _bytes(values)]


def _bytes(values: list[float]) -> bytes:
    bits = "".join("1" if value > 0 else "0" for value in values)
    return int(bits, 2).to_bytes(len(values) // 8)


def _asked(texts: list[str]) -> Ask:
    said = Turn(role="user", text="\n".join(texts))
    return Ask(turns=(said,), max_tokens=0, wants_vectors=True)
