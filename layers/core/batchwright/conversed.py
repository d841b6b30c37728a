"""Reading what Converse answers, whether it was asked at once or in a batch."""

from typing import Any

import orjson

from batchwright.completion import Completion
from batchwright.errors import MalformedCompletion
from batchwright.usage import Usage

# What Bedrock says of a prompt that no model reads whole, among all that may be wrong with a request
# (docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html).
TOO_LONG = (
    "input is too long",
    "too many input tokens",
    "maximum context length",
    "prompt is too long",
)


def completion_of(
    content: bytes, request_id: str | None = None, *, timed: bool = True
) -> Completion:
    """Read a Converse answer; botocore would let ``{}`` pass, this raises :class:`MalformedCompletion`.

    What is not ``timed`` may have no metrics.
    """
    try:
        fields = orjson.loads(content)
        usage = fields["usage"]
        return Completion(
            content=[_block(block) for block in fields["output"]["message"]["content"]],
            stop_reason=str(fields["stopReason"]),
            usage=Usage(
                input_tokens=int(usage["inputTokens"]),
                output_tokens=int(usage["outputTokens"]),
                cache_read_tokens=int(usage.get("cacheReadInputTokens") or 0),
                cache_write_tokens=int(usage.get("cacheWriteInputTokens") or 0),
            ),
            latency_ms=int(fields["metrics"]["latencyMs"]) if timed else 0,
            request_id=request_id,
            tier=_tier(fields.get("serviceTier")),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise MalformedCompletion(
            "Bedrock said 200 and sent no answer with output, stopReason, usage and metrics"
        ) from None


def _tier(told: Any) -> str | None:
    """Read the tier that answered; an answer without one, or with an odd one, is an answer all the same."""
    tier = told.get("type") if isinstance(told, dict) else None
    return tier if isinstance(tier, str) else None


def _block(block: Any) -> dict[str, Any]:
    if not isinstance(block, dict) or not isinstance(block.get("text", ""), str):
        raise TypeError("content is a list of blocks, and a text is a string")
    return block
