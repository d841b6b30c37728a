"""What is alike wherever the host is told to behave: the reading is strict, and faults are scripted."""

import random
import re
from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt

# An unknown field is refused, and nothing is guessed from another type.
STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


def _is_a_regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


type Seconds = Annotated[float, Field(ge=0)]
type Regex = Annotated[str, AfterValidator(_is_a_regex)]


class ScriptedFault(BaseModel):
    """When a fault hits: where it matches, as often as it may, as its dice say."""

    model_config = STRICT

    do: str
    match: Regex | None = None
    """Without it, it hits everywhere."""
    times: PositiveInt | None = None
    """How often it hits; without a number, always."""
    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    """How likely it hits."""


class Armed[F: ScriptedFault]:
    """One fault with its state; its dice are its own, so that faults do not disturb each other."""

    def __init__(self, fault: F, *, seed: str) -> None:
        self.fault = fault
        self._match = None if fault.match is None else re.compile(fault.match)
        self._left = fault.times
        self._dice = random.Random(seed)

    def hits(self, text: str) -> bool:
        """Say whether it hits; a hit uses up one of its times, a miss of the dice does not."""
        if self._left == 0 or (self._match is not None and not self._match.search(text)):
            return False
        if self._dice.random() >= self.fault.rate:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class Script[F: ScriptedFault]:
    """A script of faults, with what is left of each."""

    def __init__(self, faults: Sequence[F], *, seed: str) -> None:
        self.armed = [Armed(fault, seed=f"{seed}/{place}") for place, fault in enumerate(faults)]

    def draw(self, doings: Collection[str], text: str) -> F | None:
        """Return the first fault that does one of these and hits this text."""
        for each in self.armed:
            if each.fault.do in doings and each.hits(text):
                return each.fault
        return None
