"""Batches of Google's ``generateContent``: the Gemini API's lines have a key, Vertex AI's have none."""

from typing import Annotated, Any, NamedTuple

import msgspec
import orjson
from msgspec import Meta, Raw

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.gemini_config import (
    GenerationConfig,
    Tool,
    ToolConfig,
    check_config,
    check_tools,
    functions_of,
    inference,
    output_config,
    tool_config,
)
from batchwright.dialects.gemini_contents import (
    Content,
    SystemInstruction,
    check_contents,
    turns_of,
)
from batchwright.dialects.gemini_results import error, response, status
from batchwright.dialects.google import Google, check_said_once
from batchwright.dialects.jsonl import Name, Shape, read_part, read_shape
from batchwright.dialects.turns import attached_to
from batchwright.lines import Line, lines
from batchwright.record import Record
from batchwright.request import Request

ID_FIELD = "key"
AT = "request"
NO_CONFIG = GenerationConfig()


class GenerateContent(Google, frozen=True):
    """What of a ``GenerateContentRequest`` a route can honour."""

    contents: Annotated[list[Content], Meta(min_length=1)] | Content
    system_instruction: SystemInstruction | None = None
    system_instruction_: SystemInstruction | None = None
    generation_config: GenerationConfig | None = None
    generation_config_: GenerationConfig | None = None
    tools: list[Tool] | None = None
    tool_config: ToolConfig | None = None
    tool_config_: ToolConfig | None = None
    # Google's own filters are not there to be set.
    safety_settings: Annotated[list[Any], Meta(max_length=0)] | None = None
    safety_settings_: Annotated[list[Any], Meta(max_length=0)] | None = None
    model: Name | None = None
    # These label a request and do not change its answer.
    labels: dict[str, str] | None = None

    def turns(self) -> list[Content]:
        """Return the turns; Google takes one without a list around it."""
        return self.contents if isinstance(self.contents, list) else [self.contents]


class KeyedLine(Shape, frozen=True):
    """A line of the Gemini API's file."""

    key: Name
    request: GenerateContent


class BareLine(Shape, frozen=True):
    """A line of Vertex AI's file; the request inside stays as it is written, since answers repeat it."""

    request: Raw


class Repeated(NamedTuple):
    """A request, and how it is written."""

    asked: GenerateContent
    written: Raw


KEYED = msgspec.json.Decoder(KeyedLine)
BARE = msgspec.json.Decoder(BareLine)
REQUEST = msgspec.json.Decoder(GenerateContent)


class Gemini:
    """Batch JSONL of the Gemini API."""

    name = "gemini"
    framing = staticmethod(lines)
    errors_inline = True
    header = False
    id_field = ID_FIELD

    @staticmethod
    def speaks(fields: dict[str, Any]) -> bool:
        """Whether a line is a request of a Gemini API batch."""
        return ID_FIELD in fields and isinstance(fields.get("request"), dict)

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        shape = read_shape(KEYED, line, ID_FIELD)
        return _record(shape.key, shape.request, shape.request, line)

    def request(self, record: Record) -> Request:
        """Return the line as a Converse request."""
        return _request(record.shape)

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line as the Gemini API's results have it."""
        return {"key": record.record_id, "response": response(completion, answered)}

    def failure(
        self,
        record_id: str | None,
        record: Record | None,  # noqa: ARG002 - this dialect does not repeat the input
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as the Gemini API's results have it; a cut answer goes with it, since it was paid for."""
        cut = {"response": response(completion, unanswered)} if completion else {}
        return {"key": record_id, "error": error(unanswered), **cut}


class Vertex:
    """Batch JSONL of Vertex AI; records have no id and are known by their line."""

    name = "vertex"
    framing = staticmethod(lines)
    errors_inline = True
    header = False
    id_field = ID_FIELD

    @staticmethod
    def speaks(fields: dict[str, Any]) -> bool:
        """Whether a line is a request of a Vertex AI batch."""
        return ID_FIELD not in fields and isinstance(fields.get("request"), dict)

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        written = read_shape(BARE, line, ID_FIELD).request
        asked = read_part(REQUEST, written, line, ID_FIELD, AT)
        return _record(f"line-{line.number}", asked, Repeated(asked, written), line)

    def request(self, record: Record) -> Request:
        """Return the line as a Converse request."""
        return _request(record.shape.asked)

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line as Vertex AI's results have it."""
        at = answered.at.isoformat(timespec="milliseconds")
        return _row("", at, record) | {"response": response(completion, answered)}

    def failure(
        self,
        record_id: str | None,  # noqa: ARG002 - a row is known by the request that it repeats
        record: Record | None,
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as Vertex AI's results have it; a cut answer goes with it, since it was paid for."""
        at = unanswered.at.isoformat(timespec="milliseconds")
        cut = response(completion, unanswered) if completion else {}
        return _row(status(unanswered), at, record) | {"response": cut}


def _row(told: str, at: str, record: Record | None) -> dict[str, Any]:
    request = orjson.Fragment(bytes(record.shape.written)) if record else None
    return {"status": told, "processed_time": at, "request": request}


def _record(record_id: str, asked: GenerateContent, shape: Any, line: Line) -> Record:
    """Check what the shapes cannot say; raises :class:`RecordInvalid`."""
    if b"_" in (line.content or b""):
        check_said_once(asked, AT, record_id)
    system, contents = asked.said("system_instruction"), asked.turns()
    tokens, attached, called = check_contents(system, contents, AT, record_id)
    config: GenerationConfig = asked.said("generation_config") or NO_CONFIG
    if config is not NO_CONFIG:
        check_config(config, f"{AT}.generationConfig", record_id)
    choice = asked.said("tool_config")
    tools = called or asked.tools is not None or choice is not None
    if tools:
        functions = functions_of(asked.tools)
        tokens += check_tools(functions, choice, AT, record_id, called=called)
    return Record(
        record_id=record_id,
        model=asked.model.removeprefix("models/") if asked.model else None,
        input_tokens=tokens,
        max_tokens=config.said("max_output_tokens"),
        tools=tools,
        attachments=attached_to(turns_of(None, contents).messages, f"{AT}.contents", record_id)
        if attached
        else (),
        shape=shape,
    )


def _request(asked: GenerateContent) -> Request:
    config: GenerationConfig = asked.said("generation_config") or NO_CONFIG
    body = turns_of(asked.said("system_instruction"), asked.turns()).body(inference(config))
    if (output := output_config(config)) is not None:
        body["outputConfig"] = output
    functions = functions_of(asked.tools)
    if (tools := tool_config(functions, asked.said("tool_config"))) is not None:
        body["toolConfig"] = tools
    return Request(body)
