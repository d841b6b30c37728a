"""Staging: the requests of a submission become the one file that a batch is asked from."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from msgspec import Struct

from batchwright.batchjob import FEWEST_RECORDS, MOST_BYTES, MOST_RECORDS
from batchwright.batchlines import CONVERSE, asked_line, batchable
from batchwright.money import most_billionths
from batchwright.prices import lane_factor
from batchwright.request import Request
from batchwright.segment import Claim
from batchwright.settling import Asked
from batchwright.suspicion import claim_of

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


class Stage:
    """Takes the requests of one submission, and writes those that the batch can ask."""

    def __init__(self, model: str, lane: str, staged: Staged, *, priced: bool) -> None:
        """Where the job is ``priced``, what nobody knows the price of is not taken."""
        self.staged = staged
        self.indexes = set(staged.indexes)
        self._model = model
        self._factor = lane_factor(lane, model)
        self._priced = priced
        self._lines: IO[bytes] = SpooledTemporaryFile(HELD)  # noqa: SIM115 - closed by close

    def take(self, asked: Asked, model: str, request: Request) -> None:
        """Take a request of this batch's model and kind, while there is room."""
        kind = request.family or CONVERSE
        staged = self.staged
        if model != self._model or staged.kind not in {None, kind} or not batchable(request):
            return
        if len(self.indexes) >= MOST_RECORDS:
            return
        line, most = asked_line(asked.index, request), self._most(request, model)
        if most is None or staged.size + len(line) > MOST_BYTES:
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
        """Whether Bedrock would refuse the batch for it."""
        return len(self.indexes) < FEWEST_RECORDS

    def close(self) -> None:
        """Throw away what was not read."""
        self._lines.close()

    def _most(self, request: Request, model: str) -> int | None:
        if not self._priced:
            return 0
        most = most_billionths(request, model)
        return None if most is None or self._factor is None else batch_price(most, self._factor)


def batch_price(amount: int, factor: float) -> int:
    """Return a part of an amount in billionths, never less than it is.

    >>> batch_price(3, 0.5)
    2
    """
    millionths = round(factor * 1_000_000)
    return -(-amount * millionths // 1_000_000)
