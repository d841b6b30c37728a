"""The messages of OpenAI's chat completions, as shapes and as Converse's turns."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import orjson
from msgspec import Meta

from batchwright.dialects.jsonl import Name, Shape
from batchwright.dialects.openai_tools import CallId, FunctionName, arguments_of
from batchwright.dialects.turns import Turns
from batchwright.media import document_at, image_at


class TextPart(Shape, frozen=True, tag_field="type", tag="text"):
    """A part that is text."""

    text: str


class ImageAddress(Shape, frozen=True):
    """Where a picture is; how closely it is looked at is the model's own affair."""

    url: str
    detail: Literal["auto"] | None = None


class ImagePart(Shape, frozen=True, tag_field="type", tag="image_url"):
    """A part that is a picture."""

    image_url: ImageAddress


class FileContent(Shape, frozen=True):
    """A document, given whole."""

    file_data: str
    filename: Name = "document"


class FilePart(Shape, frozen=True, tag_field="type", tag="file"):
    """A part that is a document."""

    file: FileContent


class Called(Shape, frozen=True):
    """Which function was called, with which arguments, as JSON in a string."""

    name: FunctionName
    arguments: str


class ToolCall(Shape, frozen=True, tag_field="type", tag="function"):
    """A call that the model asked for in an earlier turn."""

    id: CallId
    function: Called


type Part = TextPart | ImagePart | FilePart
type Texts = Annotated[list[TextPart], Meta(min_length=1)]
type Parts = Annotated[list[Part], Meta(min_length=1)]


class System(Shape, frozen=True, tag_field="role", tag="system"):
    """What the model is told to be."""

    content: str | Texts


class Developer(Shape, frozen=True, tag_field="role", tag="developer"):
    """The newer name of the same."""

    content: str | Texts


class User(Shape, frozen=True, tag_field="role", tag="user"):
    """What the user says and shows."""

    content: str | Parts


class Assistant(Shape, frozen=True, tag_field="role", tag="assistant"):
    """What the model said or wanted to call."""

    content: str | Texts | None = None
    tool_calls: Annotated[list[ToolCall], Meta(min_length=1)] | None = None
    refusal: None = None


class ToolAnswer(Shape, frozen=True, tag_field="role", tag="tool"):
    """What a called function answered."""

    tool_call_id: CallId
    content: str | Texts


type Message = System | Developer | User | Assistant | ToolAnswer


def turns_of(messages: list[Message]) -> Turns:
    """Return checked messages as Converse's system and turns."""
    turns = Turns()
    for message in messages:
        match message:
            case System() | Developer():
                turns.system += [{"text": text} for text in _texts(message.content)]
            case User():
                turns.add("user", _blocks(message.content))
            case Assistant():
                turns.add("assistant", [*_said(message)])
            case ToolAnswer():
                content = [{"text": text} for text in _texts(message.content)]
                answer = {"toolUseId": message.tool_call_id, "content": content}
                turns.add("user", [{"toolResult": answer}])
    return turns


def _texts(content: str | list[TextPart]) -> list[str]:
    return [content] if isinstance(content, str) else [part.text for part in content]


def _blocks(content: str | list[Part]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}]
    return [_block(part) for part in content]


def _block(part: TextPart | ImagePart | FilePart) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return image_at(part.image_url.url)
        case FilePart():
            return document_at(part.file.file_data, part.file.filename)


def _said(message: Assistant) -> Iterator[dict[str, Any]]:
    if message.content is not None:
        yield from ({"text": text} for text in _texts(message.content))
    for call in message.tool_calls or ():
        arguments = orjson.loads(call.function.arguments)
        yield {"toolUse": {"toolUseId": call.id, "name": call.function.name, "input": arguments}}


def tool_calls_of(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls in a completion's content, as a chat completion tells them."""
    return [
        {
            "id": block["toolUse"]["toolUseId"],
            "type": "function",
            "function": {
                "name": block["toolUse"]["name"],
                "arguments": arguments_of(block["toolUse"]),
            },
        }
        for block in content
        if "toolUse" in block
    ]
