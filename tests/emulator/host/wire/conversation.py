"""The rules of a conversation, the same for every wire, and the turns that it comes to."""

from collections.abc import Sequence
from itertools import pairwise

from tests.emulator.host.engines.port import Turn
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.parts import Attached, Called, Message, Part, Returned, Said, Silent


def turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """Return what was said, or refuse it as Bedrock does."""
    if not messages or messages[0].role == "assistant":
        raise invalid(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    for place, message in enumerate(messages):
        _check(place, message)
    if any(one.role == after.role for one, after in pairwise(messages)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )
    _check_tools(messages)
    return tuple(_turn(message) for message in messages)


def _check(place: int, message: Message) -> None:
    if message.role == "system":
        raise invalid(f"This model doesn't support the system role in messages.{place}.")
    if not message.parts:
        raise invalid(
            f"The content field in the Message object at messages.{place} is empty. "
            "Add a ContentBlock object to the content field and try again."
        )
    for at, part in enumerate(message.parts):
        if isinstance(part, Said) and not part.text.strip():
            raise invalid(
                f"The text field in the ContentBlock object at messages.{place}.content.{at} "
                "is blank. Add text to the text field, and try again."
            )
        if (what := _misplaced(part, message.role)) is not None:
            raise invalid(
                f"The {what} field in the ContentBlock object at messages.{place}.content.{at} "
                f"is not supported for the {message.role} role."
            )


def _misplaced(part: Part, role: str) -> str | None:
    """Return what only the other side may say."""
    match part, role:
        case Attached(what=what), "assistant":
            return what
        case Returned(), "assistant":
            return "toolResult"
        case Called(), "user":
            return "toolUse"
        case Silent(what="reasoningContent"), "user":
            return "reasoningContent"
        case _:
            return None


def _check_tools(messages: Sequence[Message]) -> None:
    """Hold that every call is answered in the next message, and nothing else is."""
    before: list[str] = []
    for place, message in enumerate(messages):
        returned = [part.id for part in message.parts if isinstance(part, Returned)]
        if len(returned) > len(before):
            raise invalid(
                f"The number of toolResult blocks at messages.{place}.content "
                "exceeds the number of toolUse blocks of previous turn."
            )
        if missing := [each for each in before if each not in returned]:
            raise invalid(
                f"Expected toolResult blocks at messages.{place}.content "
                f"for the following Ids: {', '.join(missing)}"
            )
        before = [part.id for part in message.parts if isinstance(part, Called)]
        if len(set(before)) < len(before):
            raise invalid(f"The toolUse blocks at messages.{place}.content contain duplicate Ids.")


def _turn(message: Message) -> Turn:
    """Return a message as a turn; what tools gave counts as said where nothing else was said."""
    said = "\n".join(part.text for part in message.parts if isinstance(part, Said))
    used = [part.text for part in message.parts if isinstance(part, Called | Returned)]
    tools = "\n".join(filter(None, used))
    return Turn(
        role="assistant" if message.role == "assistant" else "user",
        text=said or tools,
        beside=tools if said else "",
        attached_tokens=sum(part.tokens for part in _attached(message)),
    )


def _attached(message: Message) -> list[Attached]:
    found = [part for part in message.parts if isinstance(part, Attached)]
    for part in message.parts:
        if isinstance(part, Returned):
            found += [inner for inner in part.content if isinstance(inner, Attached)]
    return found
