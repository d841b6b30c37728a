"""What an engine is asked, what it answers, and what an engine is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol


class StopReason(StrEnum):
    """Why an answer ended, in Converse's words."""

    END_TURN = "end_turn"
    TOOL_USE = "tool_use"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    CONTENT_FILTERED = "content_filtered"
    GUARDRAIL_INTERVENED = "guardrail_intervened"
    MALFORMED_MODEL_OUTPUT = "malformed_model_output"
    MALFORMED_TOOL_USE = "malformed_tool_use"
    MODEL_CONTEXT_WINDOW_EXCEEDED = "model_context_window_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said; what it handed over besides is read, but is not what it said."""

    role: Literal["user", "assistant"]
    text: str
    beside: str = ""
    attached_tokens: int = 0

    @property
    def whole(self) -> str:
        """All the text that a model reads of this turn."""
        return (
            f"{self.beside}\n{self.text}" if self.beside and self.text else self.beside + self.text
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that a model may call."""

    name: str
    description: str
    schema: Mapping[str, Any]


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
    tools: tuple[Tool, ...] = ()
    must_call: Tool | None = None
    wants_vectors: bool = False
    guarded: tuple[str, ...] | None = None
    """What the request's guardrail looks at before the model reads it; `None` where it has no guardrail."""
    marked: str = ""
    """What the prompt begins with, up to the mark that asks to keep it, where it bears one in its system prompt."""

    @property
    def user_text(self) -> str:
        """The last thing that the user said."""
        said = (turn.text for turn in reversed(self.turns) if turn.role == "user")
        return next((text for text in said if text), "")

    @property
    def attached_tokens(self) -> int:
        """The tokens of what is no conversation: images, documents and the tools' definitions."""
        tools = sum(len(f"{tool.name}{tool.description}{tool.schema}") for tool in self.tools)
        return sum(turn.attached_tokens for turn in self.turns) + tokens_in(tools)

    @property
    def input_tokens(self) -> int:
        """The tokens of all of it, at four characters a token."""
        read = len(self.system) + sum(len(turn.whole) for turn in self.turns)
        return tokens_in(read) + self.attached_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The call of a tool that a model answered with."""

    name: str
    input: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model answered, and the tokens that it read and wrote."""

    text: str
    stop_reason: StopReason
    input_tokens: int
    output_tokens: int
    stop_sequence: str | None = None
    call: ToolCall | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


def beginning(tools: Sequence[Tool], texts: Sequence[str]) -> str:
    """Return what stands in a prompt before a mark behind these texts of the system prompt."""
    return "\n".join([*(f"{tool.name}{tool.description}{tool.schema}" for tool in tools), *texts])


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
