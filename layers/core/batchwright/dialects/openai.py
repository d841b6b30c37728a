"""What the dialects of OpenAI's endpoints share: the envelope of a line, and the two shapes that a line of results has
(platform.openai.com/docs/api-reference/batch).
"""

from typing import Any, Literal

from msgspec import Raw

from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import Name, Shape, invalid
from batchwright.errors import RecordInvalid
from batchwright.schema import read_schema, structured_output
from batchwright.usage import Usage

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


def output_config(schema: Raw, name: str) -> dict[str, Any]:
    """Return Converse's ``outputConfig`` for a schema that was checked."""
    return structured_output(read_schema(bytes(schema)), name)


def stops_of(stop: Stop | None) -> list[str] | None:
    """Return stop sequences as Converse has them."""
    return [stop] if isinstance(stop, str) else stop or None


def usage_of(usage: Usage) -> dict[str, int]:
    """Return tokens as completions count them."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def answered_line(
    record_id: str, body: dict[str, Any], answered: Answered, request_id: str | None
) -> dict[str, Any]:
    """Return the line of OpenAI's output file."""
    return {
        "id": _line_id(answered.key),
        "custom_id": record_id,
        "response": _response(body, answered.key, request_id),
        "error": None,
    }


def unanswered_line(
    record_id: str | None,
    body: dict[str, Any] | None,
    unanswered: Unanswered,
    request_id: str | None,
) -> dict[str, Any]:
    """Return the line of OpenAI's error file; a cut answer goes with it as ``body``, since it was paid for."""
    return {
        "id": _line_id(unanswered.key),
        "custom_id": record_id,
        "response": _response(body, unanswered.key, request_id) if body else None,
        "error": {
            "code": NEVER_ASKED.get(unanswered.code, unanswered.code),
            "message": unanswered.message,
            "param": unanswered.param,
            "line": unanswered.line,
        },
    }


def _line_id(key: str) -> str:
    return f"batch_req_{key[:24]}"


def _response(body: dict[str, Any], key: str, request_id: str | None) -> dict[str, Any]:
    return {"status_code": OK, "request_id": request_id or f"req_{key[:24]}", "body": body}
