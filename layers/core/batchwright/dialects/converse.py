"""Bedrock batch inference, type Converse (docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html)."""

from typing import Any, Literal

from pydantic import Field, PositiveInt

from batchwright.completion import Completion
from batchwright.dialects.dialect import Answered, Fields, Unanswered, checked
from batchwright.dialects.jsonl import read_object
from batchwright.errors import RecordInvalid
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

    maxTokens: PositiveInt | None = None  # noqa: N815 - Bedrock's spelling
    temperature: float | None = Field(default=None, ge=0, le=1)
    topP: float | None = Field(default=None, ge=0, le=1)  # noqa: N815 - Bedrock's spelling
    stopSequences: list[str] | None = None  # noqa: N815 - Bedrock's spelling


class Message(Fields):
    """A turn; its blocks are Bedrock's own and go to it as they are."""

    role: Literal["user", "assistant"]
    content: list[dict[str, Any]] = Field(min_length=1)


class ModelInput(Fields):
    """A Converse request without ``modelId``; the contract says whom to ask."""

    messages: list[Message] = Field(min_length=1)
    system: list[dict[str, Any]] | None = None
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

    @staticmethod
    def speaks(model_input: object) -> bool:
        """Whether a ``modelInput`` is Converse and not a model's native body.

        Native content blocks name their kind in ``type``, Converse blocks in their one key.
        """
        if not isinstance(model_input, dict) or NATIVE_FIELDS & model_input.keys():
            return False
        if "inferenceConfig" in model_input:
            return True
        blocks = [
            block
            for message in model_input.get("messages") or ()
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
        try:
            request = _request(checked(ModelInput, envelope.modelInput, known_id))
        except RecordInvalid as fault:
            param = f"modelInput.{fault.param}"
            message = str(fault).replace(str(fault.param), param, 1)
            raise RecordInvalid(fault.code, message, param=param, record_id=known_id) from None
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


def _request(shape: ModelInput) -> Request:
    body = shape.model_dump(exclude_none=True)
    if shape.messages[0].role != "user":
        raise RecordInvalid(
            "invalid_request", "messages: the first turn must be the user's", param="messages"
        )
    for position, message in enumerate(shape.messages):
        for place, block in enumerate(message.content):
            if isinstance(text := block.get("text"), str) and not text.strip():
                param = f"messages[{position}].content[{place}].text"
                raise RecordInvalid(
                    "invalid_request", f"{param}: Bedrock takes no blank text", param=param
                )
    return Request(body)


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
