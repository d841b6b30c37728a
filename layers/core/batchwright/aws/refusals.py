"""From Bedrock's refusals to our own error tree, without the service's words: they may quote the prompt."""

from collections.abc import Mapping
from typing import Any

import orjson

from batchwright.conversed import TOO_LONG
from batchwright.errors import (
    AccessDenied,
    AskAgain,
    BatchwrightError,
    ContextOverflow,
    ModelUnknown,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.retryafter import seconds_of

# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors; 529 comes from
# some makers' models.
KINDS: dict[int, type[AskAgain]] = {
    429: Throttled,
    408: TimedOut,
    424: ServiceFault,
    500: ServiceFault,
    502: ServiceFault,
    503: Unavailable,
    504: TimedOut,
    529: Unavailable,
}
DENIED, NOT_FOUND = (401, 403), 404
# A quota of the account, not of the minute: worth asking again, but not soon.
QUOTA_WAIT = 60.0
# Bedrock has one error for everything that is wrong with a request; these words tell the cases apart that end
# otherwise (docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html).
NOT_ON_DEMAND = (
    "on-demand throughput isn",
    "model identifier is invalid",
    "doesn't support the model",
)


def fault_of(
    status: int, headers: Mapping[str, str], content: bytes, model: str
) -> BatchwrightError:
    """Return our error for an answer that is not 200.

    The service's own words may quote the prompt, so they stay here.
    """
    code = headers.get("x-amzn-ErrorType", "").partition(":")[0] or f"HTTP {status}"
    told = f"{model} answered {code}{_request(headers)}"
    if kind := KINDS.get(status):
        return kind(told, retry_after=_retry_after(headers))
    if code == "ServiceQuotaExceededException":
        return Throttled(told, retry_after=QUOTA_WAIT)
    if status in DENIED or "operation not allowed" in _words(content):
        return AccessDenied(
            f"{told}: may this role call the model, and has the account access to it?"
        )
    words = _words(content)
    if status == NOT_FOUND or any(sign in words for sign in NOT_ON_DEMAND):
        return ModelUnknown(
            f"{told}: it cannot be asked in this Region, or only by an inference profile"
        )
    if any(sign in words for sign in TOO_LONG):
        return ContextOverflow(f"{told}: the prompt is longer than the model can read")
    return RecordInvalid("invalid_request", told)


def _request(headers: Mapping[str, str]) -> str:
    request_id = headers.get("x-amzn-RequestId")
    return f" (request {request_id})" if request_id else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from AWS's own header, which has milliseconds, or from ``Retry-After``."""
    ours = seconds_of(headers.get("x-amz-retry-after", ""))
    if ours is not None:
        return ours / 1000
    return seconds_of(headers.get("Retry-After", ""), headers.get("Date", ""))


def _words(content: bytes) -> str:
    try:
        fields: Any = orjson.loads(content)
        return str(fields["message"]).lower()
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
