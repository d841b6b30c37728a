"""A completion as OpenAI's Responses API tells it (platform.openai.com/docs/api-reference/responses/object)."""

from collections.abc import Iterator
from typing import Any

from batchwright.completion import Completion
from batchwright.dialects.openai import FINISH_REASONS
from batchwright.dialects.openai_tools import arguments_of
from batchwright.usage import Usage

CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_of(completion: Completion, key: str, model: str, at: int) -> dict[str, Any]:
    """Return what a response says of its answer; what it repeats of the request is the dialect's affair."""
    cut = CUT.get(FINISH_REASONS.get(completion.stop_reason, "stop"))
    status = "incomplete" if cut else "completed"
    return {
        "id": f"resp_{key[:24]}",
        "object": "response",
        "created_at": at,
        "completed_at": None if cut else at,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "model": model,
        "output": [*_output(completion, key[:24], status)],
        "usage": _usage(completion.usage),
    }


def _output(completion: Completion, key: str, status: str) -> Iterator[dict[str, Any]]:
    if text := completion.text:
        yield {
            "id": f"msg_{key}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
        }
    calls = [block["toolUse"] for block in completion.content if "toolUse" in block]
    for place, call in enumerate(calls):
        yield {
            "id": f"fc_{key}_{place}",
            "type": "function_call",
            "call_id": call["toolUseId"],
            "name": call["name"],
            "arguments": arguments_of(call),
            "status": status,
        }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
