"""Bedrock batch inference, type Converse (docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html)."""

from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta

from batchwright.completion import Completion
from batchwright.dialects.bedrock import ID_FIELD, BedrockBatch, read_envelope
from batchwright.dialects.jsonl import (
    Fraction,
    Shape,
    TokenLimit,
    check_portable,
    check_text,
    invalid,
    read_part,
)
from batchwright.lines import Line
from batchwright.media import attachments_of
from batchwright.record import Record
from batchwright.request import BYTES_PER_TOKEN, IMAGE_TOKENS, Request, tokens_in, weight

# What only InvokeModel bodies have at their top, whatever the model.
NATIVE_FIELDS = {
    "anthropic_version",
    "inputText",
    "prompt",
    "schemaVersion",
    "inputs",
    "texts",
    "reasoningConfig",
}
# What only Nova's own bodies have in `inferenceConfig`; they need not tell their `schemaVersion`.
NOVAS_LIMITS = {"max_new_tokens", "topK", "reasoningConfig"}


class InferenceConfig(Shape, frozen=True):
    """Limits and sampling."""

    maxTokens: TokenLimit | None = None  # noqa: N815 - Bedrock's spelling
    temperature: Fraction | None = None
    topP: Fraction | None = None  # noqa: N815 - Bedrock's spelling
    stopSequences: list[str] | None = None  # noqa: N815 - Bedrock's spelling


# A content block is Bedrock's own, and goes there as it is; a text must say something.
type Blocks = Annotated[list[dict[str, Any]], Meta(min_length=1)]


class Message(Shape, frozen=True):
    """A turn."""

    role: Literal["user", "assistant"]
    content: Blocks


class ModelInput(Shape, frozen=True, kw_only=True):
    """A Converse request without ``modelId``; the contract says whom to ask."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    system: Blocks | None = None
    inferenceConfig: InferenceConfig = InferenceConfig()  # noqa: N815 - Bedrock's spelling
    toolConfig: dict[str, Any] | None = None  # noqa: N815 - Bedrock's spelling
    additionalModelRequestFields: dict[str, Any] | None = None  # noqa: N815 - Bedrock's spelling
    outputConfig: dict[str, Any] | None = None  # noqa: N815 - Bedrock's spelling


DECODER = msgspec.json.Decoder(ModelInput)


class Converse(BedrockBatch):
    """Bedrock batch JSONL whose ``modelInput`` is a Converse request."""

    name = "bedrock_converse"

    @staticmethod
    def speaks(fields: dict[str, Any]) -> bool:
        """Whether a line's ``modelInput`` is Converse and not a model's native body.

        Native content blocks name their kind in ``type``, Converse blocks in their one key.
        """
        model_input = fields.get("modelInput")
        if not isinstance(model_input, dict) or NATIVE_FIELDS & model_input.keys():
            return False
        if "inferenceConfig" in model_input:
            limits = model_input["inferenceConfig"]
            return not isinstance(limits, dict) or not NOVAS_LIMITS & limits.keys()
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
        """Read and check one line; a line without ``recordId`` is known by its number."""
        record_id, source = read_envelope(line)
        shape = read_part(DECODER, source, line, ID_FIELD, "modelInput")
        if shape.messages[0].role != "user":
            raise invalid("modelInput.messages", "the first turn must be the user's", record_id)
        turns = [message.content for message in shape.messages]
        size = _size_of(turns, shape.system or [], record_id)
        # What goes on as it is must be JSON that we can write, too.
        for name in ("toolConfig", "additionalModelRequestFields", "outputConfig"):
            check_portable(f"modelInput.{name}", getattr(shape, name), record_id)
        return Record(
            record_id=record_id,
            input_tokens=tokens_in(size),
            max_tokens=shape.inferenceConfig.maxTokens,
            tools=shape.toolConfig is not None,
            attachments=attachments_of([{"content": blocks} for blocks in turns]),
            shape=source,
        )

    def request(self, record: Record) -> Request:
        """Return the line as it stands."""
        body = orjson.loads(bytes(record.shape))
        return Request({name: value for name, value in body.items() if value is not None})

    def output(self, completion: Completion) -> dict[str, Any]:
        """Return the answer as Converse gives it."""
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


def _size_of(
    turns: list[list[dict[str, Any]]], system: list[dict[str, Any]], record_id: str
) -> int:
    """Check blocks, and return the bytes that the model reads; raises :class:`RecordInvalid`."""
    size = 0
    for at, blocks in (
        ("system", system),
        *((f"messages[{n}].content", b) for n, b in enumerate(turns)),
    ):
        check_portable(f"modelInput.{at}", blocks, record_id)
        for place, block in enumerate(blocks):
            if "text" not in block:
                size += _size_of_other(block)
                continue
            text = block["text"]
            param = f"modelInput.{at}[{place}].text"
            if not isinstance(text, str):
                raise invalid(param, "a text is wanted", record_id)
            check_text(param, text, record_id)
            size += weight(text)
    return size


def _size_of_other(block: dict[str, Any]) -> int:
    if "image" in block:
        return IMAGE_TOKENS * BYTES_PER_TOKEN
    return len(orjson.dumps(block))
