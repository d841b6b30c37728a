"""The tools that Converse and Nova let a model call, and which of them it must call."""

from typing import Annotated, Any

from pydantic import Field

from tests.emulator.host.engines.port import Tool
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.blocks import CachePoint, ToolName
from tests.emulator.host.wire.schema import accepted
from tests.emulator.host.wire.shapes import Shape, Union


class InputSchema(Union):
    """A union with one member."""

    json_: Annotated[dict[str, Any] | None, Field(alias="json")] = None


class ToolSpec(Shape):
    """What a tool is called, does and takes."""

    name: ToolName
    input_schema: InputSchema
    description: Annotated[str, Field(min_length=1)] | None = None
    strict: bool = False


class ToolBlock(Union):
    """A tool, or a mark where the tools before it may be cached."""

    tool_spec: ToolSpec | None = None
    cache_point: CachePoint | None = None


class Anything(Shape):
    """A choice that has no more to say."""


class OneTool(Shape):
    """The choice of one tool."""

    name: ToolName


class ToolChoice(Union):
    """Whether and which tool must be called."""

    auto: Anything | None = None
    any: Anything | None = None
    tool: OneTool | None = None


class ToolConfig(Shape):
    """All about tools."""

    tools: Annotated[list[ToolBlock], Field(min_length=1)]
    tool_choice: ToolChoice | None = None

    def offered(self) -> tuple[Tool, ...]:
        """Return the tools, or refuse one that Bedrock would not take."""
        specs = [(at, block.tool_spec) for at, block in enumerate(self.tools)]
        return distinct([_tool(at, spec) for at, spec in specs if spec is not None])

    def must_call(self) -> Tool | None:
        """Return the tool that is called whatever is said; the first, where any will do."""
        choice = self.tool_choice
        if choice is None or choice.auto is not None:
            return None
        return chosen(self.offered(), None if choice.tool is None else choice.tool.name)


def distinct(tools: list[Tool]) -> tuple[Tool, ...]:
    """Return the tools, or refuse two of one name."""
    if len({tool.name for tool in tools}) < len(tools):
        raise invalid("The tools in the request must have distinct names.")
    return tuple(tools)


def chosen(tools: tuple[Tool, ...], name: str | None) -> Tool:
    """Return the tool of this name, or the first where none is named."""
    for tool in tools:
        if name in (None, tool.name):
            return tool
    raise invalid("The tool choice names a tool that is not among the tools of the request.")


def _tool(at: int, spec: ToolSpec) -> Tool:
    schema = spec.input_schema.json_ or {}
    if schema.get("type") != "object":
        raise invalid(
            f"The value at toolConfig.tools.{at}.toolSpec.inputSchema.json.type "
            "must be one of the following: object."
        )
    if spec.strict:
        accepted(schema)
    return Tool(name=spec.name, description=spec.description or "", schema=schema)
