"""What containers of endpoints read and answer, one shape a module: from Converse's words and back."""

from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

import msgspec
import orjson

from batchwright.completion import Completion
from batchwright.container import Container
from batchwright.errors import MalformedCompletion
from batchwright.natives.bodies import Said
from batchwright.passages import texts_asked
from batchwright.request import Request, estimated_tokens, tokens_in, weight
from batchwright.usage import Usage

__all__ = ["Body", "body_of", "completion_of", "said_of"]


class Body(Protocol):
    """One shape."""

    def written(self, request: Request, model: str | None) -> dict[str, Any]:
        """Return what the container is asked; raises :class:`RecordInvalid` where it cannot honour the request.

        ``model`` is what it calls its own, where it wants to be told.
        """
        ...

    def said(self, answer: Any) -> Said:
        """Read what it answered; where that is no answer, it raises whatever reading it so raises."""
        ...


@lru_cache(maxsize=16)
def body_of(container: Container) -> Body:
    """Return the shape that a contract names or writes."""
    if container.shape is None:
        from batchwright.bodies.own import Own  # noqa: PLC0415 - jinja2 costs a cold start, and few need it

        return Own(container)
    shape: Body = import_module(f"batchwright.bodies.{container.shape}").SHAPE
    return shape


def completion_of(
    body: Body, content: bytes, request: Request, *, latency_ms: int, request_id: str | None = None
) -> Completion:
    """Read a container's answer to a request; raises :class:`MalformedCompletion` where it is none.

    Tokens that it does not count are estimated, and the completion says so.
    """
    said = said_of(body, content)
    usage = said.usage(None, None)
    return Completion(
        content=said.content,
        stop_reason=said.stop_reason,
        usage=usage or _estimated(said, request),
        latency_ms=latency_ms,
        request_id=request_id,
        estimated=usage is None,
    )


def said_of(body: Body, content: bytes) -> Said:
    """Return what a container says; raises :class:`MalformedCompletion` where that is no answer."""
    try:
        return body.said(orjson.loads(content))
    except (
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
        msgspec.MsgspecError,
    ):
        raise MalformedCompletion(
            "the endpoint's container answered, and not in the shape that the contract's body says"
        ) from None


def _estimated(said: Said, request: Request) -> Usage:
    read = said.input_tokens
    wrote = said.output_tokens
    if read is None:
        read = estimated_tokens(texts_asked(request))
    if wrote is None:
        wrote = tokens_in(sum(weight(block.get("text", "")) for block in said.content))
    return Usage(input_tokens=read, output_tokens=wrote)
