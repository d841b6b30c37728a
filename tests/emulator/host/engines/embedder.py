"""The embedder: answers for every embedding model, whichever engine is chosen."""

import random
from hashlib import sha256
from math import hypot

from tests.emulator.host.engines.port import Ask, Completion, StopReason


class Embedder:
    """Bills the tokens that were read; the vectors themselves need nothing but the text."""

    async def ready(self) -> None:
        """Have nothing to load."""

    async def complete(self, ask: Ask) -> Completion:
        """Return an answer without text."""
        return Completion(
            text="",
            stop_reason=StopReason.END_TURN,
            input_tokens=ask.input_tokens,
            output_tokens=0,
        )

    async def count(self, ask: Ask) -> int:
        """Return a quarter of the characters, rounded up."""
        return ask.input_tokens

    async def close(self) -> None:
        """Have nothing to let go of."""


def vector(text: str, dimensions: int) -> list[float]:
    """Return the one vector that this text has with so many dimensions.

    >>> vector("parcel", 3) == vector("parcel", 3), vector("parcel", 3) == vector("Parcel", 3)
    (True, False)
    """
    seed = int.from_bytes(sha256(text.encode()).digest())
    dice = random.Random(seed)
    return [dice.uniform(-1, 1) for _ in range(dimensions)]


def unit(values: list[float]) -> list[float]:
    """Return the vector of length one that points the same way.

    >>> unit([3.0, 4.0])
    [0.6, 0.8]
    """
    length = hypot(*values)
    return [value / length for value in values]
