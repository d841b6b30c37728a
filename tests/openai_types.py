"""What the tests of OpenAI's dialects share: lines for an endpoint, and answers held to the openai package's types."""

from pathlib import Path
from typing import Any

import orjson
from openai import BaseModel

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.lines import Line, lines
from batchwright.usage import Usage
from tests.fakes import NOON

SAMPLES = Path(__file__).parents[1] / "docs/samples"
KEY = "0123456789abcdef" * 4
ANSWERED = Answered(key=KEY, model="us.amazon.nova-lite-v1:0", at=NOON)
# A picture of one pixel.
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def line_for(url: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"custom_id": "req-1", "method": "POST", "url": url, "body": body}


def completion(
    *content: dict[str, Any],
    stop_reason: str = "end_turn",
    vectors: list[list[float]] | None = None,
) -> Completion:
    return Completion(
        content=[*content],
        stop_reason=stop_reason,
        usage=Usage(input_tokens=22, output_tokens=9),
        latency_ms=812,
        request_id="abc",
        vectors=vectors,
    )


def unanswered(code: str, param: str | None = None) -> Unanswered:
    return Unanswered(code=code, message="told", line=7, param=param, key=KEY, model="m", at=NOON)


def body_of(line: dict[str, Any]) -> Any:
    """The body of a line of results, as whoever reads the file finds it."""
    return orjson.loads(orjson.dumps(line))["response"]["body"]


def reads_as[M: BaseModel](kind: type[M], body: dict[str, Any]) -> M:
    """What the openai package makes of a body, strictly: nothing of another type, nothing that it does not know."""
    model = kind.model_validate(body, strict=True)
    assert unknown_in(model) == []
    assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == body
    return model


def unknown_in(value: Any) -> list[str]:
    """The names in a model, and in what it holds, that its types do not know."""
    match value:
        case BaseModel():
            inner = [getattr(value, name) for name in type(value).model_fields]
            return [*(value.model_extra or {}), *unknown_in(inner)]
        case list():
            return [name for each in value for name in unknown_in(each)]
        case _:
            return []


def sample(name: str) -> list[Line]:
    """The lines of a sample, as the file has them."""
    return [*lines([(SAMPLES / name).read_bytes()])]
