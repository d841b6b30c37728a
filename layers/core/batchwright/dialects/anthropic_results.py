"""A line of a Message Batch's results
(platform.claude.com/docs/en/api/messages/batches/results).
"""

from typing import Any

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered

STOP_REASONS = {
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "model_context_window_exceeded": "model_context_window_exceeded",
    "content_filtered": "refusal",
    "guardrail_intervened": "refusal",
}
# Records that were not asked have results of their own, without a word about why.
NOT_ASKED = {"deadline": "expired", "cancelled": "canceled"}
# What is not named here is the service's fault. A withheld answer is an invalid request at Anthropic, too.
ERROR_TYPES = {
    "invalid_json_line": "invalid_request_error",
    "line_too_long": "invalid_request_error",
    "invalid_request": "invalid_request_error",
    "duplicate_custom_id": "invalid_request_error",
    "model_mismatch": "invalid_request_error",
    "context_overflow": "invalid_request_error",
    "content_filtered": "invalid_request_error",
    "model_not_found": "not_found_error",
    "access_denied": "permission_error",
    "budget:usd": "billing_error",
    "throttled": "rate_limit_error",
    "timed_out": "timeout_error",
    "unavailable": "overloaded_error",
}


def answered_line(record_id: str, completion: Completion, answered: Answered) -> dict[str, Any]:
    """Return the line of an answered record."""
    message = _message(completion, answered.key, answered.model)
    return {"custom_id": record_id, "result": {"type": "succeeded", "message": message}}


def unanswered_line(
    record_id: str | None, completion: Completion | None, unanswered: Unanswered
) -> dict[str, Any]:
    """Return the line of a record without an answer, with the cut one as ``message`` where there is one.

    Anthropic's lines always have an id, so a line that says none is known by its number.
    """
    result: dict[str, Any]
    if unanswered.code in NOT_ASKED:
        result = {"type": NOT_ASKED[unanswered.code]}
    else:
        result = {"type": "errored", "error": _error(unanswered)}
    if completion is not None:
        result["message"] = _message(completion, unanswered.key, unanswered.model or "")
    return {"custom_id": record_id or f"line-{unanswered.line}", "result": result}


def _error(unanswered: Unanswered) -> dict[str, Any]:
    message = f"{unanswered.code}: {unanswered.message} (line {unanswered.line})"
    told = {"type": ERROR_TYPES.get(unanswered.code, "api_error"), "message": message}
    return {"type": "error", "error": told, "request_id": None}


def _message(completion: Completion, key: str, model: str) -> dict[str, Any]:
    usage = completion.usage
    return {
        "id": f"msg_{key[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [*filter(None, map(_block, completion.content))],
        "stop_reason": STOP_REASONS.get(completion.stop_reason, "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "output_tokens": usage.output_tokens,
        },
    }


def _block(block: dict[str, Any]) -> dict[str, Any] | None:
    """Return a block of the answer; of others than these two nobody asked for any."""
    if "text" in block:
        return {"type": "text", "text": block["text"]}
    if "toolUse" in block:
        call = block["toolUse"]
        made = {"id": call["toolUseId"], "name": call["name"], "input": call["input"]}
        return {"type": "tool_use", **made}
    return None
