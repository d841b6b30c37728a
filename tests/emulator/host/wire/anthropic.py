"""The shape of Claude's native request."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Ask
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.conversation import Block, Message, turns
from tests.emulator.host.wire.converse import Fraction, Sequence
from tests.emulator.host.wire.schema import accepted
from tests.emulator.host.wire.shapes import SnakeShape


class CacheControl(SnakeShape):
    """Where a prompt may be cached: accepted, and nothing is cached."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(SnakeShape):
    """A content block; only text is served."""

    type: Literal["text"]
    text: str
    cache_control: CacheControl | None = None


class ClaudeMessage(SnakeShape):
    """What one side said."""

    role: Literal["user", "assistant"]
    content: str | list[TextBlock]

    def as_converse(self) -> Message:
        """Return the same in Converse's shape, so that it is judged by the same rules."""
        texts = [self.content] if isinstance(self.content, str) else _texts(self.content)
        blocks = [Block.model_construct(text=text) for text in texts]
        return Message.model_construct(role=self.role, content=blocks)


class Format(SnakeShape):
    """The form that the answer must have."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class OutputConfig(SnakeShape):
    """What is wanted of the output."""

    format: Format | None = None


class AnthropicRequest(SnakeShape):
    """A Claude request; `model` and `stream` are not permitted on Bedrock."""

    anthropic_version: Literal["bedrock-2023-05-31"]
    max_tokens: Annotated[int, Field(ge=1)]
    messages: list[ClaudeMessage]
    system: str | list[TextBlock] = ""
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list)
    output_config: OutputConfig = OutputConfig()
    tools: list[Any] | None = None

    def ask(self) -> Ask:
        """Return what is asked, or refuse it."""
        if self.tools is not None:
            raise invalid("This model doesn't support tool use.")
        wanted = self.output_config.format
        return Ask(
            turns=turns([message.as_converse() for message in self.messages]),
            system=self.system if isinstance(self.system, str) else "\n".join(_texts(self.system)),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop_sequences=tuple(self.stop_sequences),
            schema=None if wanted is None else accepted(wanted.schema_),
        )


def _texts(blocks: list[TextBlock]) -> list[str]:
    return [block.text for block in blocks]
