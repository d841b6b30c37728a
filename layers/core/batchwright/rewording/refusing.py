"""What is refused on the way into other words: told with its place, and with no name that only its author knows."""

from typing import Any

import msgspec

from batchwright.dialects.jsonl import UNKNOWN, at_fault
from batchwright.errors import RecordInvalid

# What Converse has besides, which is refused by name.
ELSEWHERE = frozenset(
    {"citationsContent", "content", "guardContent", "guardrailConfig", "performanceConfig"}
    | {"promptVariables", "redactedContent", "requestMetadata", "s3Location", "searchResult"}
    | {"serviceTier", "systemTool", "toolAddition", "toolRemoval"}
)


def refused(param: str, why: str) -> RecordInvalid:
    """Return the fault of a request that a family has no words for."""
    return RecordInvalid("invalid_request", f"{param}: {why}", param=param)


def read[S](body: dict[str, Any], shape: type[S], *, whole: str) -> S:
    """Return a body in a shape; raises :class:`RecordInvalid`. The ``whole`` is what the body is called."""
    try:
        return msgspec.convert(body, shape)
    except (msgspec.ValidationError, RecursionError) as broken:
        param, told = at_fault(str(broken), "")
    within, _, name = param.rpartition(".")
    if told == UNKNOWN and name not in ELSEWHERE:
        raise refused(within or whole, "it holds what other words than Converse's do not")
    raise RecordInvalid("invalid_request", f"{param}{told}", param=param)
