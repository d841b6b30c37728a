"""What is asked of a model: a Converse body, or the native body of its family."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from batchwright.natives import NAMES, native

# What a picture costs where nobody has counted it: makers say 1,500 to 1,700 for a large one.
IMAGE_TOKENS = 1_600
BYTES_PER_TOKEN = 4
# A model that thinks first divides the limit between thoughts and answer, and refuses one that leaves no room.
THINKING = frozenset({"thinking", "reasoningConfig", "reasoning_effort"})
# Of what Converse hands on unread, this alone is known to have nothing to do with the limit.
HARMLESS = frozenset({"top_k"})


@dataclass(frozen=True, slots=True)
class Request:
    """A Converse request body without its ``modelId``
    (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).

    With a ``family`` the body is that family's own and goes to InvokeModel; a request for vectors that no model's
    family has put into its words yet has the family ``embedding``.
    """

    body: dict[str, Any]
    family: str | None = None
    tier: str | None = None
    """The service tier that is asked for. It is not part of the digest: it decides when the answer comes, not which."""

    @property
    def max_tokens(self) -> int | None:
        """The most tokens that the answer may have, if the request says."""
        if self.family is not None:
            return native(self.family).limit_of(self.body) if self.family in NAMES else None
        limit: int | None = self.body.get("inferenceConfig", {}).get("maxTokens")
        return limit

    @property
    def deterministic(self) -> bool:
        """Whether the same answer can be expected again: the request is for vectors, or says temperature 0."""
        if self.family is None:
            return bool(self.body.get("inferenceConfig", {}).get("temperature") == 0)
        asked = native(self.family)
        return asked.embeds or asked.temperature_of(self.body) == 0

    @property
    def trimmable(self) -> bool:
        """Whether a smaller limit changes nothing but where an answer would be cut."""
        if not self.max_tokens:
            return False
        if self.family is not None:
            config = self.body.get("inferenceConfig") or {}
            return THINKING.isdisjoint(self.body) and THINKING.isdisjoint(config)
        return HARMLESS.issuperset(self.body.get("additionalModelRequestFields") or {})

    def with_max_tokens(self, limit: int) -> "Request":
        """Return the same request with another limit."""
        if self.family is not None:
            return replace(self, body=native(self.family).with_limit(self.body, limit))
        inference = {**self.body.get("inferenceConfig", {}), "maxTokens": limit}
        return replace(self, body={**self.body, "inferenceConfig": inference})


def weight(text: str) -> int:
    """Return the bytes of a text in UTF-8, without looking at what is ASCII."""
    return len(text) if text.isascii() else len(text.encode())


def tokens_in(size: int) -> int:
    """Estimate the tokens in so many bytes of UTF-8: four each, which fits English and errs upwards elsewhere.

    >>> tokens_in(0), tokens_in(1), tokens_in(5)
    (0, 1, 2)
    """
    return -(-size // BYTES_PER_TOKEN)


def estimated_tokens(texts: Iterable[str]) -> int:
    """Estimate the tokens of a prompt's texts."""
    return tokens_in(sum(map(weight, texts)))
