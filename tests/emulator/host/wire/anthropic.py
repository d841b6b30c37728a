"""Claude's native Messages: the request read, the answer written."""

import re
import uuid
from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, StopReason, Tool, beginning
from tests.emulator.host.wire.blocks import ToolName
from tests.emulator.host.wire.claude_blocks import CacheControl, ClaudeMessage, TextBlock
from tests.emulator.host.wire.conversation import turns
from tests.emulator.host.wire.converse import Fraction, Sequence
from tests.emulator.host.wire.schema import accepted
from tests.emulator.host.wire.shapes import SnakeShape, read
from tests.emulator.host.wire.tools import chosen, distinct

_CLAUDE = re.compile(r"^.*anthropic\.(claude-.+?)(?:-v[0-9]+)?(?::[0-9]+)?$")


class Format(SnakeShape):
    """The form that the answer must have."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(SnakeShape):
    """What is wanted of the output."""

    format: Format | None = None


class InputSchema(SnakeShape, extra="allow"):
    """What a tool takes: any JSON schema of an object."""

    type: Literal["object"]


class ClaudeTool(SnakeShape):
    """A tool that may be called."""

    name: ToolName
    input_schema: InputSchema
    description: str = ""
    type: Literal["custom"] = "custom"
    strict: bool = False
    cache_control: CacheControl | None = None

    def tool(self) -> Tool:
        """Return it as what every wire calls it."""
        schema = self.input_schema.model_dump()
        if self.strict:
            accepted(schema)
        return Tool(name=self.name, description=self.description, schema=schema)


class FreeChoice(SnakeShape):
    """Whether a tool must be called."""

    type: Literal["auto", "any", "none"]
    disable_parallel_tool_use: bool = False


class OneTool(SnakeShape):
    """The tool that must be called."""

    type: Literal["tool"]
    name: ToolName
    disable_parallel_tool_use: bool = False


class Metadata(SnakeShape):
    """Who asks; nothing comes of it."""

    user_id: Annotated[str, Field(max_length=256)] | None = None


class AnthropicRequest(SnakeShape):
    """A Claude request; `model` and `stream` are not permitted on Bedrock, `thinking` not here."""

    anthropic_version: Literal["bedrock-2023-05-31"]
    max_tokens: Annotated[int, Field(ge=1)]
    messages: list[ClaudeMessage]
    system: str | list[TextBlock] = ""
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, Field(ge=0, le=500)] | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list)
    output_config: OutputConfig = OutputConfig()
    tools: list[ClaudeTool] = Field(default_factory=list)
    tool_choice: Annotated[FreeChoice | OneTool, Field(discriminator="type")] | None = None
    metadata: Metadata | None = None

    def ask(self) -> Ask:
        """Return what is asked, or refuse it."""
        wanted = self.output_config.format
        tools = distinct([each.tool() for each in self.tools])
        return Ask(
            turns=turns([message.spoken() for message in self.messages]),
            system=self.system if isinstance(self.system, str) else _text(self.system),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop_sequences=tuple(self.stop_sequences),
            schema=None if wanted is None else accepted(wanted.schema_),
            tools=tools,
            must_call=self._must_call(tools),
            marked=self._marked(tools),
        )

    def _marked(self, tools: tuple[Tool, ...]) -> str:
        blocks = [] if isinstance(self.system, str) else self.system
        marks = [place for place, block in enumerate(blocks) if block.cache_control is not None]
        return beginning(tools, [block.text for block in blocks[: marks[-1] + 1]]) if marks else ""

    def _must_call(self, tools: tuple[Tool, ...]) -> Tool | None:
        match self.tool_choice:
            case OneTool(name=name):
                return chosen(tools, name)
            case FreeChoice(type="any"):
                return chosen(tools, None)
            case _:
                return None


class Anthropic:
    """Claude's Messages."""

    def __init__(self, body: bytes, model: str) -> None:
        self.ask = read(AnthropicRequest, body).ask()
        self._model = model

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return a Claude message."""
        reason = completion.stop_reason
        refused = reason is StopReason.CONTENT_FILTERED
        return {
            "model": _CLAUDE.sub(r"\1", self._model),
            "id": f"msg_bdrk_{uuid.uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "content": _content(completion),
            "stop_reason": "refusal" if refused else reason,
            "stop_sequence": completion.stop_sequence,
            "usage": {
                "input_tokens": completion.input_tokens,
                "output_tokens": completion.output_tokens,
                **_cached(completion),
            },
        }


def _content(completion: Completion) -> list[dict[str, Any]]:
    if (call := completion.call) is not None:
        called_as = f"toolu_bdrk_{uuid.uuid4().hex[:24]}"
        return [{"type": "tool_use", "id": called_as, "name": call.name, "input": call.input}]
    return [{"type": "text", "text": completion.text}] if completion.text else []


def _cached(completion: Completion) -> dict[str, int]:
    read, written = completion.cache_read_tokens, completion.cache_write_tokens
    if not read and not written:
        return {}
    return {"cache_read_input_tokens": read, "cache_creation_input_tokens": written}


def _text(blocks: list[TextBlock]) -> str:
    return "\n".join(block.text for block in blocks)
