"""Staging: the requests of a submission become one file that their lane is asked from."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Protocol

from msgspec import Struct

from batchwright.money import most_billionths
from batchwright.prices import Price
from batchwright.request import Request
from batchwright.segment import Claim
from batchwright.settling import Asked
from batchwright.suspicion import claim_of

# What requests are that are no family's own.
CONVERSE = "converse"
BLOCK = 1_000_000
# Lines of one chunk that are held in memory; with attachments they may be many more.
HELD = 8_000_000


class Staged(Struct, kw_only=True):
    """How far a submission is staged: all that another run needs to go on, and what collecting must know."""

    place: int = 0
    """Where in the plan the next chunk's line begins, counted from the submission's first."""
    runs: Claim = ()
    """The records in the file."""
    kind: str | None = None
    """Converse, or the family whose own bodies they are: a batch takes one kind, that of its first record."""
    size: int = 0
    most: int = 0
    """What they cost at most, in billionths of a dollar."""
    upload: dict[str, Any] | None = None
    whole: bool = False
    refused_at: float | None = None
    """When the budget had no room for them first, in seconds since 1970."""

    @property
    def indexes(self) -> frozenset[int]:
        """The records in the file."""
        return frozenset(index for first, last in self.runs for index in range(first, last + 1))


class Takes(Protocol):
    """What a lane can take."""

    fewest: int
    most: int
    largest: int
    factor: float | None
    price: Price | None

    def line(self, index: int, request: Request) -> bytes | None:
        """Return a request as a line."""
        ...


class Stage:
    """Takes the requests of one submission, and writes those that the lane can ask."""

    def __init__(self, model: str, lane: Takes, staged: Staged, *, priced: bool) -> None:
        """Where the job is ``priced``, what nobody knows the price of is not taken."""
        self.staged = staged
        self.indexes = set(staged.indexes)
        self._model = model
        self._lane = lane
        self._priced = priced
        self._lines: IO[bytes] = SpooledTemporaryFile(HELD)  # noqa: SIM115 - closed by close

    def take(self, asked: Asked, model: str, request: Request) -> None:
        """Take a request of this submission's model and kind, while there is room."""
        kind = request.family or CONVERSE
        staged, lane = self.staged, self._lane
        if model != self._model or staged.kind not in {None, kind}:
            return
        if len(self.indexes) >= lane.most:
            return
        line, most = lane.line(asked.index, request), self._most(request, model)
        if line is None or most is None or staged.size + len(line) > lane.largest:
            return
        self._lines.write(line)
        self.indexes.add(asked.index)
        staged.kind = kind
        staged.size += len(line)
        staged.most += most

    def blocks(self) -> Iterator[bytes]:
        """Yield what was written since the last time."""
        self._lines.seek(0)
        while block := self._lines.read(BLOCK):
            yield block
        self._lines.seek(0)
        self._lines.truncate()

    def note(self) -> None:
        """Put into words what the file holds."""
        self.staged.runs = claim_of(self.indexes)

    @property
    def too_few(self) -> bool:
        """Whether the lane would refuse it for that."""
        return len(self.indexes) < self._lane.fewest

    def close(self) -> None:
        """Throw away what was not read."""
        self._lines.close()

    def _most(self, request: Request, model: str) -> int | None:
        if not self._priced:
            return 0
        most, factor = most_billionths(request, model, self._lane.price), self._lane.factor
        return None if most is None or factor is None else part_of(most, factor)


def part_of(amount: int, factor: float) -> int:
    """Return a part of an amount in billionths, never less than it is.

    >>> part_of(3, 0.5)
    2
    """
    millionths = round(factor * 1_000_000)
    return -(-amount * millionths // 1_000_000)
