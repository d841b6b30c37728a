"""The tools of Anthropic's Messages API, as shapes and as Converse's."""

from typing import Any, Literal

import msgspec

from batchwright.dialects.anthropic_messages import CacheControl, ToolName, cache_point
from batchwright.dialects.jsonl import Shape, check_default, check_portable, invalid
from batchwright.request import tokens_in


class Tool(Shape, frozen=True, kw_only=True):
    """A tool of the user's own; Anthropic's built-in ones run at Anthropic."""

    type: Literal["custom"] | None = None
    name: ToolName
    description: str | None = None
    input_schema: dict[str, Any]
    strict: bool | None = None
    cache_control: CacheControl | None = None


class Auto(Shape, frozen=True, tag_field="type", tag="auto"):
    """The model may call tools."""

    disable_parallel_tool_use: bool | None = None


class AnyTool(Shape, frozen=True, tag_field="type", tag="any"):
    """The model must call one."""

    disable_parallel_tool_use: bool | None = None


class NamedTool(Shape, frozen=True, tag_field="type", tag="tool"):
    """The model must call this one."""

    name: ToolName
    disable_parallel_tool_use: bool | None = None


class NoTool(Shape, frozen=True, tag_field="type", tag="none"):
    """The model must call none."""


type ToolChoice = Auto | AnyTool | NamedTool | NoTool


def check_tools(
    tools: list[Tool] | None, choice: ToolChoice | None, record_id: str, *, called: bool
) -> int:
    """Check what the shapes cannot say of tools, and return their estimated tokens; raises :class:`RecordInvalid`.

    ``called`` says whether the messages call some.
    """
    if called and not tools:
        raise invalid("params.tools", "messages that call tools need the tools", record_id)
    if choice is not None:
        _check_choice(tools or [], choice, record_id, called=called)
    for place, tool in enumerate(tools or ()):
        check_portable(f"params.tools[{place}].input_schema", tool.input_schema, record_id)
    return tokens_in(len(msgspec.json.encode(tools))) if tools else 0


def _check_choice(tools: list[Tool], choice: ToolChoice, record_id: str, *, called: bool) -> None:
    if isinstance(choice, NoTool):
        if called:
            told = "'none' cannot be kept where messages call tools"
            raise invalid("params.tool_choice", told, record_id)
        return
    param = "params.tool_choice.disable_parallel_tool_use"
    check_default(param, choice.disable_parallel_tool_use, record_id)
    if not tools:
        raise invalid("params.tool_choice", "there are no tools to choose from", record_id)
    if isinstance(choice, NamedTool) and all(tool.name != choice.name for tool in tools):
        raise invalid("params.tool_choice.name", "it names no tool of tools", record_id)


def tool_config(tools: list[Tool] | None, choice: ToolChoice | None) -> dict[str, Any] | None:
    """Return Converse's ``toolConfig``."""
    if not tools or isinstance(choice, NoTool):
        return None
    listed: list[dict[str, Any]] = []
    for tool in tools:
        listed.append({"toolSpec": _spec(tool)})
        if tool.cache_control is not None:
            listed.append(cache_point(tool.cache_control))
    config: dict[str, Any] = {"tools": listed}
    match choice:
        case AnyTool():
            config["toolChoice"] = {"any": {}}
        case NamedTool():
            config["toolChoice"] = {"tool": {"name": choice.name}}
    return config


def _spec(tool: Tool) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.input_schema}}
    if tool.description and not tool.description.isspace():
        spec["description"] = tool.description
    if tool.strict:
        spec["strict"] = True
    return spec
