"""OpenAI Batch, ``/v1/responses`` (platform.openai.com/docs/api-reference/responses/create)."""

from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import orjson
from msgspec import Meta, Raw

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import (
    Fraction,
    Name,
    Shape,
    TokenLimit,
    check_default,
    check_text,
    invalid,
    read_shape,
)
from batchwright.dialects.openai import (
    ID_FIELD,
    Envelope,
    OpenAIBatch,
    check_schema,
    check_url,
    output_config,
)
from batchwright.dialects.openai_conversation import check_messages
from batchwright.dialects.openai_items import Nothing, read_items
from batchwright.dialects.openai_messages import Message, System, User, turns_of
from batchwright.dialects.openai_output import response_of
from batchwright.dialects.openai_tools import (
    Function,
    Mode,
    NamedFunction,
    check_tools,
    tool_config,
)
from batchwright.dialects.turns import attached_to
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import Request, estimated_tokens

URL = "/v1/responses"


class PlainText(Shape, frozen=True, tag_field="type", tag="text"):
    """No format, said aloud."""


class SchemaFormat(Shape, frozen=True, tag_field="type", tag="json_schema"):
    """Structured output."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema: Raw
    strict: bool | None = None
    description: str | None = None


class Text(Shape, frozen=True):
    """What the answer's text must be like."""

    format: PlainText | SchemaFormat | None = None
    verbosity: Literal["medium"] | None = None


class FunctionTool(Function, frozen=True, tag_field="type", tag="function"):
    """A tool; those that OpenAI runs itself are not taken."""


class FunctionChoice(NamedFunction, frozen=True, tag_field="type", tag="function"):
    """A choice of one tool."""


class Body(Shape, frozen=True, kw_only=True):
    """What of a response's body a route can honour; what asks for nothing but the default is taken, too."""

    model: Name
    input: str | Annotated[list[Raw], Meta(min_length=1)]
    instructions: str | None = None
    max_output_tokens: TokenLimit | None = None
    # Converse ends at 1 where OpenAI ends at 2: hotter cannot be honoured.
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    text: Text | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: Mode | FunctionChoice | None = None
    parallel_tool_calls: bool | None = None
    # Nothing is kept that could be asked for again, so a wish to keep it cannot be honoured.
    store: bool | None = None
    stream: bool | None = None
    background: bool | None = None
    truncation: Literal["disabled"] | None = None
    service_tier: Literal["auto", "default"] | None = None
    include: Nothing | None = None
    top_logprobs: Literal[0] | None = None
    conversation: None = None
    max_tool_calls: None = None
    previous_response_id: None = None
    prompt: None = None
    reasoning: None = None
    stream_options: None = None
    # These label a request and do not change its answer.
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


class ResponsesLine(Envelope, frozen=True, kw_only=True):
    """A line of the file."""

    body: Body


class CheckedLine(NamedTuple):
    """A line as it was checked: its body, and its input as chat messages."""

    body: Body
    messages: list[Message]


DECODER = msgspec.json.Decoder(ResponsesLine)


class OpenAIResponses(OpenAIBatch):
    """OpenAI Batch JSONL for responses."""

    name = "openai_responses"
    url = URL

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        shape = read_shape(DECODER, line, ID_FIELD)
        record_id, body = shape.custom_id, shape.body
        check_url(shape, self.url)
        _check_settings(body, record_id)
        messages = _messages(body.input, line, record_id)
        found = check_messages(messages, record_id, "body.input")
        tokens = found.tokens + estimated_tokens([body.instructions or ""])
        tokens += check_tools(body.tools or (), body.tool_choice, record_id, called=found.called)
        return Record(
            record_id=record_id,
            model=body.model,
            input_tokens=tokens,
            max_tokens=body.max_output_tokens,
            tools=found.called or bool(body.tools),
            attachments=attached_to(turns_of(messages).messages, "body.input", record_id)
            if found.attached
            else (),
            shape=CheckedLine(body, messages),
        )

    def request(self, record: Record) -> Request:
        """Return the line as a Converse request."""
        asked: CheckedLine = record.shape
        body = asked.body
        told = [System(body.instructions)] if body.instructions is not None else []
        converse = turns_of([*told, *asked.messages]).body(
            {
                "maxTokens": record.max_tokens,
                "temperature": body.temperature,
                "topP": body.top_p,
            }
        )
        if body.text and isinstance(body.text.format, SchemaFormat):
            wanted = body.text.format
            converse["outputConfig"] = output_config(wanted.schema, wanted.name, wanted.description)
        if tools := tool_config(body.tools or (), body.tool_choice):
            converse["toolConfig"] = tools
        return Request(converse)

    def body(
        self, record: Record, completion: Completion, told: Answered | Unanswered
    ) -> dict[str, Any]:
        """Return a response, which repeats much of its request."""
        at = int(told.at.timestamp())
        return _echo(record) | response_of(completion, told.key, told.model or "", at)


def _check_settings(body: Body, record_id: str) -> None:
    for name in ("store", "stream", "background"):
        check_default(f"body.{name}", getattr(body, name), record_id)
    if body.parallel_tool_calls is False:
        raise invalid("body.parallel_tool_calls", "false is not supported", record_id)
    if body.instructions is not None:
        check_text("body.instructions", body.instructions, record_id)
    if body.text and isinstance(body.text.format, SchemaFormat):
        check_schema("body.text.format.schema", body.text.format.schema, record_id)


def _messages(asked: str | list[Raw], line: Line, record_id: str) -> list[Message]:
    if isinstance(asked, str):
        check_text("body.input", asked, record_id)
        return [User(asked)]
    return read_items(asked, line, record_id)


def _echo(record: Record) -> dict[str, Any]:
    """Return what a response repeats of its request."""
    asked: CheckedLine = record.shape
    body = asked.body
    return {
        "background": False,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": None,
        "temperature": body.temperature,
        "text": {"format": _written((body.text and body.text.format) or PlainText())},
        "tool_choice": _written(body.tool_choice or "auto"),
        "tools": _written(body.tools or []),
        "top_p": body.top_p,
        "truncation": "disabled",
        "user": body.user,
    }


def _written(shape: Any) -> orjson.Fragment:
    """Return a part of the request as it goes into an answer; schemas in it stay as they were written."""
    return orjson.Fragment(msgspec.json.encode(shape))
