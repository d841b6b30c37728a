"""What a model answered."""

from typing import Any

from msgspec import Struct

from batchwright.errors import (
    ContentFiltered,
    ContextOverflow,
    MalformedCompletion,
    RecordEnds,
    Truncated,
)
from batchwright.usage import Usage


class Completion(Struct, frozen=True, kw_only=True):
    """A Converse answer: content blocks, why it ended, and what it took.

    ``native`` is the answer as the model's family writes it, where it was asked natively; ``vectors`` are embeddings.
    """

    content: list[dict[str, Any]]
    stop_reason: str
    usage: Usage
    latency_ms: int
    request_id: str | None = None
    native: dict[str, Any] | None = None
    vectors: list[list[float]] | None = None
    tier: str | None = None
    """The service tier that answered, where the service tells."""
    estimated: bool = False
    """Whether its tokens were estimated: whoever answered did not count them."""

    @property
    def text(self) -> str:
        """All text blocks, joined."""
        return "".join([block["text"] for block in self.content if "text" in block])


CUT = "max_tokens"
ANSWERED = {"end_turn", "stop_sequence", "tool_use"}
ENDINGS: dict[str, tuple[type[RecordEnds], str]] = {
    CUT: (Truncated, "the answer was cut at max_tokens"),
    "content_filtered": (ContentFiltered, "the model's service withheld the answer"),
    "guardrail_intervened": (ContentFiltered, "a guardrail of the model's service intervened"),
    "model_context_window_exceeded": (
        ContextOverflow,
        "prompt and answer exceed the model's context",
    ),
}


def fault_of(completion: Completion) -> RecordEnds | None:
    """Return why a completion is not an answer, or ``None`` if it is one.

    Only the stop reasons that are known to mean success do; whatever the service invents next does not.
    """
    if completion.stop_reason in ENDINGS:
        kind, message = ENDINGS[completion.stop_reason]
        return kind(message)
    if completion.stop_reason not in ANSWERED:
        return MalformedCompletion("the stop reason means no success that is known here")
    if completion.vectors is not None:
        return None if completion.vectors else MalformedCompletion("the answer holds no vector")
    if not completion.text.strip() and not any("toolUse" in block for block in completion.content):
        return MalformedCompletion("the answer says nothing")
    return None
