"""Converse's content blocks, which Nova's native body uses as well."""

import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire import parts
from tests.emulator.host.wire.parts import Attached, Called, Part, Returned, Said, Silent
from tests.emulator.host.wire.shapes import Base64, Shape, Union, size_of

MOST = {"image": 20, "document": 5}  # in one message
_NAME = re.compile(r"(?:[A-Za-z0-9\-()\[\]]|\s(?!\s))+")

type ToolId = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]
type ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class CachePoint(Shape):
    """Where a prompt may be cached: it is, behind a system prompt; elsewhere it is accepted, as for a short prompt."""

    type: Literal["default"]
    ttl: Literal["5m", "1h"] | None = None


class S3Location(Shape):
    """An object that this host does not fetch."""

    uri: Annotated[
        str, Field(max_length=1024, pattern=r"^s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?$")
    ]
    bucket_owner: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None


class ImageSource(Union):
    """Where an image is."""

    bytes_: Annotated[Base64 | None, Field(alias="bytes")] = None
    s3_location: S3Location | None = None


class Image(Shape):
    """An image."""

    format: Literal["png", "jpeg", "gif", "webp"]
    source: ImageSource

    def part(self) -> Attached:
        """Return it as what every wire calls it."""
        return Attached("image")


class DocumentSource(Union):
    """Where a document is."""

    bytes_: Annotated[Base64 | None, Field(alias="bytes")] = None
    text: str | None = None
    s3_location: S3Location | None = None


class Document(Shape):
    """A document."""

    format: Literal["pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"] | None = None
    name: Annotated[str, Field(min_length=1, max_length=200)]
    source: DocumentSource

    @model_validator(mode="after")
    def _is_well_named(self) -> Self:
        if _NAME.fullmatch(self.name) is None:
            raise invalid(
                "The document file name can only contain alphanumeric characters, whitespace "
                "characters, hyphens, parentheses, and square brackets. The name can't contain "
                "more than one consecutive whitespace character."
            )
        return self

    def part(self) -> Attached:
        """Return it as what every wire calls it."""
        if self.source.bytes_ is not None:
            return Attached("document", size_of(self.source.bytes_))
        return Attached("document", len((self.source.text or "").encode()))


class ToolUse(Shape):
    """A tool that the model called in a turn before."""

    tool_use_id: ToolId
    name: ToolName
    input: dict[str, Any]


class ResultBlock(Union):
    """A piece of what a tool gave back."""

    text: str | None = None
    json_: Annotated[Any, Field(alias="json")] = None
    image: Image | None = None
    document: Document | None = None

    def part(self) -> Said | Attached:
        """Return it as what every wire calls it; JSON is read as text."""
        if attached := self.image or self.document:
            return attached.part()
        if self.text is not None:
            return Said(self.text)
        return Said(json.dumps(self.json_, ensure_ascii=False))


class ToolResult(Shape):
    """What a tool gave back."""

    tool_use_id: ToolId
    content: list[ResultBlock]
    status: Literal["success", "error"] | None = None


class ReasoningText(Shape):
    """A thought."""

    text: str
    signature: str | None = None


class Reasoning(Union):
    """A thought, open or not."""

    reasoning_text: ReasoningText | None = None
    redacted_content: Base64 | None = None


class GuardText(Shape):
    """A text that a guardrail looks at by itself."""

    text: str
    qualifiers: list[Literal["grounding_source", "query", "guard_content"]] | None = None


class Guarded(Union):
    """What a guardrail looks at by itself; the model reads it like any other text."""

    text: GuardText | None = None


class Block(Union):
    """A content block: of the union, the members that are served."""

    text: str | None = None
    image: Image | None = None
    document: Document | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    cache_point: CachePoint | None = None
    reasoning_content: Reasoning | None = None
    guard_content: Guarded | None = None

    def part(self) -> Part:
        """Return it as what every wire calls it."""
        if self.text is not None:
            return Said(self.text)
        if self.guard_content and self.guard_content.text:
            return Said(self.guard_content.text.text)
        if attached := self.image or self.document:
            return attached.part()
        if called := self.tool_use:
            return Called(called.tool_use_id, called.name, called.input)
        if result := self.tool_result:
            content = tuple(block.part() for block in result.content)
            return Returned(result.tool_use_id, content)
        return Silent("cachePoint" if self.cache_point else "reasoningContent")


class Message(Shape):
    """What one side said, in blocks."""

    role: Literal["user", "assistant", "system"]
    content: list[Block]

    def spoken(self) -> parts.Message:
        """Return it as what every wire calls it, or refuse what only Converse forbids."""
        message = parts.Message(self.role, tuple(block.part() for block in self.content))
        attached: list[str] = [part.what for part in message.parts if isinstance(part, Attached)]
        if "document" in attached and not any(isinstance(part, Said) for part in message.parts):
            raise invalid("A text block must be included when using documents.")
        for what, most in MOST.items():
            if attached.count(what) > most:
                raise invalid(f"A message can hold at most {most} {what} blocks.")
        return message


class SystemBlock(Union):
    """A block of the system prompt."""

    text: Annotated[str, Field(min_length=1)] | None = None
    cache_point: CachePoint | None = None


def system_text(blocks: list[SystemBlock] | None) -> str:
    """Return the system prompt as one text."""
    return "\n".join(block.text for block in blocks or () if block.text is not None)


def marked_texts(blocks: list[SystemBlock] | None) -> list[str] | None:
    """Return the texts of a system prompt before its last cache point; ``None`` where it has none."""
    points = [place for place, block in enumerate(blocks or ()) if block.cache_point is not None]
    if not blocks or not points:
        return None
    return [block.text for block in blocks[: points[-1]] if block.text is not None]
