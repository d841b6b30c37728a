"""Why an endpoint's call failed: what its failure object tells, without its words, which may quote the prompt."""

import re

from batchwright.errors import (
    BatchwrightError,
    ContextOverflow,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)

# As SageMaker tells of a container's refusal, in failure objects and in notifications' ``failureReason``.
REFUSED = re.compile(r"received (?:client|server) error \((\d{3})\)", re.IGNORECASE)
# What containers say of prompts that are too long (vLLM, TGI, DJL).
TOO_LONG = ("maximum context length", "must have less than", "prompt is too long", "max_model_len")
LATE = ("timed out", "time-out", "timeout")
KINDS: dict[int, type[BatchwrightError]] = {429: Throttled, 503: Unavailable}
FAULT = 500
# What is told stands at the beginning; a failure object may hold a container's whole log.
MOST_READ = 20_000


def failure_of(content: bytes, endpoint: str) -> BatchwrightError:
    """Return our error for what a failure object, or a notification's reason, says."""
    words = content[:MOST_READ].decode(errors="replace").lower()
    found = REFUSED.search(words)
    if found is not None:
        return _refusal(int(found[1]), words, endpoint)
    if any(sign in words for sign in LATE):
        return TimedOut(f"the container of {endpoint} took longer than its call may")
    if "expired" in words:
        return Unavailable(f"the call waited too long in the queue of {endpoint}")
    return ServiceFault(f"the container of {endpoint} failed")


def _refusal(status: int, words: str, endpoint: str) -> BatchwrightError:
    told = f"the container of {endpoint} answered {status}"
    if status in KINDS:
        return KINDS[status](told)
    if status >= FAULT:
        return ServiceFault(told)
    if any(sign in words for sign in TOO_LONG):
        return ContextOverflow(f"{told}: the prompt is longer than the model can read")
    return RecordInvalid("invalid_request", f"{told}: it does not take the request")
