"""The first plan of a job: its input unfolded where it must be, read, checked and cut, in one run or in several.

A run that is out of time leaves a checkpoint, and the next goes on from it: no file is too large.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from msgspec import Struct

from batchwright.errors import AccessDenied, Missing, Refused, UploadGone
from batchwright.job import Job, Pin, Reason
from batchwright.lanes import check_wish, chunk_records_of
from batchwright.obstacles import Workload
from batchwright.places import checkpoint_key, plan_key, problems_key, unfolded_key
from batchwright.planning import Planner, Progress, Sinks, Source, problem_line
from batchwright.ports import Objects, Upload
from batchwright.unfolding.choose import Unfolding, unfolding_of

STEP = "plan"
# More ids than this that occur twice are no slip of the pen: the first so many are told, and the file is refused.
MOST_SUSPECTS = 100_000


class Checkpoint(Struct, kw_only=True):
    """Where planning stands between two runs."""

    unfolded: int | None = None
    """How many pieces of the input are unfolded; ``None`` before and after."""
    unfolding: dict[str, Any] | None = None
    """The upload of the unfolded input, paused."""
    reading: Progress | None = None
    chunks: dict[str, Any] | None = None
    """The upload of the plan, paused."""
    problems: dict[str, Any] | None = None


class FirstPlan:
    """One run of planning: from the checkpoint to the end, or to the next checkpoint."""

    def __init__(
        self,
        job: Job,
        objects: Objects,
        chunk_records: int,
        *,
        late: Callable[[], bool],
        begun: bool = True,
    ) -> None:
        """``late`` says whether the run should stop, ``begun`` whether there may be a checkpoint."""
        self.refusal: Reason | None = None
        self.progress = Progress()
        self._job = job
        self._objects = objects
        self._chunk_records = chunk_records
        self._late = late
        self._sinks: Sinks | None = None
        self._dialect = job.dialect
        self._checkpoint = self._found() if begun else Checkpoint()

    def go_on(self) -> bool:
        """Plan on; return whether planning has come to its end, good or bad."""
        try:
            return self._step()
        except UploadGone:
            # An earlier run finished its files and died before it could say so: begin again, it comes out the same.
            self._checkpoint, self._sinks = Checkpoint(), None
            return self._step()

    def _step(self) -> bool:
        try:
            return self._planned()
        except Refused as refusal:
            self._refuse(refusal)
            return True

    def _planned(self) -> bool:
        if self._job.refusal is not None:
            refusal = self._job.refusal
            raise Refused(refusal.code, refusal.message, line=refusal.line)
        pin = self._job.pinned()
        with _readable(pin):
            # One look tells whether it must be unfolded, and is where the lines begin.
            first = next(self._objects.blocks(pin), b"")
            source = Source(pin=pin, unfolded=False, dialect=self._job.dialect, first=first)
            if unfolding := unfolding_of(self._job, pin, first, self._objects):
                if not self._unfolded(unfolding):
                    return False
                pin = self._objects.pin(unfolded_key(self._job.job_id))
                self._dialect = unfolding.dialect or self._dialect
                source = Source(pin=pin, unfolded=True, dialect=self._dialect)
            return self._read(source)

    def _unfolded(self, unfolding: Unfolding) -> bool:
        """Write the unfolded input; return whether it is whole."""
        point = self._checkpoint
        if point.reading is not None:
            return True
        upload = self._upload(unfolded_key(self._job.job_id), point.unfolding)
        done = point.unfolded or 0
        try:
            for piece in unfolding.pieces(done):
                upload.write(piece)
                done += 1
                if self._late():
                    self._save(Checkpoint(unfolded=done, unfolding=upload.pause()))
                    return False
        except Refused:
            upload.abort()
            raise
        upload.finish()
        self._save(Checkpoint(reading=Progress()))
        return True

    def _read(self, source: Source) -> bool:
        """Read the input, once more where ids repeat themselves or tools come late; return whether it was read."""
        while True:
            planner = self._planner(source)
            if not planner.run(self._late):
                self._pause(planner)
                return False
            suspects = self.progress.suspects
            if suspects is None and (repeated := planner.repeated(MOST_SUSPECTS + 1)):
                self._read_again(Progress(suspects=repeated))
                continue
            if suspects is not None and len(suspects) > MOST_SUSPECTS:
                raise Refused(
                    "duplicate_custom_id",
                    f"more than {MOST_SUSPECTS:,} ids occur more than once; see problems.jsonl",
                )
            planner.check_whole()
            if planner.unworded:
                self._read_again(Progress(suspects=suspects, worded=True))
                continue
            progress = self.progress
            check_wish(self._job.terms, Workload(totals=progress.totals, needs=progress.needs))
            planner.sinks.chunks.finish()
            if self.progress.found:
                planner.sinks.problems.finish()
            else:
                planner.sinks.problems.abort()
            return True

    def _planner(self, source: Source) -> Planner:
        job_id, point = self._job.job_id, self._checkpoint
        self.progress = point.reading or Progress()
        self._sinks = Sinks(
            chunks=self._upload(plan_key(job_id), point.chunks),
            problems=self._upload(problems_key(job_id), point.problems),
        )
        return Planner(
            self._job,
            self._objects,
            source,
            self._sinks,
            self.progress,
            chunk_records=chunk_records_of(self._job.terms, self._chunk_records),
        )

    def _read_again(self, progress: Progress) -> None:
        """Begin once more, now knowing what to look at: the plan so far lacks the ids' problems, or the words."""
        assert self._sinks is not None  # noqa: S101 - it was read once
        self._sinks.chunks.abort()
        self._sinks.problems.abort()
        self._sinks = None
        self._save(Checkpoint(reading=progress))

    def _pause(self, planner: Planner) -> None:
        planner.put_away()
        self._save(
            Checkpoint(
                reading=planner.progress,
                chunks=planner.sinks.chunks.pause(),
                problems=planner.sinks.problems.pause(),
            )
        )

    def _refuse(self, refusal: Refused) -> None:
        """Leave the problems and no plan."""
        self.refusal = Reason(code=refusal.code, message=str(refusal), line=refusal.line)
        if self._sinks is None:
            problems = self._objects.begin(problems_key(self._job.job_id))
        else:
            problems = self._sinks.problems
            self._sinks.chunks.abort()
        problems.write(problem_line(self.refusal.as_problem()))
        problems.finish()

    def _upload(self, key: str, paused: dict[str, Any] | None) -> Upload:
        return self._objects.resume(key, paused) if paused else self._objects.begin(key)

    def _found(self) -> Checkpoint:
        try:
            content = self._objects.read(checkpoint_key(self._job.job_id, STEP))
            return msgspec.json.decode(content, type=Checkpoint)
        except (Missing, msgspec.DecodeError):
            # There is none, or code of another version wrote it: nothing is spent yet, so plan from the beginning.
            return Checkpoint()

    def _save(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        key = checkpoint_key(self._job.job_id, STEP)
        self._objects.write(key, msgspec.json.encode(checkpoint))


@contextmanager
def _readable(pin: Pin) -> Iterator[None]:
    """Turn what can befall the object between admission and here into a refusal."""
    try:
        yield
    except UploadGone:
        raise
    except Missing:
        raise Refused(
            "input_missing", f"s3://{pin.bucket}/{pin.key} was deleted before it was read"
        ) from None
    except AccessDenied:
        raise Refused(
            "input_no_permissions", f"s3://{pin.bucket}/{pin.key} may not be read"
        ) from None
