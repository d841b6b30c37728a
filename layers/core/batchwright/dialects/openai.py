"""What the dialects of OpenAI's endpoints share: the envelope of a line, and the two files that answers go into
(platform.openai.com/docs/api-reference/batch).
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

from msgspec import Raw

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import Name, Shape, invalid
from batchwright.errors import RecordInvalid
from batchwright.lines import lines
from batchwright.record import Record
from batchwright.schema import read_schema, structured_output

OK = 200
ID_FIELD = "custom_id"
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
# OpenAI's own words for the records that a batch did not come to.
NEVER_ASKED = {"deadline": "batch_expired", "cancelled": "batch_cancelled"}

type Stop = Name | list[Name]


class Envelope(Shape, frozen=True, kw_only=True):
    """A line of the file, without its body."""

    custom_id: Name
    method: Literal["POST"]
    url: str


class OpenAIBatch(ABC):
    """OpenAI Batch JSONL for one endpoint, but for the bodies of its requests and answers."""

    url: ClassVar[str]
    framing = staticmethod(lines)
    errors_inline = False
    header = False
    id_field = ID_FIELD

    @classmethod
    def speaks(cls, fields: dict[str, Any]) -> bool:
        """Whether a line is for this endpoint; OpenAI's files say it on every line."""
        return fields.get("url") == cls.url

    @abstractmethod
    def body(
        self, record: Record, completion: Completion, told: Answered | Unanswered
    ) -> dict[str, Any]:
        """Return what the endpoint answers."""

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line as OpenAI's batch output file has it."""
        return {
            "id": _line_id(answered.key),
            "custom_id": record.record_id,
            "response": self._response(record, completion, answered),
            "error": None,
        }

    def failure(
        self,
        record_id: str | None,
        record: Record | None,
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as OpenAI's batch error file has it; a cut answer goes with it, since it was paid for."""
        return {
            "id": _line_id(unanswered.key),
            "custom_id": record_id,
            "response": self._response(record, completion, unanswered)
            if record and completion
            else None,
            "error": {
                "code": NEVER_ASKED.get(unanswered.code, unanswered.code),
                "message": unanswered.message,
                "param": unanswered.param,
                "line": unanswered.line,
            },
        }

    def _response(
        self, record: Record, completion: Completion, told: Answered | Unanswered
    ) -> dict[str, Any]:
        return {
            "status_code": OK,
            "request_id": completion.request_id or f"req_{told.key[:24]}",
            "body": self.body(record, completion, told),
        }


def check_url(envelope: Envelope, url: str) -> None:
    """Hold a line to the endpoint of the file's first."""
    if envelope.url != url:
        raise RecordInvalid(
            "url_mismatch",
            f"url: the file is for {url}; a file has one endpoint",
            param="url",
            record_id=envelope.custom_id,
        )


def check_schema(param: str, schema: Raw, record_id: str) -> None:
    """Hold a JSON schema to what Bedrock can hold an answer to."""
    try:
        read_schema(bytes(schema))
    except ValueError as fault:
        raise invalid(param, str(fault), record_id) from None


def output_config(schema: Raw, name: str, description: str | None) -> dict[str, Any]:
    """Return Converse's ``outputConfig`` for a schema that was checked."""
    return structured_output(read_schema(bytes(schema)), name, description)


def stops_of(stop: Stop | None) -> list[str] | None:
    """Return stop sequences as Converse has them."""
    return [stop] if isinstance(stop, str) else stop or None


def one_choice(
    completion: Completion, told: Answered | Unanswered, *, id_prefix: str, kind: str, **said: Any
) -> dict[str, Any]:
    """Return the body of an answer of which there is one choice; what it ``said`` is the endpoint's affair."""
    usage = completion.usage
    return {
        "id": f"{id_prefix}-{told.key[:24]}",
        "object": kind,
        "created": int(told.at.timestamp()),
        "model": told.model or "",
        "choices": [
            {
                "index": 0,
                **said,
                "logprobs": None,
                "finish_reason": FINISH_REASONS.get(completion.stop_reason, "stop"),
            }
        ],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
    }


def _line_id(key: str) -> str:
    return f"batch_req_{key[:24]}"
