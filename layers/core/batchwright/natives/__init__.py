"""The bodies that InvokeModel takes, one family of models a module; nothing in them is translated.

A raw Llama prompt is already in its template, and the author of a Claude body wrote for Claude: what they wrote goes on
as it is, and what their model answers comes back as it is.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec
import orjson

from batchwright.completion import Completion
from batchwright.errors import MalformedCompletion

if TYPE_CHECKING:
    from batchwright.natives.bodies import Fields, Native

__all__ = ["NAMES", "Told", "completion_of", "native", "native_of"]

# Each has a module of its name, which only who asks the family loads: all together cost a cold start 15 ms.
NAMES = (
    "anthropic",
    "nova",
    "titan_text",
    "titan_embed",
    "llama",
    "mistral",
    "cohere",
    "cohere_embed",
    "openai",
)


@cache
def native(name: str) -> "Native":
    """Return what is known of a family's bodies."""
    found: Native = getattr(import_module(f"batchwright.natives.{name}"), name.upper())
    return found


@cache
def _natives() -> tuple["Native", ...]:
    return tuple(native(name) for name in NAMES)


def native_of(body: "Fields", asked: frozenset[str]) -> "Native":
    """Return whose body this is: what the body tells for certain, or else what the contract's models leave.

    ``asked`` are the families that the contract names. Raises :class:`ValueError` saying what to add where neither
    decides: a prompt in the wrong model's template is paid for, and answered badly.
    """
    possible = [each for each in _natives() if each.speaks(body)] or [
        each for each in _natives() if body.keys() & each.needs
    ]
    if len(possible) > 1:
        possible = [each for each in possible if each.name in asked] or possible
    if len(possible) == 1:
        return possible[0]
    signs = "; ".join(each.sign for each in possible or _natives())
    which = "it may be of several families" if possible else "it is of no family that is known"
    raise ValueError(f"{which}: say {signs}; or name a contract whose route is the model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the headers of an answer tell."""

    input_tokens: int | None
    output_tokens: int | None
    latency_ms: int
    request_id: str | None
    tier: str | None = None


def completion_of(family: str, content: bytes, told: Told) -> Completion:
    """Read a family's answer; raises :class:`MalformedCompletion` where it is none."""
    asked = native(family)
    try:
        said = asked.said(asked.answer_decoder.decode(content))
        usage = said.usage(told.input_tokens, told.output_tokens)
        if usage is None or not all(
            isinstance(block.get("text", ""), str) for block in said.content
        ):
            raise TypeError("tokens are counted, and a text is a string")  # noqa: TRY301 - told below
        return Completion(
            content=said.content,
            stop_reason=said.stop_reason,
            usage=usage,
            latency_ms=told.latency_ms,
            request_id=told.request_id,
            native=orjson.loads(content),
            vectors=said.vectors,
            tier=told.tier,
        )
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        raise MalformedCompletion(
            f"Bedrock said 200 and sent no answer as {family} writes it"
        ) from None
