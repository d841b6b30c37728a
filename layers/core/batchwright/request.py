"""What is asked of a model, in the shape of Bedrock's Converse."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A Converse request body without its ``modelId``
    (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
    """

    body: dict[str, Any]

    @property
    def max_tokens(self) -> int | None:
        """The most tokens that the answer may have, if the request says."""
        limit: int | None = self.body.get("inferenceConfig", {}).get("maxTokens")
        return limit

    def with_max_tokens(self, limit: int) -> "Request":
        """Return the same request with another limit."""
        inference = {**self.body.get("inferenceConfig", {}), "maxTokens": limit}
        return Request({**self.body, "inferenceConfig": inference})

    def texts(self) -> Iterator[str]:
        """Yield every text that the model reads: the system's and the messages'."""
        for block in self.body.get("system", ()):
            if "text" in block:
                yield block["text"]
        for message in self.body["messages"]:
            for block in message["content"]:
                if "text" in block:
                    yield block["text"]

    def estimated_input_tokens(self) -> int:
        """Guess the tokens of the prompt: four characters each, and a few a message."""
        return sum(-(-len(text) // 4) for text in self.texts())
