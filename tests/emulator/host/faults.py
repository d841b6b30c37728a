"""The scripted faults: which one, if any, hits a call."""

import random
import re
from collections.abc import Sequence
from typing import Protocol

from tests.emulator.host.behaviour import Doing, Fault


class Faults:
    """The script, what is left of each fault's times, and each fault's own seeded dice."""

    def __init__(self, script: Sequence[Fault], *, seed: int) -> None:
        self._armed = armed(script, seed=f"{seed}")

    def draw(self, user_text: str, *, api: str | None = None) -> Doing | None:
        """Return what the first fault that hits this call does, or None; models are asked by no ``api``."""
        for each in self._armed:
            if each.fault.api == api and each.hits(user_text):
                return each.fault.do
        return None


class Scripted(Protocol):
    """When a fault hits: where it matches, as often as it may, as its dice say."""

    @property
    def match(self) -> str | None:
        """What it looks for."""

    @property
    def times(self) -> int | None:
        """How often it hits."""

    @property
    def rate(self) -> float:
        """How likely it hits."""


class Armed[F: Scripted]:
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


def armed[F: Scripted](script: Sequence[F], *, seed: str) -> list[Armed[F]]:
    """Return the faults of a script, ready to hit."""
    return [Armed(fault, seed=f"{seed}/{place}") for place, fault in enumerate(script)]
