"""A worker's look at its job: whether it must stop, and for others to see how far its chunk has come."""

from collections.abc import Callable

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.job import Job, Reason
from batchwright.ports import Clock, Jobs

# Segments may fill up faster than anybody wants to be told, and a stop within some seconds is soon enough.
BETWEEN_LOOKS = 5.0
BETWEEN_REPORTS = 20.0


class Lookout:
    """Looks at the table of jobs for one worker, in its threads."""

    def __init__(
        self,
        jobs: Jobs,
        job: Job,
        chunk: Chunk,
        log: ChunkLog,
        *,
        clock: Clock,
        seconds: Callable[[], float],
        stopped: Reason | None = None,
    ) -> None:
        """``seconds`` is a clock that never jumps; ``stopped`` is why somebody has stopped the job, seen just now."""
        self.reason = stopped
        """Why the worker must stop."""
        self._told = stopped
        self._jobs = jobs
        self._chunk = chunk
        self._log = log
        self._clock = clock
        self._seconds = seconds
        self._deadline = job.terms.deadline
        self._ends_at = job.ends_at(chunk.redrive)
        self._looked_at = self._reported_at = seconds()

    def look(self) -> None:
        """See whether somebody has stopped the job, or its time is over."""
        if self.reason is None:
            job_id, redrive = self._chunk.job_id, self._chunk.redrives
            self.reason = self._told = self._jobs.stop_reason(job_id, redrive=redrive)
        self.keep_time()

    def keep_time(self) -> None:
        """Stop the job, for all of its workers, if its time is over."""
        if self.reason is None and self._clock.now() >= self._ends_at:
            message = f"the job's deadline of {self._deadline} has passed"
            self.reason = Reason(code="deadline", message=message)
        self.tell()

    @property
    def time_left(self) -> float:
        """How many seconds the job has left."""
        return (self._ends_at - self._clock.now()).total_seconds()

    def look_again(self, *, to_come: int) -> None:
        """Look, and report, if the last time is long enough ago.

        Where no call is ``to_come``, a stop saves little, and the worker reports soon for the last time.
        """
        now, patience = self._seconds(), 1 if to_come else 2
        if now - self._looked_at >= BETWEEN_LOOKS * patience:
            self.look()
            self._looked_at = now
        if now - self._reported_at >= BETWEEN_REPORTS * patience:
            self.report()

    def report(self) -> None:
        """Tell how far the chunk has come."""
        self._reported_at = self._seconds()
        self._jobs.report_chunk(
            self._chunk.job_id,
            self._chunk.chunk,
            self._log.segments,
            self._log.tally,
            redrive=self._chunk.redrives,
        )

    def tell(self) -> None:
        """See to it that all workers, and who closes the job, find the reason; raises :class:`Unavailable`."""
        if self.reason is not self._told and self.reason is not None:
            self._jobs.stop(self._chunk.job_id, self.reason, redrive=self._chunk.redrives)
            self._told = self.reason
