"""The messages of Anthropic's Messages API, as shapes and as Converse's turns."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from msgspec import Meta

from batchwright.dialects.jsonl import (
    Name,
    Shape,
    check_default,
    check_portable,
    check_text,
    invalid,
)
from batchwright.dialects.turns import Turns
from batchwright.media import document_at, document_of, image_at, image_of
from batchwright.request import BYTES_PER_TOKEN, IMAGE_TOKENS, tokens_in, weight

type ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
# Converse takes fewer characters than Anthropic, and all that Anthropic makes itself.
type ToolUseId = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]


class CacheControl(Shape, frozen=True, tag_field="type", tag="ephemeral"):
    """What stands before it may be kept by the model's service, and read again for less."""

    ttl: Literal["5m", "1h"] | None = None


class Text(Shape, frozen=True, tag_field="type", tag="text"):
    """A text."""

    text: str
    cache_control: CacheControl | None = None
    citations: None = None


class Base64(Shape, frozen=True, tag_field="type", tag="base64"):
    """Bytes, given whole."""

    media_type: str
    data: str


class Plain(Shape, frozen=True, tag_field="type", tag="text"):
    """A text that is a document."""

    media_type: Literal["text/plain"]
    data: str


class Address(Shape, frozen=True, tag_field="type", tag="url"):
    """Where it is; ``s3://`` is our own extension."""

    url: str


class Citations(Shape, frozen=True):
    """Whether the answer shall say where it stands."""

    enabled: bool | None = None


class Image(Shape, frozen=True, tag_field="type", tag="image"):
    """A picture."""

    source: Base64 | Address
    cache_control: CacheControl | None = None


class Document(Shape, frozen=True, tag_field="type", tag="document"):
    """A document."""

    source: Base64 | Plain | Address
    title: Name | None = None
    context: Name | None = None
    citations: Citations | None = None
    cache_control: CacheControl | None = None


class DirectCaller(Shape, frozen=True, tag_field="type", tag="direct"):
    """The model itself, and no code that it wrote."""


class ToolUse(Shape, frozen=True, tag_field="type", tag="tool_use"):
    """A tool that the model asked for in an earlier turn."""

    id: ToolUseId
    name: ToolName
    input: dict[str, Any]
    caller: DirectCaller | None = None
    cache_control: CacheControl | None = None


type Shown = Text | Image | Document


class ToolResult(Shape, frozen=True, tag_field="type", tag="tool_result"):
    """What the tool answered."""

    tool_use_id: ToolUseId
    content: str | Annotated[list[Shown], Meta(min_length=1)]
    is_error: bool | None = None
    cache_control: CacheControl | None = None


type Block = Shown | ToolUse | ToolResult


class User(Shape, frozen=True, tag_field="role", tag="user"):
    """What the user says, shows, and lets tools answer."""

    content: str | Annotated[list[Shown | ToolResult], Meta(min_length=1)]


class Assistant(Shape, frozen=True, tag_field="role", tag="assistant"):
    """What the model said, or the beginning of what it shall say."""

    content: str | Annotated[list[Text | ToolUse], Meta(min_length=1)]


type Message = User | Assistant
type System = str | Annotated[list[Text], Meta(min_length=1)]


class Findings(NamedTuple):
    """What checking messages found besides nothing wrong."""

    tokens: int
    attached: bool
    """Whether a picture or a document goes with them."""
    called: bool
    """Whether tools are called in them."""


def check_messages(system: System | None, messages: list[Message], record_id: str) -> Findings:
    """Check what the shapes cannot say; raises :class:`RecordInvalid`."""
    if not isinstance(messages[0], User):
        raise invalid("params.messages", "the first turn must be the user's", record_id)
    size = _check(system, "params.system", record_id) if system is not None else 0
    kinds: set[type] = set()
    for number, message in enumerate(messages):
        content = message.content
        size += _check(content, f"params.messages[{number}].content", record_id)
        if type(content) is list:
            kinds.update(map(type, content))
    return Findings(
        tokens_in(size),
        attached=Image in kinds or Document in kinds,
        called=ToolUse in kinds or ToolResult in kinds,
    )


