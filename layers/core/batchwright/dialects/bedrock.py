"""What the dialects of Bedrock's batch inference share: the envelope of a line, and the lines of ``.jsonl.out``
(docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html).
"""

from typing import Any

import msgspec
import orjson
from msgspec import Raw

from batchwright.dialects.dialect import Unanswered
from batchwright.dialects.jsonl import Name, Shape, read_shape
from batchwright.lines import Line
from batchwright.record import Record

ID_FIELD = "recordId"
# Batch inference writes HTTP-like codes into a record's error.
ERROR_CODES = {"throttled": 429, "unavailable": 503, "timed_out": 408, "access_denied": 403}
OUR_FAULT = {
    "invalid_json_line",
    "invalid_request",
    "context_overflow",
    "model_not_found",
    "model_mismatch",
}


class Envelope(Shape, frozen=True, kw_only=True):
    """A line of the file; the request inside stays as it is written, since answers repeat it."""

    recordId: Name | None = None  # noqa: N815 - Bedrock's spelling
    modelInput: Raw  # noqa: N815 - Bedrock's spelling


DECODER = msgspec.json.Decoder(Envelope)


def read_envelope(line: Line) -> tuple[str, Raw]:
    """Return a line's id, its number where it has none, and its request."""
    envelope = read_shape(DECODER, line, ID_FIELD)
    return envelope.recordId or f"line-{line.number}", envelope.modelInput


def answered_line(record: Record, output: dict[str, Any]) -> dict[str, Any]:
    """Return the line of an answered record; its ``shape`` is the request as it was written."""
    return {
        "recordId": record.record_id,
        "modelInput": orjson.Fragment(bytes(record.shape)),
        "modelOutput": output,
    }


def unanswered_line(
    record_id: str | None,
    record: Record | None,
    output: dict[str, Any] | None,
    unanswered: Unanswered,
) -> dict[str, Any]:
    """Return the line of a record without an answer, with the cut one where there is one."""
    message = f"{unanswered.code}: {unanswered.message} (line {unanswered.line})"
    failed: dict[str, Any] = {
        "recordId": record_id,
        "modelInput": orjson.Fragment(bytes(record.shape)) if record else None,
        "error": {"errorCode": _error_code(unanswered.code), "errorMessage": message},
    }
    return failed | ({"modelOutput": output} if output else {})


def _error_code(code: str) -> int:
    return 400 if code in OUR_FAULT else ERROR_CODES.get(code, 500)
