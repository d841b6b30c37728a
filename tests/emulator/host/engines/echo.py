"""The echo engine: answers with the last user text, word for word."""

import json
from dataclasses import replace

from tests.emulator.host.engines.example import example
from tests.emulator.host.engines.port import (
    Ask,
    Completion,
    StopReason,
    Tool,
    ToolCall,
    tokens_in,
)


class Echo:
    """Says what the user said, cut at the first stop sequence and at four characters a token.

    Under a response schema it gives an example of it; a tool that must be called it calls with one.
    """

    async def ready(self) -> None:
        """Have nothing to load."""

    async def complete(self, ask: Ask) -> Completion:
        """Return the last user text, or the call of the tool that must be called."""
        if ask.must_call is not None:
            return _call(ask, ask.must_call)
        said = (
            ask.user_text if ask.schema is None else json.dumps(example(ask.schema, ask.user_text))
        )
        text, stop_reason, stop_sequence = _until_stop(said, ask.stop_sequences)
        if ask.max_tokens is not None and len(text) > 4 * ask.max_tokens:
            text, stop_reason = text[: 4 * ask.max_tokens], StopReason.MAX_TOKENS
            stop_sequence = None
        return Completion(
            text=text,
            stop_reason=stop_reason,
            stop_sequence=stop_sequence,
            input_tokens=ask.input_tokens,
            output_tokens=tokens_in(len(text)),
        )

    async def count(self, ask: Ask) -> int:
        """Return a quarter of the characters, rounded up, and what is attached."""
        return ask.input_tokens

    async def close(self) -> None:
        """Have nothing to let go of."""


def _call(ask: Ask, tool: Tool) -> Completion:
    call = ToolCall(name=tool.name, input=example(tool.schema, ask.user_text))
    whole = Completion(
        text="",
        stop_reason=StopReason.TOOL_USE,
        input_tokens=ask.input_tokens,
        output_tokens=tokens_in(len(json.dumps(call.input))),
        call=call,
    )
    if ask.max_tokens is None or whole.output_tokens <= ask.max_tokens:
        return whole
    return replace(
        whole, stop_reason=StopReason.MAX_TOKENS, output_tokens=ask.max_tokens, call=None
    )


def _until_stop(text: str, sequences: tuple[str, ...]) -> tuple[str, StopReason, str | None]:
    found = [(place, each) for each in sequences if (place := text.find(each)) >= 0]
    if not found:
        return text, StopReason.END_TURN, None
    place, sequence = min(found)
    return text[:place], StopReason.STOP_SEQUENCE, sequence
