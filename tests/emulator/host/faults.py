"""The scripted faults: which one, if any, hits a call."""

import random
import re
from collections.abc import Sequence

from tests.emulator.host.behaviour import Doing, Fault


class Faults:
    """The script, what is left of each fault's times, and each fault's own seeded dice."""

    def __init__(self, script: Sequence[Fault], *, seed: int) -> None:
        self._armed = [_Armed(fault, seed=f"{seed}/{place}") for place, fault in enumerate(script)]

    def draw(self, user_text: str, *, api: str | None = None) -> Doing | None:
        """Return what the first fault that hits this call does, or None; models are asked by no ``api``."""
        for armed in self._armed:
            if armed.api == api and armed.hits(user_text):
                return armed.do
        return None


class _Armed:
    """One fault with its state; its dice are its own, so that faults do not disturb each other."""

    def __init__(self, fault: Fault, *, seed: str) -> None:
        self.do: Doing = fault.do
        self.api = fault.api
        self._match = None if fault.match is None else re.compile(fault.match)
        self._left = fault.times
        self._rate = fault.rate
        self._dice = random.Random(seed)

    def hits(self, user_text: str) -> bool:
        """Say whether it hits; a hit uses up one of its times, a miss of the dice does not."""
        if self._left == 0 or (self._match is not None and not self._match.search(user_text)):
            return False
        if self._dice.random() >= self._rate:
            return False
        if self._left is not None:
            self._left -= 1
        return True
