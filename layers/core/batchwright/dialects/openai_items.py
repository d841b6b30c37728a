"""The input of OpenAI's Responses API: items as shapes, and the chat message that says the same
(platform.openai.com/docs/api-reference/responses/create).
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from batchwright.dialects.jsonl import NOT_OF_THE_SHAPE, Name, Shape, check_text, invalid, read_part
from batchwright.dialects.openai import ID_FIELD
from batchwright.dialects.openai_conversation import check_arguments
from batchwright.dialects.openai_messages import (
    Assistant,
    Called,
    Developer,
    FileContent,
    FilePart,
    ImageAddress,
    ImagePart,
    Message,
    Part,
    System,
    TextPart,
    ToolAnswer,
    ToolCall,
    User,
)
from batchwright.dialects.openai_tools import CallId, FunctionName
from batchwright.lines import Line

type Status = Literal["in_progress", "completed", "incomplete"]
type Nothing = Annotated[list[Any], Meta(max_length=0)]


class InputText(Shape, frozen=True, tag_field="type", tag="input_text"):
    """A part that is text."""

    text: str


class InputImage(Shape, frozen=True, tag_field="type", tag="input_image"):
    """A part that is a picture; how closely it is looked at is the model's own affair."""

    image_url: str
    detail: Literal["auto"] | None = None
    file_id: None = None


class InputFile(Shape, frozen=True, tag_field="type", tag="input_file"):
    """A part that is a document, given whole or by its address."""

    file_data: str | None = None
    file_url: str | None = None
    filename: Name | None = None
    detail: Literal["auto"] | None = None
    file_id: None = None


class OutputText(Shape, frozen=True, tag_field="type", tag="output_text"):
    """What the model said in an earlier turn."""

    text: str
    annotations: Nothing | None = None
    logprobs: Nothing | None = None


type InputPart = InputText | InputImage | InputFile
type Texts = Annotated[list[InputText], Meta(min_length=1)]
type Parts = Annotated[list[InputPart], Meta(min_length=1)]
type Outputs = Annotated[list[OutputText], Meta(min_length=1)]


class Item(Shape, frozen=True, kw_only=True):
    """What every item may say of itself; ids and states are the sender's own affair."""

    id: str | None = None
    status: Status | None = None


class Spoken(Item, frozen=True, kw_only=True, tag_field="role"):
    """An item that is a message."""

    type: Literal["message"] = "message"


class SystemItem(Spoken, frozen=True, kw_only=True, tag="system"):
    """What the model is told to be."""

    content: str | Texts


class DeveloperItem(Spoken, frozen=True, kw_only=True, tag="developer"):
    """The newer name of the same."""

    content: str | Texts


class UserItem(Spoken, frozen=True, kw_only=True, tag="user"):
    """What the user says and shows."""

    content: str | Parts


class AssistantItem(Spoken, frozen=True, kw_only=True, tag="assistant"):
    """What the model said."""

    content: str | Outputs


class FunctionCall(Item, frozen=True, kw_only=True, tag_field="type", tag="function_call"):
    """What the model wanted to call."""

    call_id: CallId
    name: FunctionName
    arguments: str


class FunctionOutput(Item, frozen=True, kw_only=True, tag_field="type", tag="function_call_output"):
    """What a called function answered."""

    call_id: CallId
    output: str | Texts


class Kind(Struct, frozen=True, gc=False):
    """What tells the kinds of items apart; messages need not say it."""

    type: str = "message"


MESSAGE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    UserItem | AssistantItem | SystemItem | DeveloperItem
)
KIND = msgspec.json.Decoder(Kind)
ITEMS: dict[str, msgspec.json.Decoder[Any]] = {
    "message": MESSAGE,
    "function_call": msgspec.json.Decoder(FunctionCall),
    "function_call_output": msgspec.json.Decoder(FunctionOutput),
}


def read_items(items: list[Raw], line: Line, record_id: str) -> list[Message]:
    """Return the items as chat messages, one each; raises :class:`RecordInvalid`."""
    messages: list[Message] = []
    for place, written in enumerate(items):
        at = f"body.input[{place}]"
        messages.append(_message(_item(written, line, at, record_id), at, record_id))
    return messages


def _item(written: Raw, line: Line, at: str, record_id: str) -> Any:
    try:
        return MESSAGE.decode(written)  # what most items are
    except NOT_OF_THE_SHAPE:
        kind = read_part(KIND, written, line, ID_FIELD, at).type
    if kind not in ITEMS:
        raise invalid(f"{at}.type", "this kind of item is not supported", record_id)
    return read_part(ITEMS[kind], written, line, ID_FIELD, at)


def _message(item: Any, at: str, record_id: str) -> Message:
    match item:
        case UserItem():
            return User(_parts(item.content, f"{at}.content", record_id))
        case AssistantItem():
            return Assistant(_texts(item.content))
        case SystemItem():
            return System(_texts(item.content))
        case DeveloperItem():
            return Developer(_texts(item.content))
        case FunctionCall():
            check_arguments(f"{at}.arguments", item.arguments, record_id)
            return Assistant(tool_calls=[ToolCall(item.call_id, Called(item.name, item.arguments))])
        case _:
            _check_output(item.output, f"{at}.output", record_id)
            return ToolAnswer(item.call_id, _texts(item.output))


def _texts(content: str | list[InputText] | list[OutputText]) -> str | list[TextPart]:
    return content if isinstance(content, str) else [TextPart(part.text) for part in content]


def _check_output(output: str | list[InputText], at: str, record_id: str) -> None:
    if isinstance(output, str):
        check_text(at, output, record_id)
        return
    for place, part in enumerate(output):
        check_text(f"{at}[{place}].text", part.text, record_id)


def _parts(content: str | list[InputPart], at: str, record_id: str) -> str | list[Part]:
    if isinstance(content, str):
        return content
    return [_part(part, f"{at}[{place}]", record_id) for place, part in enumerate(content)]


def _part(part: InputPart, at: str, record_id: str) -> Part:
    match part:
        case InputText():
            return TextPart(part.text)
        case InputImage():
            return ImagePart(ImageAddress(part.image_url))
        case InputFile():
            address = part.file_data or part.file_url
            if address is None or (part.file_data and part.file_url):
                raise invalid(at, "either file_data or file_url is wanted", record_id)
            return FilePart(FileContent(address, part.filename or "document"))
