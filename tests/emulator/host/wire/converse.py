"""Converse: its request read, its answer written."""

import uuid
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion, beginning
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.blocks import Message, SystemBlock, marked_texts, system_text
from tests.emulator.host.wire.conversation import turns
from tests.emulator.host.wire.model_id import is_embedding
from tests.emulator.host.wire.parts import Called, Returned
from tests.emulator.host.wire.schema import read_schema
from tests.emulator.host.wire.shapes import Shape, read
from tests.emulator.host.wire.tools import ToolConfig

type Sequence = Annotated[str, Field(min_length=1)]
type Fraction = Annotated[float, Field(ge=0, le=1)]
_METADATA = r"^[a-zA-Z0-9\s:_@$#=/+,\-.]{%s,256}$"
type MetadataKey = Annotated[str, Field(pattern=_METADATA % 1)]
type MetadataValue = Annotated[str, Field(pattern=_METADATA % 0)]
type Tier = Literal["priority", "default", "flex", "reserved"]
type Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(min_length=1, max_length=16)]


class InferenceConfig(Shape):
    """How to decode."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list, max_length=2500)


class JsonSchema(Shape):
    """A schema; the service takes it as a string of JSON."""

    schema_: Annotated[str, Field(alias="schema")]
    name: str | None = None
    description: str | None = None


class Structure(Shape):
    """A union with one member."""

    json_schema: JsonSchema


class TextFormat(Shape):
    """The form that the answer must have."""

    type: Literal["json_schema"]
    structure: Structure


class OutputConfig(Shape):
    """What is wanted of the output."""

    text_format: TextFormat | None = None
    effort: str | None = None


class ServiceTier(Shape):
    """The tier asked for, which is then the tier served."""

    type: Tier


class PerformanceConfig(Shape):
    """The latency asked for, which is then the latency served."""

    latency: Literal["standard", "optimized"]


class GuardrailConfig(Shape):
    """The guardrail that looks at the call. What it found is not traced here."""

    guardrail_identifier: Annotated[
        str, Field(pattern=r"^([a-z0-9]+|arn:[^ ]+:guardrail/[a-z0-9]+)$")
    ]
    guardrail_version: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,7}|DRAFT)$")]
    trace: Literal["disabled"] = "disabled"


class ConverseRequest(Shape):
    """A Converse request. Of what Bedrock takes, `UNSERVED` is refused when it is asked for."""

    messages: list[Message]
    system: list[SystemBlock] | None = None
    inference_config: InferenceConfig = InferenceConfig()
    output_config: OutputConfig | None = None
    request_metadata: Metadata | None = None
    service_tier: ServiceTier | None = None
    performance_config: PerformanceConfig | None = None
    additional_model_response_field_paths: list[str] = Field(default_factory=list)
    additional_model_request_fields: dict[str, Any] | None = None
    tool_config: ToolConfig | None = None
    guardrail_config: GuardrailConfig | None = None
    prompt_variables: dict[str, Any] | None = None


UNSERVED = {
    "prompt_variables": "promptVariables can only be used with a prompt resource.",
}


class Converse:
    """One Converse request, read from its body."""

    def __init__(self, body: bytes, *, model: str) -> None:
        if is_embedding(model):
            raise invalid(
                "This action doesn't support the model that you provided. "
                "Try again with a supported text or chat model."
            )
        self._request = read(ConverseRequest, body)
        self.metadata = self._request.request_metadata
        tier = self._request.service_tier
        self.tier: str | None = None if tier is None else tier.type
        self.ask = _ask(self._request)

    def answer(self, completion: Completion, *, latency_ms: int) -> dict[str, Any]:
        """Return the body of the answer."""
        body = {
            "metrics": {"latencyMs": latency_ms},
            "output": {"message": {"content": content(completion), "role": "assistant"}},
            "stopReason": completion.stop_reason,
            "usage": usage(completion) | _cached(completion),
        }
        if self.tier is not None:
            body["serviceTier"] = {"type": self.tier}
        if self._request.performance_config is not None:
            body["performanceConfig"] = {"latency": self._request.performance_config.latency}
        return body


def content(completion: Completion) -> list[dict[str, Any]]:
    """Return the blocks of an answer, as Converse and Nova write them."""
    if (call := completion.call) is not None:
        called_as = f"tooluse_{uuid.uuid4().hex[:22]}"
        return [{"toolUse": {"toolUseId": called_as, "name": call.name, "input": call.input}}]
    return [{"text": completion.text}] if completion.text else []


def usage(completion: Completion) -> dict[str, int]:
    """Return the tokens as Converse and Nova tell them."""
    return {
        "inputTokens": completion.input_tokens,
        "outputTokens": completion.output_tokens,
        "totalTokens": completion.input_tokens
        + completion.cache_read_tokens
        + completion.cache_write_tokens
        + completion.output_tokens,
    }


def _cached(completion: Completion) -> dict[str, int]:
    read, written = completion.cache_read_tokens, completion.cache_write_tokens
    return (
        {"cacheReadInputTokens": read, "cacheWriteInputTokens": written} if read or written else {}
    )


def refuse_unserved(request: ConverseRequest) -> None:
    """Refuse what this host can't honour, rather than drop it."""
    for member, why in UNSERVED.items():
        if getattr(request, member) is not None:
            raise invalid(why)
    for key in request.additional_model_request_fields or {}:
        raise invalid(
            "The model returned the following errors: Malformed input request: "
            f"#: extraneous key [{key}] is not permitted, please reformat your input and try again."
        )
    if request.output_config is not None and request.output_config.effort is not None:
        raise invalid("This model doesn't support the effort field in outputConfig.")
    if not all(path.startswith("/") for path in request.additional_model_response_field_paths):
        raise invalid("additionalModelResponseFieldPaths must be JSON pointers.")


def conversation(
    messages: list[Message], system: list[SystemBlock] | None, tools: ToolConfig | None
) -> Ask:
    """Return what Converse's members that CountTokens shares ask for, or refuse it."""
    spoken = [message.spoken() for message in messages]
    used = any(isinstance(part, Called | Returned) for one in spoken for part in one.parts)
    if used and tools is None:
        raise invalid(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    offered, texts = () if tools is None else tools.offered(), marked_texts(system)
    return Ask(
        turns=turns(spoken),
        system=system_text(system),
        tools=offered,
        must_call=None if tools is None else tools.must_call(),
        marked="" if texts is None else beginning(offered, texts),
    )


def _ask(request: ConverseRequest) -> Ask:
    refuse_unserved(request)
    decoding = request.inference_config
    wanted = None if request.output_config is None else request.output_config.text_format
    return replace(
        conversation(request.messages, request.system, request.tool_config),
        max_tokens=decoding.max_tokens,
        temperature=decoding.temperature,
        top_p=decoding.top_p,
        stop_sequences=tuple(decoding.stop_sequences),
        guarded=None if request.guardrail_config is None else _guarded(request),
        schema=None if wanted is None else read_schema(wanted.structure.json_schema.schema_),
    )


def _guarded(request: ConverseRequest) -> tuple[str, ...]:
    """Return what a guardrail looks at: what is marked for it, or where nothing is, all that was said."""
    blocks = [block for message in request.messages for block in message.content]
    marked = [
        block.guard_content.text.text
        for block in blocks
        if block.guard_content and block.guard_content.text
    ]
    return tuple(marked) or tuple(block.text for block in blocks if block.text)
