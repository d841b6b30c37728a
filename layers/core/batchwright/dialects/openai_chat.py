"""OpenAI Batch, ``/v1/chat/completions`` (platform.openai.com/docs/api-reference/chat/create)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import (
    Fraction,
    Name,
    Shape,
    TokenLimit,
    Zero,
    check_default,
    invalid,
    read_shape,
)
from batchwright.dialects.openai import (
    ID_FIELD,
    Envelope,
    OpenAIBatch,
    Stop,
    check_schema,
    check_url,
    one_choice,
    output_config,
    stops_of,
)
from batchwright.dialects.openai_conversation import check_messages
from batchwright.dialects.openai_messages import Message, tool_calls_of, turns_of
from batchwright.dialects.openai_tools import (
    Choice,
    Function,
    Mode,
    NamedFunction,
    check_tools,
    tool_config,
)
from batchwright.dialects.turns import attached_to
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.request import Request

URL = "/v1/chat/completions"


class JsonSchema(Shape, frozen=True):
    """A schema, its name, and what it is for."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema: Raw
    strict: bool | None = None
    description: str | None = None


class TextFormat(Shape, frozen=True, tag_field="type", tag="text"):
    """No format, said aloud."""


class SchemaFormat(Shape, frozen=True, tag_field="type", tag="json_schema"):
    """Structured output."""

    json_schema: JsonSchema


class Tool(Shape, frozen=True, tag_field="type", tag="function"):
    """A tool; only functions are taken."""

    function: Function


class NamedTool(Shape, frozen=True, tag_field="type", tag="function"):
    """A choice of one tool."""

    function: NamedFunction


class Body(Shape, frozen=True, kw_only=True):
    """What of a chat completion's body a route can honour.

    A parameter that asks for nothing but the default is taken; one that a route cannot honour is refused by name.
    """

    model: Name
    messages: Annotated[list[Message], Meta(min_length=1)]
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    # Converse ends at 1 where OpenAI ends at 2: hotter cannot be honoured.
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    stop: Stop | None = None
    response_format: TextFormat | SchemaFormat | None = None
    tools: Annotated[list[Tool], Meta(min_length=1)] | None = None
    tool_choice: Mode | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    n: Literal[1] | None = None
    stream: bool | None = None
    logprobs: bool | None = None
    store: bool | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    service_tier: Literal["auto", "default"] | None = None
    modalities: list[Literal["text"]] | None = None
    # These label a request and do not change its answer.
    user: str | None = None
    metadata: dict[str, str] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


class ChatLine(Envelope, frozen=True, kw_only=True):
    """A line of the file."""

    body: Body


DECODER = msgspec.json.Decoder(ChatLine)


class OpenAIChat(OpenAIBatch):
    """OpenAI Batch JSONL for chat completions."""

    name = "openai_chat"
    url = URL

    @classmethod
    def speaks(cls, fields: dict[str, Any]) -> bool:
        """Whether a line is for this endpoint; one without a ``url`` is, so that it is told what it lacks."""
        if "url" in fields:
            return super().speaks(fields)
        return ID_FIELD in fields and isinstance(fields.get("body"), dict)

    def read(self, line: Line) -> Record:
        """Read and check one line."""
        shape = read_shape(DECODER, line, ID_FIELD)
        record_id, body = shape.custom_id, shape.body
        if shape.url != self.url:
            check_url(shape, self.url)
        found = check_messages(body.messages, record_id)
        tokens = found.tokens
        _check_settings(body, record_id)
        tools = found.called or body.tools is not None or body.tool_choice is not None
        if tools:
            tokens += _check_tools(body, record_id, called=found.called)
        return Record(
            record_id=record_id,
            model=body.model,
            input_tokens=tokens,
            max_tokens=body.max_tokens or body.max_completion_tokens,
            tools=tools,
            attachments=attached_to(turns_of(body.messages).messages, "body.messages", record_id)
            if found.attached
            else (),
            shape=body,
        )

    def request(self, record: Record) -> Request:
        """Return the line as a Converse request."""
        asked: Body = record.shape
        body = turns_of(asked.messages).body(
            {
                "maxTokens": record.max_tokens,
                "temperature": asked.temperature,
                "topP": asked.top_p,
                "stopSequences": stops_of(asked.stop),
            }
        )
        if isinstance(asked.response_format, SchemaFormat):
            wanted = asked.response_format.json_schema
            body["outputConfig"] = output_config(wanted.schema, wanted.name, wanted.description)
        if tools := tool_config(_functions(asked), _choice(asked)):
            body["toolConfig"] = tools
        return Request(body)

    def body(
        self,
        record: Record,  # noqa: ARG002 - a chat completion does not repeat its request
        completion: Completion,
        told: Answered | Unanswered,
    ) -> dict[str, Any]:
        """Return a chat completion."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": completion.text or None,
            "refusal": None,
        }
        if calls := tool_calls_of(completion.content):
            message["tool_calls"] = calls
        return one_choice(
            completion, told, id_prefix="chatcmpl", kind="chat.completion", message=message
        )


def _check_settings(body: Body, record_id: str) -> None:
    if body.stream or body.logprobs or body.store:
        for name in ("stream", "logprobs", "store"):
            check_default(f"body.{name}", getattr(body, name), record_id)
    if body.parallel_tool_calls is False:
        raise invalid("body.parallel_tool_calls", "false is not supported", record_id)
    if body.max_tokens and body.max_completion_tokens:
        raise invalid("body.max_completion_tokens", "say it or max_tokens, not both", record_id)
    if isinstance(body.response_format, SchemaFormat):
        param = "body.response_format.json_schema.schema"
        check_schema(param, body.response_format.json_schema.schema, record_id)


def _check_tools(body: Body, record_id: str, *, called: bool) -> int:
    functions, choice = _functions(body), _choice(body)
    return check_tools(functions, choice, record_id, called=called, within=".function")


def _functions(body: Body) -> list[Function]:
    return [tool.function for tool in body.tools or ()]


def _choice(body: Body) -> Choice:
    choice = body.tool_choice
    return choice.function if isinstance(choice, NamedTool) else choice
