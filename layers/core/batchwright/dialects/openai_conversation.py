"""Whether messages make a conversation that Converse takes: what their shapes cannot say."""

from collections.abc import Sequence

import orjson
from msgspec import Struct

from batchwright.dialects.jsonl import check_text, invalid, is_portable
from batchwright.dialects.openai_messages import (
    Assistant,
    FilePart,
    ImagePart,
    Message,
    Part,
    TextPart,
    ToolAnswer,
    User,
)
from batchwright.media import document_at, image_at
from batchwright.request import BYTES_PER_TOKEN, IMAGE_TOKENS, tokens_in, weight


class Findings(Struct, frozen=True, gc=False):
    """What checking messages found besides nothing wrong."""

    tokens: int
    attached: bool
    """Whether a picture or a document goes with them."""
    called: bool
    """Whether tools are called in them."""


def check_messages(
    messages: Sequence[Message], record_id: str, at: str = "body.messages"
) -> Findings:
    """Check messages and estimate their tokens; raises :class:`RecordInvalid`. ``at`` is their place in the line.

    Planning does this for every line: what most lines do not have is looked for once a line, not once a message.
    """
    size = 0
    begun = attached = answering = False
    for number, message in enumerate(messages):
        kind, content = type(message), message.content
        if kind is User:
            begun = True
        elif kind is Assistant or kind is ToolAnswer:
            answering = True
            if not begun:
                break
        if isinstance(content, str):
            if not content or content.isspace():
                check_text(f"{at}[{number}].content", content, record_id)
            # As weight() does, without a call: this is the line that planning runs most.
            size += len(content) if content.isascii() else weight(content)
        elif content is not None:
            told, more = _check_parts(content, f"{at}[{number}].content", record_id)
            size += told
            attached = attached or more
    if not begun:
        raise invalid(at, "the first turn must be the user's", record_id)
    calls = _check_calls(messages, record_id, at) if answering else 0
    return Findings(tokens_in(size + calls), attached, calls > 0)


def check_arguments(param: str, arguments: str, record_id: str) -> None:
    """Hold the arguments of a call to a JSON object that our writer can write, too."""
    try:
        told = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or not is_portable(told):
        raise invalid(param, "a JSON object in a string is wanted", record_id)


def _check_parts(parts: Sequence[Part], at: str, record_id: str) -> tuple[int, bool]:
    """Check the parts of one message; return the bytes that the model reads, and whether there is more than text."""
    size, attached = 0, False
    for place, part in enumerate(parts):
        param = f"{at}[{place}]"
        try:
            match part:
                case TextPart():
                    check_text(f"{param}.text", part.text, record_id)
                    size += weight(part.text)
                case ImagePart():
                    attached = True
                    image_at(part.image_url.url)
                    size += IMAGE_TOKENS * BYTES_PER_TOKEN
                case FilePart():
                    attached = True
                    document_at(part.file.file_data, part.file.filename)
                    size += len(part.file.file_data) * 3 // 4
        except ValueError as fault:
            raise invalid(param, str(fault), record_id) from None
    return size, attached


def _check_calls(messages: Sequence[Message], record_id: str, at: str) -> int:
    """Check calls and their answers, and return the bytes of the calls.

    Converse takes a call only if the next turn answers it, and an answer only of a call in the turn before.
    """
    size = 0
    waiting: set[str] = set()
    answered = False  # whether an answer was the last that was said
    for number, message in enumerate(messages):
        param = f"{at}[{number}]"
        if isinstance(message, ToolAnswer):
            if message.tool_call_id not in waiting:
                raise invalid(param, "it answers no call of the turn before", record_id)
            waiting.discard(message.tool_call_id)
            answered = True
        elif waiting and (
            isinstance(message, User) or (answered and isinstance(message, Assistant))
        ):
            raise invalid(param, "a call before it has no answer", record_id)
        elif isinstance(message, Assistant):
            size += _check_said(message, param, record_id)
            waiting |= {call.id for call in message.tool_calls or ()}
            answered = False
    if waiting:
        raise invalid(at, "the last turn's calls have no answers", record_id)
    return size


def _check_said(message: Assistant, at: str, record_id: str) -> int:
    calls = message.tool_calls or ()
    if message.content is None and not calls:
        raise invalid(f"{at}.content", "an assistant says or calls something", record_id)
    for place, call in enumerate(calls):
        param = f"{at}.tool_calls[{place}].function.arguments"
        check_arguments(param, call.function.arguments, record_id)
    return sum(weight(call.function.name) + weight(call.function.arguments) for call in calls)
