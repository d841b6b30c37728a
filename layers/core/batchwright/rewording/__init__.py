"""Converse's requests in the words of a model's own family, for where Converse takes no tools: in a batch.

One family a module. What a family has no word for is refused with its place, and never dropped. Only marks for prompt
caches stay behind: a batch neither reads nor writes those, and they change no answer.
"""

from functools import cache
from importlib import import_module
from typing import Any, Protocol, cast

from batchwright.natives import native
from batchwright.request import Request
from batchwright.rewording.refusing import read, refused

__all__ = ["FAMILIES", "reworded"]

# Their own bodies bring tools into a batch (docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html).
FAMILIES = frozenset({"anthropic", "nova"})
MORE = "additionalModelRequestFields"


class _Words(Protocol):
    """What a family's module has; it is loaded where it is needed, since its shapes cost a cold start."""

    def written(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the family's own body, but for what goes to the model as it is; raises :class:`RecordInvalid`."""
        ...


@cache
def _words(family: str) -> _Words:
    return cast("_Words", import_module(f"batchwright.rewording.{family}"))


def reworded(request: Request, family: str) -> Request:
    """Return a Converse request in a family's own words; raises :class:`RecordInvalid` where these do not suffice."""
    body = _merged(_words(family).written(request.body), request.body.get(MORE) or {}, MORE)
    own = native(family)
    if (fault := own.fault(read(body, own.body, whole=MORE))) is not None:
        raise refused(*fault)
    return Request(body, family, request.tier)


def _merged(body: dict[str, Any], more: dict[str, Any], at: str) -> dict[str, Any]:
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
