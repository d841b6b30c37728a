"""Anthropic Message Batches (platform.claude.com/docs/en/build-with-claude/batch-processing)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from batchwright.completion import Completion
from batchwright.dialects.anthropic_messages import (
    CacheControl,
    Message,
    System,
    cache_point,
    check_messages,
    turns_of,
)
from batchwright.dialects.anthropic_results import answered_line, unanswered_line
from batchwright.dialects.anthropic_tools import Tool, ToolChoice, check_tools, tool_config
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import (
    Fraction,
    Name,
    Shape,
    TokenLimit,
    check_default,
    invalid,
    read_shape,
)
from batchwright.dialects.turns import attached_to
from batchwright.lines import Line, lines
from batchwright.record import Record
from batchwright.request import Request
from batchwright.schema import read_schema, structured_output

ID_FIELD = "custom_id"
# Anthropic's schemas have no name, Converse wants one.
SCHEMA_NAME = "answer"


class SchemaFormat(Shape, frozen=True, tag_field="type", tag="json_schema"):
    """Structured output."""

    schema: Raw


class OutputConfig(Shape, frozen=True):
    """What the answer must look like."""

    format: SchemaFormat | None = None


class Metadata(Shape, frozen=True):
    """Whose request it is; it does not change the answer."""

    user_id: str | None = None


class Params(Shape, frozen=True, kw_only=True):
    """What of a message's parameters a route can honour.

    A parameter that asks for nothing but the default is taken; one that a route cannot honour is refused by name.
    """

    model: Name
    max_tokens: TokenLimit
    messages: Annotated[list[Message], Meta(min_length=1)]
    system: System | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    stop_sequences: list[Name] | None = None
    tools: Annotated[list[Tool], Meta(min_length=1)] | None = None
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None
    stream: bool | None = None
    # These say how it is billed and to whom, and do not change the answer.
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    speed: Literal["standard"] | None = None


class RequestLine(Shape, frozen=True):
    """A line of the file: an element of ``requests`` in the API's body."""

    custom_id: Name
    params: Params


DECODER = msgspec.json.Decoder(RequestLine)


class Anthropic:
    """Anthropic Message Batches as JSONL; a whole body is unfolded to it first."""

    name = "anthropic"
    framing = staticmethod(lines)
    errors_inline = True
    header = False
    id_field = ID_FIELD

    @staticmethod
    def speaks(fields: dict[str, Any]) -> bool:
        """Whether a line is a request of a Message Batch."""
        return ID_FIELD in fields and "params" in fields

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        shape = read_shape(DECODER, line, ID_FIELD)
        record_id, params = shape.custom_id, shape.params
        tokens, attached, called = check_messages(params.system, params.messages, record_id)
        if params.stream:
            check_default("params.stream", params.stream, record_id)
        if params.output_config is not None:
            _check_format(params.output_config.format, record_id)
        tools = called or params.tools is not None or params.tool_choice is not None
        if tools:
            tokens += check_tools(params.tools, params.tool_choice, record_id, called=called)
        return Record(
            record_id=record_id,
            model=params.model,
            # No other family has this parameter, so no other may be asked.
            family="anthropic" if params.top_k is not None else None,
            input_tokens=tokens,
            max_tokens=params.max_tokens,
            tools=tools,
            attachments=attached_to(
                turns_of(None, params.messages).messages, "params.messages", record_id
            )
            if attached
            else (),
            shape=params,
        )

    def request(self, record: Record) -> Request:
        """Return the line as a Converse request."""
        asked: Params = record.shape
        turns = turns_of(asked.system, asked.messages)
        if asked.cache_control is not None:
            turns.messages[-1]["content"].append(cache_point(asked.cache_control))
        body = turns.body(
            {
                "maxTokens": asked.max_tokens,
                "temperature": asked.temperature,
                "topP": asked.top_p,
                "stopSequences": asked.stop_sequences or None,
            }
        )
        if asked.top_k is not None:
            body["additionalModelRequestFields"] = {"top_k": asked.top_k}
        if asked.output_config is not None and asked.output_config.format is not None:
            schema = read_schema(bytes(asked.output_config.format.schema))
            body["outputConfig"] = structured_output(schema, SCHEMA_NAME)
        if tools := tool_config(asked.tools, asked.tool_choice):
            body["toolConfig"] = tools
        return Request(body)

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line as Anthropic's results have it."""
        return answered_line(record.record_id, completion, answered)

    def failure(
        self,
        record_id: str | None,
        record: Record | None,  # noqa: ARG002 - this dialect does not repeat the input
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as Anthropic's results have it; a cut answer goes with it, since it was paid for."""
        return unanswered_line(record_id, completion, unanswered)


def _check_format(wanted: SchemaFormat | None, record_id: str) -> None:
    if wanted is None:
        return
    try:
        read_schema(bytes(wanted.schema))
    except ValueError as fault:
        raise invalid("params.output_config.format.schema", str(fault), record_id) from None
