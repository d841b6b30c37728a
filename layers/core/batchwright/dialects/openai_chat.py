"""OpenAI Batch, ``/v1/chat/completions`` (platform.openai.com/docs/api-reference/batch/request-input)."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from batchwright.completion import Completion
from batchwright.contract import structured_output
from batchwright.dialects.dialect import Answered, Fields, Text, TokenLimit, Unanswered, checked
from batchwright.dialects.jsonl import read_object
from batchwright.errors import RecordInvalid
from batchwright.lines import Line, lines
from batchwright.record import Record
from batchwright.request import Request
from batchwright.schema import Schema

URL = "/v1/chat/completions"
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
}
SYSTEM = {"system", "developer"}
OK = 200


def _as_list(stop: Any) -> Any:
    return [stop] if isinstance(stop, str) else stop


def _as_parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class TextPart(Fields):
    """A part of a message that is text."""

    type: Literal["text"]
    text: Text


class Message(Fields):
    """A message; tool calls, images and names are not taken yet."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[TextPart], BeforeValidator(_as_parts), Field(min_length=1)]
    refusal: None = None


def _begun_by_the_user(messages: list[Message]) -> list[Message]:
    turns = (message.role for message in messages if message.role not in SYSTEM)
    if next(turns, None) != "user":
        raise ValueError("the first turn must be the user's")
    return messages


class JsonSchema(Fields):
    """A schema and its name."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    schema_: Schema = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Fields):
    """Structured output, or no format said aloud."""

    type: Literal["text", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> Self:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema goes with type json_schema, and only with it")
        return self


class Body(Fields):
    """What of a chat completion's body a route can honour.

    A parameter that asks for nothing but the default is taken; one that a route cannot honour is refused by name.
    """

    model: str = Field(min_length=1)
    messages: Annotated[list[Message], Field(min_length=1), AfterValidator(_begun_by_the_user)]
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    # Converse ends at 1 where OpenAI ends at 2: hotter cannot be honoured.
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stop: Annotated[list[str] | None, BeforeValidator(_as_list)] = None
    response_format: ResponseFormat | None = None
    n: Literal[1] | None = None
    stream: Literal[False] | None = None
    logprobs: Literal[False] | None = None
    frequency_penalty: Literal[0] | None = None
    presence_penalty: Literal[0] | None = None
    store: Literal[False] | None = None
    # These label a request and do not change its answer.
    user: str | None = None
    metadata: dict[str, str] | None = None
    safety_identifier: str | None = None

    @field_validator("max_completion_tokens")
    @classmethod
    def _only_one_limit(cls, limit: int | None, known: ValidationInfo) -> int | None:
        if limit and known.data.get("max_tokens"):
            raise ValueError("say it or max_tokens, not both")
        return limit


class Envelope(Fields):
    """A line of the file."""

    custom_id: str = Field(min_length=1)
    method: Literal["POST"]
    url: str
    body: dict[str, Any]


class OpenAIChat:
    """OpenAI Batch JSONL for chat completions."""

    name = "openai_chat"
    framing = staticmethod(lines)
    errors_inline = False
    header = False
    id_field = "custom_id"

    def read(self, line: Line) -> Record:
        """Read one line into a Converse-shaped request."""
        fields = read_object(line)
        record_id = fields.get("custom_id")
        known_id = record_id if isinstance(record_id, str) else None
        envelope = checked(Envelope, fields, known_id)
        if envelope.url != URL:
            raise RecordInvalid(
                "url_mismatch", f"url: only {URL} is read", param="url", record_id=known_id
            )
        body = checked(Body, envelope.body, known_id, at="body")
        request = Request(_converse(body))
        return Record(record_id=envelope.custom_id, model=body.model, request=request)

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line as OpenAI's batch output file has it."""
        return {
            "id": _line_id(answered.key),
            "custom_id": record.record_id,
            "response": _response(completion, answered),
            "error": None,
        }

    def failure(
        self,
        record_id: str | None,
        record: Record | None,  # noqa: ARG002 - this dialect does not repeat the input
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as OpenAI's batch error file has it; a cut answer goes with it, since it was paid for."""
        answered = Answered(key=unanswered.key, model=unanswered.model or "", at=unanswered.at)
        return {
            "id": _line_id(unanswered.key),
            "custom_id": record_id,
            "response": _response(completion, answered) if completion else None,
            "error": {
                "code": unanswered.code,
                "message": unanswered.message,
                "param": unanswered.param,
                "line": unanswered.line,
            },
        }


def _converse(body: Body) -> dict[str, Any]:
    system, messages = _turns(body.messages)
    inference = {
        "maxTokens": body.max_tokens or body.max_completion_tokens,
        "temperature": body.temperature,
        "topP": body.top_p,
        "stopSequences": body.stop or None,
    }
    converse: dict[str, Any] = {
        "messages": messages,
        "inferenceConfig": {name: value for name, value in inference.items() if value is not None},
    }
    if system:
        converse["system"] = system
    if body.response_format is not None and body.response_format.json_schema is not None:
        schema = body.response_format.json_schema
        converse["outputConfig"] = structured_output(schema.schema_, schema.name)
    return converse


def _turns(messages: list[Message]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split off the system's blocks, and join neighbours of one role: Converse wants the roles to take turns."""
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        blocks = [{"text": part.text} for part in message.content]
        if message.role in SYSTEM:
            system += blocks
        elif turns and turns[-1]["role"] == message.role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message.role, "content": blocks})
    return system, turns


def _line_id(key: str) -> str:
    return f"batch_req_{key[:24]}"


def _response(completion: Completion, answered: Answered) -> dict[str, Any]:
    usage = completion.usage
    return {
        "status_code": OK,
        "request_id": completion.request_id or f"req_{answered.key[:24]}",
        "body": {
            "id": f"chatcmpl-{answered.key[:24]}",
            "object": "chat.completion",
            "created": int(answered.at.timestamp()),
            "model": answered.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": completion.text, "refusal": None},
                    "logprobs": None,
                    "finish_reason": FINISH_REASONS.get(completion.stop_reason, "stop"),
                }
            ],
            "usage": {
                "prompt_tokens": usage.input_tokens,
                "completion_tokens": usage.output_tokens,
                "total_tokens": usage.input_tokens + usage.output_tokens,
            },
        },
    }
