"""Lines of results, as the Gemini API's batches have them (ai.google.dev/gemini-api/docs/batch-api) and Vertex AI's
(cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-from-cloud-storage).
"""

from typing import Any, NamedTuple

import orjson

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered

FINISH_REASONS = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "tool_use": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "content_filtered": "SAFETY",
    "guardrail_intervened": "SAFETY",
    "malformed_tool_use": "MALFORMED_FUNCTION_CALL",
}


class Fault(NamedTuple):
    """One failure as Google tells it: HTTP's code and words at Vertex AI, gRPC's number at the Gemini API."""

    http: int
    phrase: str
    number: int
    status: str


# github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
INVALID = Fault(400, "Bad Request", 3, "INVALID_ARGUMENT")
OUT_OF_RANGE = Fault(400, "Bad Request", 11, "OUT_OF_RANGE")
INTERNAL = Fault(500, "Internal Server Error", 13, "INTERNAL")
LATE = Fault(504, "Gateway Timeout", 4, "DEADLINE_EXCEEDED")
EXHAUSTED = Fault(429, "Too Many Requests", 8, "RESOURCE_EXHAUSTED")
FAULTS = {
    "invalid_json_line": INVALID,
    "line_too_long": INVALID,
    "invalid_request": INVALID,
    "duplicate_custom_id": INVALID,
    "model_mismatch": INVALID,
    "context_overflow": INVALID,
    "content_filtered": INVALID,
    "truncated": OUT_OF_RANGE,
    "model_not_found": Fault(404, "Not Found", 5, "NOT_FOUND"),
    "access_denied": Fault(403, "Forbidden", 7, "PERMISSION_DENIED"),
    "budget:usd": EXHAUSTED,
    "throttled": EXHAUSTED,
    "timed_out": LATE,
    "deadline": LATE,
    "cancelled": Fault(499, "Client Closed Request", 1, "CANCELLED"),
    "unavailable": Fault(503, "Service Unavailable", 14, "UNAVAILABLE"),
}


def response(completion: Completion, told: Answered | Unanswered) -> dict[str, Any]:
    """Return a ``GenerateContentResponse``."""
    return {
        "candidates": [
            {
                "content": {"parts": _parts(completion), "role": "model"},
                "finishReason": FINISH_REASONS.get(completion.stop_reason, "OTHER"),
                "index": 0,
            }
        ],
        "usageMetadata": _usage(completion),
        "modelVersion": told.model or "",
        "responseId": told.key[:24],
    }


def error(unanswered: Unanswered) -> dict[str, Any]:
    """Return a failure as the Gemini API's ``Status``, with the name of its number."""
    fault = FAULTS.get(unanswered.code, INTERNAL)
    return {"code": fault.number, "message": _message(unanswered), "status": fault.status}


def status(unanswered: Unanswered) -> str:
    """Return a failure as Vertex AI's ``status``: HTTP's words, and an error in JSON."""
    fault = FAULTS.get(unanswered.code, INTERNAL)
    told = {"code": fault.http, "message": _message(unanswered), "status": fault.status}
    return f"{fault.phrase}: {orjson.dumps({'error': told}).decode()}"


def _message(unanswered: Unanswered) -> str:
    return f"{unanswered.code}: {unanswered.message} (line {unanswered.line})"


def _usage(completion: Completion) -> dict[str, int]:
    usage = completion.usage
    # Google's count of the prompt holds what was read from a cache, Converse's does not.
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    cached = {"cachedContentTokenCount": usage.cache_read_tokens} if usage.cache_read_tokens else {}
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": usage.output_tokens,
        "totalTokenCount": prompt + usage.output_tokens,
        **cached,
    }


def _parts(completion: Completion) -> list[dict[str, Any]]:
    """Return the answer's texts and calls; of other blocks nobody asked for any."""
    parts: list[dict[str, Any]] = []
    for block in completion.content:
        if "text" in block:
            parts.append({"text": block["text"]})
        elif "toolUse" in block:
            call = block["toolUse"]
            made = {"id": call["toolUseId"], "name": call["name"], "args": call["input"]}
            parts.append({"functionCall": made})
    return parts
