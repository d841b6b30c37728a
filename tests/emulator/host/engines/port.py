"""What an engine is asked, what it answers, and what an engine is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol


class StopReason(StrEnum):
    """Why an answer ended, in Converse's words."""

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    CONTENT_FILTERED = "content_filtered"
    MALFORMED_MODEL_OUTPUT = "malformed_model_output"
    MODEL_CONTEXT_WINDOW_EXCEEDED = "model_context_window_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to a model, whatever wire it came by."""

    turns: tuple[Turn, ...]
    system: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None

    @property
    def user_text(self) -> str:
        """The last thing that the user said."""
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def characters(self) -> int:
        """The length of everything that the model reads."""
        return len(self.system) + sum(len(turn.text) for turn in self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model answered, and the tokens that it read and wrote."""

    text: str
    stop_reason: StopReason
    input_tokens: int
    output_tokens: int
    stop_sequence: str | None = None


class Engine(Protocol):
    """Something that answers."""

    async def ready(self) -> None:
        """Load what has to be loaded; the second time is free."""

    async def complete(self, ask: Ask) -> Completion:
        """Answer, or raise a Refusal."""

    async def count(self, ask: Ask) -> int:
        """Return the input tokens of a request without answering it."""

    async def close(self) -> None:
        """Let go of everything."""


def tokens_in(characters: int) -> int:
    """Return the tokens of so many characters at four to the token, rounded up.

    >>> tokens_in(0), tokens_in(1), tokens_in(4), tokens_in(5)
    (0, 1, 1, 2)
    """
    return -(-characters // 4)
