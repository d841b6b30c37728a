"""Converse's requests in the words of a model's own family, for where Converse takes no tools: in a batch.

One family a module. What a family has no word for is refused with its place, and never dropped. Only marks for prompt
caches stay behind: a batch neither reads nor writes those, and they change no answer.
"""

from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

import msgspec

from batchwright.dialects.jsonl import UNKNOWN, at_fault
from batchwright.errors import RecordInvalid
from batchwright.natives import native
from batchwright.request import Request
from batchwright.rewording.asked import Asked, refused

__all__ = ["FAMILIES", "reworded"]

# Their own bodies bring tools into a batch (docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html).
FAMILIES = frozenset({"anthropic", "nova"})
# What Converse has besides, which is refused by name.
ELSEWHERE = frozenset(
    {"citationsContent", "content", "guardContent", "guardrailConfig", "performanceConfig"}
    | {"promptVariables", "redactedContent", "requestMetadata", "s3Location", "searchResult"}
    | {"serviceTier", "systemTool", "toolAddition", "toolRemoval"}
)


class _Words(Protocol):
    """What a family's module has."""

    def written(self, asked: Asked) -> dict[str, Any]:
        """Return the family's own body, but for what goes to the model as it is; raises :class:`RecordInvalid`."""
        ...


@cache
def _words(family: str) -> _Words:
    return cast("_Words", import_module(f"batchwright.rewording.{family}"))


def reworded(request: Request, family: str) -> Request:
    """Return a Converse request in a family's own words; raises :class:`RecordInvalid` where these do not suffice."""
    asked = _read(request.body, Asked, whole="modelInput")
    body = _merged(_words(family).written(asked), asked.additionalModelRequestFields or {})
    own = native(family)
    if (
        fault := own.fault(_read(body, own.body, whole="additionalModelRequestFields"))
    ) is not None:
        raise refused(*fault)
    return Request(body, family, request.tier)


def _read[S](body: dict[str, Any], shape: type[S], *, whole: str) -> S:
    """Return a body in a shape; raises :class:`RecordInvalid` without a name that only the body's author knows."""
    try:
        return msgspec.convert(body, shape)
    except (msgspec.ValidationError, RecursionError) as broken:
        param, told = at_fault(str(broken), "")
    within, _, name = param.rpartition(".")
    if told == UNKNOWN and name not in ELSEWHERE:
        param = within or whole
        raise refused(param, "it holds what other words than Converse's do not")
    raise RecordInvalid("invalid_request", f"{param}{told}", param=param)


def _merged(
    body: dict[str, Any], more: dict[str, Any], at: str = "additionalModelRequestFields"
) -> dict[str, Any]:
    """Return a body with what Converse hands on to the model unread."""
    merged = dict(body)
    for name, value in more.items():
        place = f"{at}.{name}"
        if name not in merged:
            merged[name] = value
        elif isinstance(merged[name], dict) and isinstance(value, dict):
            merged[name] = _merged(merged[name], value, place)
        else:
            raise refused(place, "the request says it already")
    return merged
