"""The records that nobody settled before their job closed."""

from datetime import datetime

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.errors import Missing
from batchwright.job import Job, Reason
from batchwright.outcome import Ending
from batchwright.ports import Clock, Objects
from batchwright.reader import ChunkReader, GoneReader, Item
from batchwright.segment import Effort, Settled
from batchwright.settling import Settler

# How such a record ends, by the reason why the job stopped; any other reason is a failure.
ENDINGS = {
    "deadline": Ending.EXPIRED,
    "cancelled": Ending.CANCELLED,
    "budget:usd": Ending.CANCELLED,
}
NO_REASON = Reason(code="never_asked", message="no worker asked for this record")
INPUT_GONE = Reason(
    code="input_missing", message="the input was deleted before this record was asked for"
)


class Unasked:
    """Gives the records that nobody settled their outcome, in the log like any other.

    A worker that is still alive finds them settled, and its late answers change nothing.
    """

    def __init__(self, job: Job, reason: Reason | None, objects: Objects, clock: Clock) -> None:
        """``reason`` is why the job was stopped."""
        self._job = job
        self._reason = reason or NO_REASON
        self._objects = objects
        self._clock = clock

    def settle(self, chunk: Chunk, asked: frozenset[int], log: ChunkLog) -> None:
        """Settle what ``log`` lacks of the records of ``chunk`` that were to be ``asked``."""
        reader, reason = self._reader(chunk)
        settler = Settler(self._job, reader.dialect)
        now = self._clock.now()
        rest = reader.items(asked - log.settled)
        nothing = Effort()
        log.append(
            [
                self._settled(settler, item, reason, now, log.efforts.get(item.index, nothing))
                for item in rest
            ]
        )

    def _reader(self, chunk: Chunk) -> tuple[ChunkReader | GoneReader, Reason]:
        try:
            return ChunkReader(self._objects, self._job, chunk), self._reason
        except Missing:
            return GoneReader(self._job, chunk), INPUT_GONE

    def _settled(
        self, settler: Settler, item: Item, reason: Reason, now: datetime, spent: Effort
    ) -> Settled:
        ending = ENDINGS.get(reason.code, Ending.FAILED)
        try:
            return settler.left_open(item, ending, reason, now, spent)
        except Exception as fault:  # noqa: BLE001 - whatever is odd about one record, the job must close
            return settler.unforeseen(item, fault, now, spent)
