"""What the dialects of Bedrock's batch inference share: the envelope of a line, and the lines of ``.jsonl.out``
(docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html).
"""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import orjson
from msgspec import Raw

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import Name, Shape, read_shape
from batchwright.lines import Line, lines
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


class BedrockBatch(ABC):
    """Bedrock batch JSONL, but for what stands in ``modelInput`` and ``modelOutput``."""

    framing = staticmethod(lines)
    errors_inline = True
    header = False
    id_field = ID_FIELD

    @abstractmethod
    def output(self, completion: Completion) -> dict[str, Any]:
        """Return ``modelOutput``."""

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:  # noqa: ARG002
        """Return the line as batch inference's ``.jsonl.out`` has it, with the input as it was written."""
        return {
            "recordId": record.record_id,
            "modelInput": orjson.Fragment(bytes(record.shape)),
            "modelOutput": self.output(completion),
        }

    def failure(
        self,
        record_id: str | None,
        record: Record | None,
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as batch inference writes a record's error, with the cut answer where there is one."""
        message = f"{unanswered.code}: {unanswered.message} (line {unanswered.line})"
        output = self.output(completion) if completion else None
        return {
            "recordId": record_id,
            "modelInput": orjson.Fragment(bytes(record.shape)) if record else None,
            "error": {"errorCode": _error_code(unanswered.code), "errorMessage": message},
            **({"modelOutput": output} if output else {}),
        }


def _error_code(code: str) -> int:
    return 400 if code in OUR_FAULT else ERROR_CODES.get(code, 500)
