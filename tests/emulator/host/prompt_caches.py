"""Prompt caches: what a marked prompt begins with is kept for five minutes, and read again for less.

Pure: the clock is an argument. Two prompts share a beginning if it is the same, character by character.
"""

import re
from dataclasses import dataclass, field

from tests.emulator.host.engines.port import Ask, tokens_in

KEPT_SECONDS = 300.0
# The tokens that a beginning has at least, by the model's name
# (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html); what is shorter is not kept, and nobody is told.
_LEAST = {
    re.compile(r"anthropic\.claude-(haiku-4-5|opus-4-5)"): 4096,
    re.compile(r"anthropic\.claude-3-5-haiku"): 2048,
    re.compile(r"anthropic\.claude-(3-7|sonnet-4|opus-4)"): 1024,
    re.compile(r"amazon\.nova-(micro|lite|pro|premier)-v1"): 1000,
}


@dataclass(frozen=True, slots=True)
class Kept:
    """The tokens of a call that were read from a cache, and those that were written into one."""

    read: int = 0
    written: int = 0

    @property
    def tokens(self) -> int:
        """What is not counted as input."""
        return self.read + self.written


@dataclass(frozen=True, slots=True)
class PromptCaches:
    """What each model keeps."""

    _until: dict[tuple[str, str], float] = field(default_factory=dict)

    def look(self, ask: Ask, *, model: str, now: float) -> Kept:
        """Return what a call that comes now finds, and what it will leave."""
        tokens = tokens_in(len(ask.marked))
        least = next((least for name, least in _LEAST.items() if name.search(model)), None)
        if least is None or tokens < least:
            return Kept()
        warm = self._until.get((model, ask.marked), 0.0) > now
        return Kept(read=tokens) if warm else Kept(written=tokens)

    def keep(self, ask: Ask, kept: Kept, *, model: str, now: float) -> None:
        """Keep the beginning of a call that was answered, or keep it for longer."""
        if kept.tokens:
            self._until[model, ask.marked] = now + KEPT_SECONDS
