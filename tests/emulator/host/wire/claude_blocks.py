"""The content blocks of Claude's native messages."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.wire import parts
from tests.emulator.host.wire.blocks import ToolId, ToolName
from tests.emulator.host.wire.parts import Attached, Called, Returned, Said, Silent
from tests.emulator.host.wire.shapes import Base64, SnakeShape, size_of


class CacheControl(SnakeShape):
    """Where a prompt may be cached: it is, behind a system prompt; elsewhere it is accepted."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Cacheable(SnakeShape):
    """A block up to which a prompt may be cached."""

    cache_control: CacheControl | None = None


class TextBlock(Cacheable):
    """A text."""

    type: Literal["text"]
    text: str

    def part(self) -> Said:
        """Return it as what every wire calls it."""
        return Said(self.text)


class ImageSource(SnakeShape):
    """The image itself; on Bedrock Claude fetches none from the web."""

    type: Literal["base64"]
    media_type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: Base64


class ImageBlock(Cacheable):
    """An image."""

    type: Literal["image"]
    source: ImageSource

    def part(self) -> Attached:
        """Return it as what every wire calls it."""
        return Attached("image")


class PdfSource(SnakeShape):
    """A PDF."""

    type: Literal["base64"]
    media_type: Literal["application/pdf"]
    data: Base64

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return size_of(self.data)


class PlainSource(SnakeShape):
    """A plain text."""

    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.data.encode())


class Citations(SnakeShape):
    """Whether answers are to cite the document: not served."""

    enabled: Literal[False]


class DocumentBlock(Cacheable):
    """A document."""

    type: Literal["document"]
    source: Annotated[PdfSource | PlainSource, Field(discriminator="type")]
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None

    def part(self) -> Attached:
        """Return it as what every wire calls it."""
        return Attached("document", self.source.size)


class ToolUseBlock(Cacheable):
    """A tool that the model called in a turn before."""

    type: Literal["tool_use"]
    id: ToolId
    name: ToolName
    input: dict[str, Any]

    def part(self) -> Called:
        """Return it as what every wire calls it."""
        return Called(self.id, self.name, self.input)


type ResultBlock = Annotated[TextBlock | ImageBlock | DocumentBlock, Field(discriminator="type")]


class ToolResultBlock(Cacheable):
    """What a tool gave back."""

    type: Literal["tool_result"]
    tool_use_id: ToolId
    content: str | list[ResultBlock] = ""
    is_error: bool = False

    def part(self) -> Returned:
        """Return it as what every wire calls it."""
        if isinstance(self.content, str):
            return Returned(self.tool_use_id, (Said(self.content),))
        return Returned(self.tool_use_id, tuple(block.part() for block in self.content))


class ThinkingBlock(SnakeShape):
    """A thought of a turn before."""

    type: Literal["thinking"]
    thinking: str
    signature: str

    def part(self) -> Silent:
        """Return it as what every wire calls it."""
        return Silent("reasoningContent")


type ClaudeBlock = Annotated[
    TextBlock | ImageBlock | DocumentBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock,
    Field(discriminator="type"),
]


class ClaudeMessage(SnakeShape):
    """What one side said."""

    role: Literal["user", "assistant"]
    content: str | list[ClaudeBlock]

    def spoken(self) -> parts.Message:
        """Return it as what every wire calls it."""
        if isinstance(self.content, str):
            return parts.Message(self.role, (Said(self.content),))
        return parts.Message(self.role, tuple(block.part() for block in self.content))
