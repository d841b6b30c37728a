"""Handing over: what a worker does with a request where a lane asks it later, and nobody at once."""

from typing import Protocol

from batchwright.request import Request
from batchwright.settling import Asked


class Hand(Protocol):
    """Takes the requests of one submission."""

    @property
    def indexes(self) -> set[int]:
        """The records that were taken before; they are not looked at again."""
        ...

    def take(self, asked: Asked, model: str, request: Request) -> None:
        """Take a request, if the lane can ask it; if not, its record is asked on demand when the others are read.

        ``request`` is as it would be asked on demand: the filters have seen it.
        """
        ...
