"""Marks in a request that tell the model's service which beginning of a prompt to keep."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from batchwright.request import Request, tokens_in, weight

# Converse's block, and the field of Claude's own bodies
# (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
MARKS = frozenset({"cachePoint", "cache_control"})
HOUR = "1h"
POINT = {"cachePoint": {"type": "default"}}
CONTROL = {"type": "ephemeral"}

type Key = tuple[str, ...]
"""What of two requests must be the same so that one finds what was kept of the other."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """What stands at the beginning of a request up to the end of its system prompt: tools come before that."""

    key: Key
    tokens: int
    """An estimate."""


def prefix_of(request: Request) -> Prefix | None:
    """Return a request's prefix, ``None`` where it has none that can be marked."""
    texts = _texts(request)
    if not texts:
        return None
    tools = request.body.get("toolConfig" if request.family is None else "tools")
    key = (*texts, orjson.dumps(tools).decode()) if tools else texts
    return Prefix(key, tokens_in(sum(map(weight, key))))


def marked(request: Request) -> Request:
    """Return the request with a mark behind its system prompt."""
    system = request.body["system"]
    if request.family is None:
        return replace(request, body={**request.body, "system": [*system, POINT]})
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    kept = [*blocks[:-1], {**blocks[-1], "cache_control": CONTROL}]
    return replace(request, body={**request.body, "system": kept})


def is_marked(request: Request) -> bool:
    """Whether a request bears marks."""
    return any(True for _ in _marks(request.body))


def lasts_an_hour(request: Request) -> bool:
    """Whether a request asks that something is kept for an hour, which is dearer."""
    return any(mark.get("ttl") == HOUR for mark in _marks(request.body))


def _texts(request: Request) -> Key:
    """Return the texts of the system prompt; none where something else stands between them."""
    system: Any = request.body.get("system")
    if request.family is None:
        blocks = system or ()
    elif request.family == "anthropic":
        blocks = [{"text": system}] if isinstance(system, str) else system or ()
    else:
        return ()
    plain = all(isinstance(block.get("text"), str) and block["text"] for block in blocks)
    return tuple(block["text"] for block in blocks) if plain else ()


def _marks(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in MARKS and isinstance(value, dict):
                yield value
            else:
                yield from _marks(value)
    elif isinstance(node, list):
        for value in node:
            yield from _marks(value)
