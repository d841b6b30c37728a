"""Nova's native messages, which are Converse's but for the names of some parameters."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tests.emulator.host.engines.port import Ask, Completion
from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.blocks import Message, SystemBlock, system_text
from tests.emulator.host.wire.conversation import turns
from tests.emulator.host.wire.converse import Fraction, Sequence, content, usage
from tests.emulator.host.wire.parts import Attached
from tests.emulator.host.wire.shapes import Shape, read
from tests.emulator.host.wire.tools import ToolConfig

type Count = Annotated[int, Field(ge=1)]


class NovaConfig(Shape):
    """How Nova is to decode; it takes both names of its token limit."""

    max_tokens: Count | None = None
    max_new_tokens: Annotated[Count | None, Field(alias="max_new_tokens")] = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    top_k: Annotated[int, Field(ge=0, le=128)] | None = None
    stop_sequences: list[Sequence] = Field(default_factory=list)


class NovaRequest(Shape):
    """A Nova request."""

    schema_version: Literal["messages-v1"] = "messages-v1"
    messages: list[Message]
    system: list[SystemBlock] | None = None
    inference_config: NovaConfig = NovaConfig()
    tool_config: ToolConfig | None = None


class Nova:
    """Nova's messages."""

    def __init__(self, body: bytes, _model: str) -> None:
        request = read(NovaRequest, body)
        decoding, tools = request.inference_config, request.tool_config
        spoken = [message.spoken() for message in request.messages]
        attached = [part for one in spoken for part in one.parts if isinstance(part, Attached)]
        if any(part.what == "document" for part in attached):  # Nova's own guide says so
            raise invalid("Documents are not supported by InvokeModel. Use Converse for them.")
        self.ask = Ask(
            turns=turns(spoken),
            system=system_text(request.system),
            max_tokens=decoding.max_tokens or decoding.max_new_tokens,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            stop_sequences=tuple(decoding.stop_sequences),
            tools=() if tools is None else tools.offered(),
            must_call=None if tools is None else tools.must_call(),
        )

    def answer(self, completion: Completion) -> dict[str, Any]:
        """Return what Converse would return, less its metrics."""
        return {
            "output": {"message": {"content": content(completion), "role": "assistant"}},
            "stopReason": completion.stop_reason,
            "usage": usage(completion),
        }
