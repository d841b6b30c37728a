"""The bodies that InvokeModel takes, one family of models a module; nothing in them is translated.

A raw Llama prompt is already in its template, and the author of a Claude body wrote for Claude: what they wrote goes on
as it is, and what their model answers comes back as it is.
"""

from dataclasses import dataclass

import msgspec
import orjson

from batchwright.completion import Completion
from batchwright.errors import MalformedCompletion
from batchwright.natives.anthropic import ANTHROPIC
from batchwright.natives.cohere import COHERE
from batchwright.natives.cohere_embed import COHERE_EMBED
from batchwright.natives.llama import LLAMA
from batchwright.natives.mistral import MISTRAL
from batchwright.natives.native import Fields, Native
from batchwright.natives.nova import NOVA
from batchwright.natives.openai import OPENAI
from batchwright.natives.titan_embed import TITAN_EMBED
from batchwright.natives.titan_text import TITAN_TEXT

__all__ = ["NATIVES", "Told", "completion_of", "native_of"]

NATIVES: dict[str, Native] = {
    native.name: native
    for native in (
        ANTHROPIC,
        NOVA,
        TITAN_TEXT,
        TITAN_EMBED,
        LLAMA,
        MISTRAL,
        COHERE,
        COHERE_EMBED,
        OPENAI,
    )
}


def native_of(body: Fields, asked: frozenset[str]) -> Native:
    """Return whose body this is: what the body tells for certain, or else what the contract's models leave.

    ``asked`` are the families that the contract names. Raises :class:`ValueError` saying what to add where neither
    decides: a prompt in the wrong model's template is paid for, and answered badly.
    """
    natives = NATIVES.values()
    possible = [native for native in natives if native.speaks(body)] or [
        native for native in natives if body.keys() & native.needs
    ]
    if len(possible) > 1:
        possible = [native for native in possible if native.name in asked] or possible
    if len(possible) == 1:
        return possible[0]
    signs = "; ".join(native.sign for native in possible or natives)
    which = "it may be of several families" if possible else "it is of no family that is known"
    raise ValueError(f"{which}: say {signs}; or name a contract whose route is the model")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the headers of an answer tell."""

    input_tokens: int | None
    output_tokens: int | None
    latency_ms: int
    request_id: str | None


def completion_of(family: str, content: bytes, told: Told) -> Completion:
    """Read a family's answer; raises :class:`MalformedCompletion` where it is none."""
    native = NATIVES[family]
    try:
        said = native.said(native.answer_decoder.decode(content))
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
        )
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        raise MalformedCompletion(
            f"Bedrock said 200 and sent no answer as {family} writes it"
        ) from None
