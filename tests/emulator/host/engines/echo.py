"""The echo engine: answers with the last user text, word for word."""

from tests.emulator.host.engines.port import Ask, Completion, StopReason, tokens_in


class Echo:
    """Says what the user said, cut at the first stop sequence and at four characters a token.

    A response schema does not bind it.
    """

    async def ready(self) -> None:
        """Have nothing to load."""

    async def complete(self, ask: Ask) -> Completion:
        """Return the last user text."""
        text, stop_reason, stop_sequence = _until_stop(ask.user_text, ask.stop_sequences)
        if ask.max_tokens is not None and len(text) > 4 * ask.max_tokens:
            text, stop_reason = text[: 4 * ask.max_tokens], StopReason.MAX_TOKENS
            stop_sequence = None
        return Completion(
            text=text,
            stop_reason=stop_reason,
            stop_sequence=stop_sequence,
            input_tokens=tokens_in(ask.characters),
            output_tokens=tokens_in(len(text)),
        )

    async def count(self, ask: Ask) -> int:
        """Return a quarter of the characters, rounded up."""
        return tokens_in(ask.characters)

    async def close(self) -> None:
        """Have nothing to let go of."""


def _until_stop(text: str, sequences: tuple[str, ...]) -> tuple[str, StopReason, str | None]:
    found = [(place, each) for each in sequences if (place := text.find(each)) >= 0]
    if not found:
        return text, StopReason.END_TURN, None
    place, sequence = min(found)
    return text[:place], StopReason.STOP_SEQUENCE, sequence
