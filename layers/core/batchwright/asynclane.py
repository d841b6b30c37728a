"""What every asynchronous lane is: it takes requests over, says how they stand, and hands out what came of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from batchwright.collected import Answer, Shelf
from batchwright.prices import Price
from batchwright.request import Request
from batchwright.staging import Staged
from batchwright.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a submission stands with its lane."""

    place: str
    """What the lane calls it."""
    status: str
    """In the service's own words, for the log."""
    ended: bool
    """Whether nothing more comes of it; it may have left answers all the same."""
    stopping: bool = False
    """Whether it is about to end because it was asked to."""
    expired: bool = False
    """Whether it ended because its time was over."""
    again_after: int | None = None
    """In how many seconds it is to be looked at again, where nobody tells when it ends."""


@dataclass(slots=True, kw_only=True)
class Read:
    """What an output was seen to hold: counts, for the log."""

    lines: int = 0
    foreign: int = 0
    """Lines that are no answer to what was handed over."""
    repeated: int = 0
    """Lines that answer a record once more."""
    processed: int | None = None
    """How many records the service says it has processed, where it says so."""
    usage: Usage | None = None
    """The tokens of all of them by its own count, where it says so."""

    @property
    def whole(self) -> bool:
        """Whether as much lies there as the service counts."""
        return self.processed is None or self.lines >= self.processed


class AsyncLane(Protocol):
    """One submission in its lane."""

    fewest: int
    """Of fewer records nothing is handed over: they are asked on demand."""
    most: int
    largest: int
    """The most bytes that are staged."""
    factor: float | None
    """What part of the price on demand a record costs here, ``None`` where that is not known."""
    price: Price | None
    """What its tokens cost, where the contract says so and no table does."""
    resource: str
    """What a submission takes a place of while it is under way."""
    places: int
    """How many there are."""

    @property
    def input_key(self) -> str:
        """Where it is staged: a line for each record, as :meth:`line` writes them."""
        ...

    def line(self, index: int, request: Request) -> bytes | None:
        """Return a request as it is staged, ``None`` where the lane cannot ask it."""
        ...

    def find(self) -> str | None:
        """Return what the lane calls the submission, if it was started and nobody could note it."""
        ...

    def begun(self) -> str | None:
        """Return what the lane calls it, where a part of it was handed over, and no more is to be."""
        ...

    def start(self, staged: Staged, *, now: datetime, ends_at: datetime) -> str:
        """Hand over what is staged, and return what the lane calls it; called again, it starts nothing that runs.

        Raises :class:`Throttled`, :class:`JobStops`, :class:`RecordInvalid`, or :class:`Unavailable`.
        """
        ...

    def look(self, place: str) -> Look:
        """Return how it stands."""
        ...

    def stop(self, place: str) -> None:
        """Have it come to its end; what it has answered so far, it leaves."""
        ...

    def read(
        self, look: Look, handed: frozenset[int], late: Callable[[], bool]
    ) -> tuple[Shelf, Read] | None:
        """Put the answers to what was handed over on a shelf; ``None`` where it is late before that is done."""
        ...

    def answer(
        self, content: bytes, request: Request, model: str, input_tokens: int
    ) -> Answer | None:
        """Read what was put on the shelf; :class:`AskAgain` or ``None`` where the record may be asked again."""
        ...

    def usage(self, content: bytes, kind: str) -> Usage | None:
        """Return the tokens that it tells, none for an error; ``None`` where nobody counted."""
        ...
