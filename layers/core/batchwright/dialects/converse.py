"""Bedrock batch inference, type Converse (docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Fields, Text, TokenLimit, Unanswered, checked
from batchwright.dialects.jsonl import read_object
from batchwright.lines import Line, lines
from batchwright.record import Record
from batchwright.request import Request

# What only InvokeModel bodies have at their top, whatever the model.
NATIVE_FIELDS = {"anthropic_version", "inputText", "prompt", "schemaVersion", "inputs", "texts"}
# Batch inference writes HTTP-like codes into a record's error.
ERROR_CODES = {"throttled": 429, "unavailable": 503, "timed_out": 408, "access_denied": 403}
OUR_FAULT = {"invalid_json_line", "invalid_request", "context_overflow", "model_not_found"}


class InferenceConfig(Fields):
    """Limits and sampling."""

    maxTokens: TokenLimit | None = None  # noqa: N815 - Bedrock's spelling
    temperature: float | None = Field(default=None, ge=0, le=1)
    topP: float | None = Field(default=None, ge=0, le=1)  # noqa: N815 - Bedrock's spelling
    stopSequences: list[str] | None = None  # noqa: N815 - Bedrock's spelling


class Block(BaseModel):
    """A content block: Bedrock's own, and it goes there as it is; a text must say something."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True, strict=True)

    text: Text = ""


class Message(Fields):
    """A turn."""

    role: Literal["user", "assistant"]
    content: list[Block] = Field(min_length=1)


def _begun_by_the_user(messages: list[Message]) -> list[Message]:
    if messages[0].role != "user":
        raise ValueError("the first turn must be the user's")
    return messages


class ModelInput(Fields):
    """A Converse request without ``modelId``; the contract says whom to ask."""

    messages: Annotated[list[Message], Field(min_length=1), AfterValidator(_begun_by_the_user)]
    system: list[Block] | None = None
    inferenceConfig: InferenceConfig | None = None  # noqa: N815 - Bedrock's spelling
    additionalModelRequestFields: dict[str, Any] | None = None  # noqa: N815 - Bedrock's spelling
    outputConfig: dict[str, Any] | None = None  # noqa: N815 - Bedrock's spelling


class Envelope(Fields):
    """A line of the file."""

    recordId: str | None = Field(default=None, min_length=1)  # noqa: N815 - Bedrock's spelling
    modelInput: dict[str, Any]  # noqa: N815 - Bedrock's spelling


class Converse:
    """Bedrock batch JSONL whose ``modelInput`` is a Converse request."""

    name = "bedrock_converse"
    framing = staticmethod(lines)
    errors_inline = True
    header = False
    id_field = "recordId"

    @staticmethod
    def speaks(model_input: object) -> bool:
        """Whether a ``modelInput`` is Converse and not a model's native body.

        Native content blocks name their kind in ``type``, Converse blocks in their one key.
        """
        if not isinstance(model_input, dict) or NATIVE_FIELDS & model_input.keys():
            return False
        if "inferenceConfig" in model_input:
            return True
        messages = model_input.get("messages")
        blocks = [
            block
            for message in (messages if isinstance(messages, list) else ())
            if isinstance(message, dict) and isinstance(message.get("content"), list)
            for block in message["content"]
        ]
        return bool(blocks) and not any(
            isinstance(block, dict) and "type" in block for block in blocks
        )

    def read(self, line: Line) -> Record:
        """Read one line; a line without ``recordId`` is known by its number."""
        fields = read_object(line)
        record_id = fields.get("recordId") or f"line-{line.number}"
        known_id = record_id if isinstance(record_id, str) else None
        envelope = checked(Envelope, fields, known_id)
        shape = checked(ModelInput, envelope.modelInput, known_id, at="modelInput")
        request = Request(shape.model_dump(exclude_none=True, exclude_unset=True))
        return Record(record_id=record_id, model=None, request=request, source=envelope.modelInput)

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:  # noqa: ARG002
        """Return the line as batch inference's ``.jsonl.out`` has it."""
        return {
            "recordId": record.record_id,
            "modelInput": record.source,
            "modelOutput": _output(completion),
        }

    def failure(
        self,
        record_id: str | None,
        record: Record | None,
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line as batch inference writes a record's error."""
        failed: dict[str, Any] = {
            "recordId": record_id,
            "modelInput": record.source if record else None,
            "error": {"errorCode": _error_code(unanswered.code), "errorMessage": _told(unanswered)},
        }
        return failed | ({"modelOutput": _output(completion)} if completion else {})


def _output(completion: Completion) -> dict[str, Any]:
    usage = completion.usage
    return {
        "output": {"message": {"role": "assistant", "content": completion.content}},
        "stopReason": completion.stop_reason,
        "usage": {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.input_tokens + usage.output_tokens,
        },
        "metrics": {"latencyMs": completion.latency_ms},
    }


def _error_code(code: str) -> int:
    return 400 if code in OUR_FAULT else ERROR_CODES.get(code, 500)


def _told(unanswered: Unanswered) -> str:
    return f"{unanswered.code}: {unanswered.message} (line {unanswered.line})"
