"""Standing: how the records of a chunk stand over all runs of its job: the newest outcome of each.

Every run of a job, the first and each redrive, has a chunk log of its own, and none is ever changed. So what a redrive
asks again is told by the logs before it, and comes out the same whenever it is looked up.
"""

from dataclasses import replace

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.errors import LogBroken
from batchwright.job import Redrive
from batchwright.outcome import Ending, Tally
from batchwright.ports import Objects
from batchwright.segment import LogEntry

# The name under which closing writes into chunk logs: what it settled, nobody was asked for.
CLOSER = "close"


def open_in(objects: Objects, chunk: Chunk) -> frozenset[int]:
    """Return the records that a run's chunk is to ask: all of them in the first run, in a redrive what it is for."""
    if chunk.redrive is None:
        return frozenset(chunk.indexes)
    return standing_before(objects, chunk, chunk.redrives).open_to(chunk.redrive)


def standing_before(objects: Objects, chunk: Chunk, redrive: int) -> "Standing":
    """Read how a chunk stood before redrive number ``redrive``; before the first run, number 0, nothing stands."""
    standing = Standing(chunk)
    for number in range(redrive):
        standing.add(log_of(objects, chunk, number))
    return standing


def log_of(objects: Objects, chunk: Chunk, redrive: int) -> ChunkLog:
    """Return the log of a chunk in one run, as closing sees it."""
    return ChunkLog(objects, chunk.job_id, chunk.chunk, writer=CLOSER, redrive=redrive)


class Standing:
    """The newest outcome of each record of a chunk."""

    def __init__(self, chunk: Chunk) -> None:
        """Nothing stands yet."""
        self._chunk = chunk
        self._spent = Tally()
        self.entries: dict[int, LogEntry] = {}
        """By index."""
        self.never_asked: set[int] = set()
        """The records whose outcome says that nobody was asked: closing settled them."""
        self.size = 0
        """Bytes of the logs that were read."""

    def add(
        self, log: ChunkLog, until: frozenset[int] | None = None, *, begun: bool = False
    ) -> None:
        """Read the next run's log, of :func:`log_of`; its outcomes take the place of earlier ones.

        ``until`` is what it was to settle, where that is known: see :meth:`ChunkLog.read`, also for ``begun``.
        """
        entries = log.read(until, begun=begun)
        self.entries |= {entry.counted.index: entry for entry in entries}
        self.never_asked = (self.never_asked - log.settled) | log.own_indexes
        self._spent.add_all(log.tally)
        self.size += log.size

    def open_to(self, redrive: Redrive | None) -> frozenset[int]:
        """Return the records that a run is to ask; ``None`` is the first run, which asks all.

        Raises :class:`LogBroken` where a redrive finds a record without outcome: no job ends with such, so a log is
        gone, and nobody can tell what was asked and paid for.
        """
        if redrive is None:
            return frozenset(self._chunk.indexes)
        if missing := set(self._chunk.indexes) - self.entries.keys():
            place = f"chunk {self._chunk.chunk} of job {self._chunk.job_id}"
            raise LogBroken(f"the logs of {place} lack the outcome of record {min(missing)}")
        again = {i for i, entry in self.entries.items() if entry.counted.status in redrive.only}
        return frozenset(self.never_asked | again)

    def tally(self, without: frozenset[int] = frozenset()) -> Tally:
        """Count how the records stand but for some of them; tokens, money and calls are those of all runs."""
        counts = dict.fromkeys(Ending, 0)
        for index, entry in self.entries.items():
            if index not in without:
                counts[entry.counted.status] += 1
        return replace(self._spent, counts=counts)
