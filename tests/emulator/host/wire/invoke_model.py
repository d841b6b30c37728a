"""InvokeModel: finds the native body by the model's id, or else by the body's members."""

from collections.abc import Callable
from typing import Annotated, Any

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from tests.emulator.host.engines.port import Completion
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.anthropic import Anthropic
from tests.emulator.host.wire.chat import OpenAI
from tests.emulator.host.wire.cohere import Command, CommandR
from tests.emulator.host.wire.converse import Metadata, Tier
from tests.emulator.host.wire.embeddings import CohereV3, CohereV4, TitanV1, TitanV2
from tests.emulator.host.wire.mistral import MistralText, mistral
from tests.emulator.host.wire.native import MetaLlama, Native, Titan
from tests.emulator.host.wire.nova import Nova
from tests.emulator.host.wire.shapes import malformed

_BY_MODEL: dict[str, Callable[[bytes, str], Native]] = {
    "anthropic.": Anthropic,
    "amazon.nova": Nova,
    "amazon.titan-embed-text-v1": TitanV1,
    "amazon.titan-embed-text-v2": TitanV2,
    "amazon.titan-text": Titan,
    "cohere.command-r": CommandR,
    "cohere.command": Command,
    "cohere.embed-v4": CohereV4,
    "cohere.embed": CohereV3,
    "meta.llama": MetaLlama,
    "mistral.": mistral,
    "openai.": OpenAI,
}
_BY_MEMBER: dict[str, Callable[[bytes, str], Native]] = {
    "anthropic_version": Anthropic,
    "message": CommandR,
    "texts": CohereV4,
    "max_completion_tokens": OpenAI,
    "messages": Nova,
    "inputText": Titan,
    "max_gen_len": MetaLlama,
    "prompt": MistralText,
}
_METADATA: TypeAdapter[dict[str, str]] = TypeAdapter(Annotated[Metadata, Field(max_length=16)])

_TIER: TypeAdapter[Tier] = TypeAdapter(Tier)


class InvokeModel:
    """One InvokeModel request, read from its body and its metadata header."""

    def __init__(self, body: bytes, *, model: str, metadata: str | None, tier: str | None) -> None:
        self._native = native(body, model=model)
        self.metadata = _metadata(metadata)
        self.tier = _tier(tier)
        self.ask = self._native.ask

    def answer(self, completion: Completion, *, latency_ms: int) -> dict[str, Any]:  # noqa: ARG002 - told in a header
        """Return the native body of the answer."""
        return self._native.answer(completion)


def native(body: bytes, *, model: str) -> Native:
    """Return the body as its family reads it."""
    for part, family in _BY_MODEL.items():
        if part in model:
            return family(body, model)
    try:
        members = orjson.loads(body)
    except ValueError:
        raise invalid(
            "Malformed input request, please reformat your input and try again."
        ) from None
    for member, family in _BY_MEMBER.items():
        if isinstance(members, dict) and member in members:
            return family(body, model)
    raise invalid(
        "Malformed input request: this host knows the native bodies of Anthropic, Nova, Titan, "
        "Cohere, Llama, Mistral and OpenAI. Use Converse for other models."
    )


def _metadata(header: str | None) -> dict[str, str] | None:
    if header is None:
        return None
    try:
        return _METADATA.validate_json(header)
    except ValidationError as error:
        raise malformed(error) from None


def _tier(header: str | None) -> str | None:
    if header is None:
        return None
    try:
        return _TIER.validate_python(header)
    except ValidationError as error:
        raise malformed(error) from None
