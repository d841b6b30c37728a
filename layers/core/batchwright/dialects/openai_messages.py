"""The messages and tools of OpenAI's chat completions, as shapes and as Converse's turns."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import orjson
from msgspec import Meta

from batchwright.dialects.jsonl import Name, Shape, check_portable, check_text, invalid
from batchwright.dialects.turns import Turns
from batchwright.media import document_at, image_at
from batchwright.request import IMAGE_TOKENS, tokens_in, weight

type FunctionName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


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

    id: Name
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

    tool_call_id: Name
    content: str | Texts


SYSTEM = (System, Developer)

type Message = System | Developer | User | Assistant | ToolAnswer


class Function(Shape, frozen=True):
    """A function that the model may ask to be called."""

    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Shape, frozen=True, tag_field="type", tag="function"):
    """A tool; only functions are taken."""

    function: Function


class FunctionChoice(Shape, frozen=True):
    """The one function that must be called."""

    name: FunctionName


class NamedTool(Shape, frozen=True, tag_field="type", tag="function"):
    """A choice of one tool."""

    function: FunctionChoice


type ToolChoice = Literal["none", "auto", "required"] | NamedTool


class Findings(NamedTuple):
    """What checking messages found besides nothing wrong."""

    tokens: int
    attached: bool
    """Whether a picture or a document goes with them."""
    called: bool
    """Whether tools are called in them."""


def check_messages(messages: list[Message], record_id: str) -> Findings:
    """Check what the shapes cannot say; raises :class:`RecordInvalid`."""
    size = pictures = 0
    attached = called = begun = False
    for number, message in enumerate(messages):
        if not begun and not isinstance(message, SYSTEM):
            begun = True
            if not isinstance(message, User):
                break
        content = message.content
        if type(content) is str:
            if not content or content.isspace():
                check_text(f"body.messages[{number}].content", content, record_id)
            size += weight(content)
        else:
            attached = attached or isinstance(message, User)
            parts: Sequence[Part] = [*content] if content else ()
            size += _check_parts(parts, f"body.messages[{number}]", record_id)
            pictures += sum(isinstance(part, ImagePart) for part in parts)
        if isinstance(message, Assistant):
            size += _check_calls(message, f"body.messages[{number}]", record_id)
            called = called or message.tool_calls is not None
        elif isinstance(message, ToolAnswer):
            called = True
    else:
        if begun:
            return Findings(tokens_in(size) + pictures * IMAGE_TOKENS, attached, called)
    raise invalid("body.messages", "the first turn must be the user's", record_id)


def _check_parts(parts: Sequence[TextPart | ImagePart | FilePart], at: str, record_id: str) -> int:
    """Check the parts of one message, and return the bytes of their texts."""
    size = 0
    for place, part in enumerate(parts):
        param = f"{at}.content[{place}]"
        try:
            match part:
                case TextPart():
                    check_text(f"{param}.text", part.text, record_id)
                    size += weight(part.text)
                case ImagePart():
                    image_at(part.image_url.url)
                case FilePart():
                    document_at(part.file.file_data, part.file.filename)
                    size += len(part.file.file_data) * 3 // 4
        except ValueError as fault:
            raise invalid(param, str(fault), record_id) from None
    return size


def _check_calls(message: Assistant, at: str, record_id: str) -> int:
    if message.content is None and not message.tool_calls:
        raise invalid(f"{at}.content", "an assistant says or calls something", record_id)
    for place, call in enumerate(message.tool_calls or ()):
        param = f"{at}.tool_calls[{place}].function.arguments"
        try:
            arguments = orjson.loads(call.function.arguments)
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            raise invalid(param, "a JSON object in a string is wanted", record_id)
    return sum(len(call.function.arguments) for call in message.tool_calls or ())


def check_tools(
    tools: list[Tool] | None, choice: ToolChoice | None, record_id: str, *, called: bool
) -> int:
    """Check what the shapes cannot say of tools, and return their estimated tokens; raises :class:`RecordInvalid`.

    ``called`` says whether the messages call some.
    """
    if called and not tools:
        raise invalid("body.tools", "messages that call tools need the tools", record_id)
    if called and choice == "none":
        raise invalid(
            "body.tool_choice", "'none' cannot be kept where messages call tools", record_id
        )
    if not tools:
        if choice is not None and choice != "none":
            raise invalid("body.tool_choice", "there are no tools to choose from", record_id)
        return 0
    if isinstance(choice, NamedTool) and not any(
        tool.function.name == choice.function.name for tool in tools
    ):
        raise invalid("body.tool_choice", "it names no tool of tools", record_id)
    for place, tool in enumerate(tools):
        param = f"body.tools[{place}].function.parameters"
        check_portable(param, tool.function.parameters, record_id)
    return tokens_in(len(msgspec.json.encode(tools)))


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


def tool_config(tools: list[Tool] | None, choice: ToolChoice | None) -> dict[str, Any] | None:
    """Return Converse's ``toolConfig``."""
    if not tools or choice == "none":
        return None
    config: dict[str, Any] = {"tools": [{"toolSpec": _spec(tool.function)} for tool in tools]}
    match choice:
        case "required":
            config["toolChoice"] = {"any": {}}
        case NamedTool():
            config["toolChoice"] = {"tool": {"name": choice.function.name}}
    return config


def _spec(function: Function) -> dict[str, Any]:
    parameters = function.parameters or {"type": "object", "properties": {}}
    spec: dict[str, Any] = {"name": function.name, "inputSchema": {"json": parameters}}
    if function.description:
        spec["description"] = function.description
    if function.strict:
        spec["strict"] = True
    return spec


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
                "arguments": orjson.dumps(block["toolUse"]["input"]).decode(),
            },
        }
        for block in content
        if "toolUse" in block
    ]
