"""What of a Converse request can be put into other words at all
(docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from batchwright.shapes import Fraction, TokenLimit


class Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of these shapes: what they do not name is refused, and what is not said is not written."""


class Union(Part, frozen=True):
    """Base of those that are one of their members."""

    def __post_init__(self) -> None:
        """Refuse two at once: one of them would be dropped."""
        said = [name for name in self.__struct_fields__ if getattr(self, name) not in (None, UNSET)]
        if len(said) != 1:
            raise ValueError("one member is wanted, and no other beside it")


class ImageSource(Part, frozen=True):
    """The picture itself; what only an address names is fetched before."""

    bytes: str


class Image(Part, frozen=True):
    """A picture."""

    format: Literal["png", "jpeg", "gif", "webp"]
    source: ImageSource


class DocumentSource(Union, frozen=True):
    """A document in base64, or as a text."""

    bytes: str | None = None
    text: str | None = None


class Citations(Part, frozen=True):
    """Whether the answer shall say where it stands: it would come in blocks that no dialect knows."""

    enabled: Literal[False]


class Document(Part, frozen=True):
    """A document."""

    name: str
    source: DocumentSource
    format: str | None = None
    context: str | None = None
    citations: Citations | None = None


class ToolUse(Part, frozen=True):
    """A tool that the model called in an earlier turn."""

    toolUseId: str  # noqa: N815 - Bedrock's spelling
    name: str
    input: dict[str, Any]


class Returned(Union, frozen=True):
    """A piece of what a tool answered."""

    text: str | None = None
    json: Any | UnsetType = UNSET
    image: Image | None = None
    document: Document | None = None


class ToolResult(Part, frozen=True):
    """What a tool answered."""

    toolUseId: str  # noqa: N815 - Bedrock's spelling
    content: list[Returned]
    status: Literal["success", "error"] | None = None


class ReasoningText(Part, frozen=True):
    """A thought of the model's, and the model's word that it is its own."""

    text: str
    signature: str | None = None


class Reasoning(Part, frozen=True):
    """A thought; nobody tells how one that is kept secret is written elsewhere."""

    reasoningText: ReasoningText  # noqa: N815 - Bedrock's spelling


class CachePoint(Part, frozen=True):
    """A mark for a prompt cache."""

    type: str
    ttl: str | None = None


class Block(Union, frozen=True):
    """A block of a message: one of these."""

    text: str | None = None
    image: Image | None = None
    document: Document | None = None
    video: dict[str, Any] | None = None
    audio: dict[str, Any] | None = None
    toolUse: ToolUse | None = None  # noqa: N815 - Bedrock's spelling
    toolResult: ToolResult | None = None  # noqa: N815 - Bedrock's spelling
    reasoningContent: Reasoning | None = None  # noqa: N815 - Bedrock's spelling
    cachePoint: CachePoint | None = None  # noqa: N815 - Bedrock's spelling


class Message(Part, frozen=True):
    """A turn."""

    role: Literal["user", "assistant"]
    content: list[Block]


class SystemBlock(Union, frozen=True):
    """A block of the system prompt."""

    text: str | None = None
    cachePoint: CachePoint | None = None  # noqa: N815 - Bedrock's spelling


class InferenceConfig(Part, frozen=True):
    """Limits and sampling."""

    maxTokens: TokenLimit | None = None  # noqa: N815 - Bedrock's spelling
    temperature: Fraction | None = None
    topP: Fraction | None = None  # noqa: N815 - Bedrock's spelling
    stopSequences: list[str] | None = None  # noqa: N815 - Bedrock's spelling


class InputSchema(Part, frozen=True):
    """What a tool takes."""

    json: dict[str, Any]


class ToolSpec(Part, frozen=True):
    """A tool."""

    name: str
    inputSchema: InputSchema  # noqa: N815 - Bedrock's spelling
    description: str | None = None
    strict: bool | None = None


class Tool(Union, frozen=True):
    """A tool, or a mark behind the tools before it; those that Bedrock runs itself are not for batches."""

    toolSpec: ToolSpec | None = None  # noqa: N815 - Bedrock's spelling
    cachePoint: CachePoint | None = None  # noqa: N815 - Bedrock's spelling


class Anything(Part, frozen=True):
    """A choice that has no more to say."""


class NamedTool(Part, frozen=True):
    """The tool that must be called."""

    name: str


class ToolChoice(Union, frozen=True):
    """Whether a tool must be called, and which: one of these."""

    auto: Anything | None = None
    any: Anything | None = None
    tool: NamedTool | None = None


class ToolConfig(Part, frozen=True):
    """All about tools."""

    tools: Annotated[list[Tool], Meta(min_length=1)]
    toolChoice: ToolChoice | None = None  # noqa: N815 - Bedrock's spelling


class JsonSchema(Part, frozen=True):
    """The form that the answer must have; its name is for people."""

    schema: str
    name: str | None = None
    description: str | None = None


class Structure(Part, frozen=True):
    """A union with one member."""

    jsonSchema: JsonSchema  # noqa: N815 - Bedrock's spelling


class TextFormat(Part, frozen=True):
    """The form that the answer's text must have."""

    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(Part, frozen=True):
    """What the answer must look like, and how much thought it may take."""

    textFormat: TextFormat | None = None  # noqa: N815 - Bedrock's spelling
    effort: str | None = None


class ConverseRequest(Part, frozen=True, kw_only=True):
    """A request. Guardrails, prompts of the service's own, and whatever is new are not among it."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    system: list[SystemBlock] | None = None
    inferenceConfig: InferenceConfig = InferenceConfig()  # noqa: N815 - Bedrock's spelling
    toolConfig: ToolConfig | None = None  # noqa: N815 - Bedrock's spelling
    outputConfig: OutputConfig | None = None  # noqa: N815 - Bedrock's spelling
    additionalModelRequestFields: dict[str, Any] | None = None  # noqa: N815 - Bedrock's spelling

    @property
    def tools(self) -> Sequence[ToolSpec]:
        """The tools, without the marks between them."""
        config = self.toolConfig
        return [] if config is None else [each.toolSpec for each in config.tools if each.toolSpec]

    @property
    def said_by_system(self) -> Sequence[str]:
        """The texts of the system prompt."""
        return [block.text for block in self.system or () if block.text is not None]
