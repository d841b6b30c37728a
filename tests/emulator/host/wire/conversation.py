"""The shapes of Converse's messages, which Nova's native body and CountTokens use as well."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Turn
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.shapes import Shape


class CachePoint(Shape):
    """Where a prompt may be cached: accepted, and nothing is cached, as for a short prompt."""

    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


class Block(Shape):
    """A content block; of the union only text is served."""

    text: str | None = None
    cache_point: CachePoint | None = None


class Message(Shape):
    """What one side said, in blocks."""

    role: Literal["user", "assistant", "system"]
    content: list[Block]


class SystemBlock(Shape):
    """A block of the system prompt."""

    text: Annotated[str, Field(min_length=1)] | None = None
    cache_point: CachePoint | None = None


def system_text(blocks: Sequence[SystemBlock] | None) -> str:
    """Return the system prompt as one text."""
    return "\n".join(block.text for block in blocks or () if block.text is not None)


def turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Return what was said, or refuse it as Bedrock does."""
    if not messages or messages[0].role == "assistant":
        raise invalid(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    said = tuple(_turn(place, message) for place, message in enumerate(messages))
    if any(one.role == after.role for one, after in pairwise(said)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )
    return said


def _turn(place: int, message: Message) -> Turn:
    if message.role == "system":
        raise invalid(f"This model doesn't support the system role in messages.{place}.")
    if not message.content:
        raise invalid(
            f"The content field in the Message object at messages.{place} is empty. "
            "Add a ContentBlock object to the content field and try again."
        )
    texts = []
    for at, block in enumerate(message.content):
        if block.text is None:
            if block.cache_point is None:
                raise invalid(f"The ContentBlock object at messages.{place}.content.{at} is empty.")
            continue
        if not block.text.strip():
            raise invalid(
                f"The text field in the ContentBlock object at messages.{place}.content.{at} "
                "is blank. Add text to the text field, and try again."
            )
        texts.append(block.text)
    return Turn(role=message.role, text="\n".join(texts))