def _check(content: str | list[Any], at: str, record_id: str) -> int:
    """Check a message's content, and return the bytes that the model reads of it."""
    if isinstance(content, str):
        if not content or content.isspace():
            check_text(at, content, record_id)
        return weight(content)
    return sum(
        _check_block(block, f"{at}[{place}]", record_id) for place, block in enumerate(content)
    )


def _check_block(block: Block, at: str, record_id: str) -> int:
    match block:
        case Text():
            check_text(f"{at}.text", block.text, record_id)
            return weight(block.text)
        case ToolUse():
            check_portable(f"{at}.input", block.input, record_id)
            return len(orjson.dumps(block.input))
        case ToolResult():
            return _check_result(block, at, record_id)
        case Document():
            return _check_document(block, at, record_id)
        case Image():
            _check_source(block, at, record_id)
            return IMAGE_TOKENS * BYTES_PER_TOKEN


def _check_result(result: ToolResult, at: str, record_id: str) -> int:
    if not isinstance(result.content, str):
        for place, block in enumerate(result.content):
            param = f"{at}.content[{place}]"
            if block.cache_control is not None:
                told = "it is taken on the whole tool_result"
                raise invalid(f"{param}.cache_control", told, record_id)
            if not isinstance(block, Text) and isinstance(block.source, Address):
                told = "what a tool shows is taken in base64 only"
                raise invalid(f"{param}.source", told, record_id)
    return _check(result.content, f"{at}.content", record_id)


def _check_document(document: Document, at: str, record_id: str) -> int:
    _check_source(document, at, record_id)
    if document.citations is not None:
        check_default(f"{at}.citations.enabled", document.citations.enabled, record_id)
    if document.context is not None:
        check_text(f"{at}.context", document.context, record_id)
    match document.source:
        case Plain(data=text):
            check_text(f"{at}.source.data", text, record_id)
            return weight(text)
        case Base64(data=encoded):
            return len(encoded) * 3 // 4
        case _:
            return 0


def _check_source(block: Image | Document, at: str, record_id: str) -> None:
    try:
        _bare(block)
    except ValueError as fault:
        raise invalid(f"{at}.source", str(fault), record_id) from None


def turns_of(system: System | None, messages: list[Message]) -> Turns:
    """Return checked messages as Converse's system and turns."""
    turns = Turns()
    if system is not None:
        turns.system += _blocks(system)
    for message in messages:
        role = "user" if isinstance(message, User) else "assistant"
        turns.add(role, _blocks(message.content))
    return turns


def cache_point(control: CacheControl) -> dict[str, Any]:
    """Return Converse's block that says the same; five minutes are its default, too."""
    later = {"ttl": control.ttl} if control.ttl == "1h" else {}
    return {"cachePoint": {"type": "default", **later}}


def _blocks(content: str | list[Any]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"text": content}]
    return [made for block in content for made in _marked(block)]


def _marked(block: Block) -> Iterator[dict[str, Any]]:
    yield _bare(block)
    if block.cache_control is not None:
        yield cache_point(block.cache_control)


def _bare(block: Block) -> dict[str, Any]:
    """Return a block as Converse's; raises :class:`ValueError` for a picture or a document that it does not take."""
    match block:
        case Text():
            return {"text": block.text}
        case ToolUse():
            return {"toolUse": {"toolUseId": block.id, "name": block.name, "input": block.input}}
        case ToolResult():
            result = {"toolUseId": block.tool_use_id, "content": _blocks(block.content)}
            return {"toolResult": result | ({"status": "error"} if block.is_error else {})}
        case Document():
            return _document(block)
        case Image():
            return _picture(block.source)


def _picture(source: Base64 | Address) -> dict[str, Any]:
    if isinstance(source, Base64):
        return image_of(source.media_type, source.data)
    return image_at(source.url)


def _document(block: Document) -> dict[str, Any]:
    name = block.title or "document"
    match block.source:
        case Base64(media_type=media_type, data=data):
            made = document_of(media_type, data, name)
        case Plain(data=text):
            made = document_of("text/plain", b64encode(text.encode()).decode(), name)
        case Address(url=url):
            made = document_at(url, name)
    if block.context is not None:
        made["document"]["context"] = block.context
    return made
