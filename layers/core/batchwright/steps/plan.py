"""Plan: read the input once, check every line, and cut it into chunks, before anything is spent.

A run that is out of time leaves a checkpoint, and the next goes on from it: no file is too large.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from batchwright.contract import Contract
from batchwright.crew import crew
from batchwright.errors import AccessDenied, Missing, Refused, UploadGone
from batchwright.job import Job, JobRow, Pin, Reason, Status, timestamp
from batchwright.lane import ASYNCHRONOUS, BEDROCK_BATCH
from batchwright.lanefile import asked_again, keep_lane, plan_lane
from batchwright.lanes import check_wish, chunk_records_of
from batchwright.limits import Limits, plan_limits, read_limits
from batchwright.listing import is_joined, joins
from batchwright.obstacles import Asked, Why
from batchwright.outcome import add_costs
from batchwright.places import (
    checkpoint_key,
    job_key,
    plan_key,
    problems_key,
    submissions_key,
    unfolded_key,
)
from batchwright.planning import Planner, Progress, Sinks, Source, Total, problem_line, with_judges
from batchwright.ports import Account, Clock, Events, Jobs, Objects, Upload
from batchwright.redriving import Redriving
from batchwright.sleepers import sleeps
from batchwright.submissions import list_submissions
from batchwright.unfolding.choose import Unfolding, unfolding_of

STEP = "plan"
# More ids than this that occur twice are no slip of the pen: the first so many are told, and the file is refused.
MOST_SUSPECTS = 100_000
UNDIVIDED = Why(
    code="few_records", message="its chunks cannot be divided so that no batch has too few records"
)
# A run stops reading in the last quarter of its time, at most 60 s: that is for one block more, and for the checkpoint.
RESERVE = (0.25, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What planning needs of the world."""

    objects: Objects
    jobs: Jobs
    events: Events
    clock: Clock
    account: Account


type Planned = tuple[dict[str, Any] | None, Limits | None]
"""The answer where a run does not come to a plan, and what is known of the limits where it does."""


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


def plan(  # noqa: PLR0913 - each is a parameter of the template
    job_id: str,
    world: World,
    *,
    redrive: int = 0,
    chunk_records: int,
    max_concurrency: int,
    in_flight: int,
    batch_jobs: int = 1,
    time_left: Callable[[], float],
) -> dict[str, Any]:
    """Plan a run of a job, or refuse it, or come as far as the time allows; return the answer for the workflow.

    ``state`` is ``done`` with the plan's place, ``more`` (call again), ``refused``, ``stopped`` (nobody should ask), or
    ``settled`` (there is nothing to ask); the problems are in ``problems.jsonl`` in the end. What was planned is never
    planned otherwise: records may be settled by its cuts. ``time_left`` is in seconds, until the run is killed.

    ``max_concurrency`` is how many workers may run at once, each with so many requests ``in_flight``; fewer, where the
    limits of the models keep no more of them busy. Of batches, which sleep most of the time, ``batch_jobs`` at least.
    """
    row = world.jobs.get(job_id)
    if row is None:
        raise Missing(f"job {job_id} has no row")
    if row.redrives != redrive or row.status.final or row.status is Status.CLOSING:
        return {"state": "settled"}
    job = Job.model_validate_json(world.objects.read(job_key(job_id)))
    reserve = min(RESERVE[0] * time_left(), RESERVE[1])
    late = partial(_late, time_left, reserve)
    limits = None
    taken_up = row.status is Status.RUNNING
    if not taken_up:
        begun = row.status is not Status.RECEIVED
        # At every run, so that the sweeper sees that planning gets on.
        row = replace(row, status=Status.VALIDATING, updated_at=timestamp(world.clock.now()))
        world.jobs.change(row)
        first = partial(_first, chunk_records=chunk_records, begun=begun)
        answer, limits = (_redriven if redrive else first)(job, row, world, late)
        if answer is not None:
            return answer
    # Where an execution died whose submissions may be under way, each must be looked at, and what it answered settled.
    may_sleep = taken_up and sleeps(row)
    if not may_sleep and world.jobs.stop_reason(job_id, redrive=redrive) is not None:
        return {"state": "stopped"}
    key = plan_key(job_id, redrive)
    # A job has a chunk at least; a redrive may find nothing to ask again.
    if redrive and not world.objects.pin(key).size:
        return {"state": "settled"}
    running = world.jobs.get(job_id)
    if running is not None and running.lane in ASYNCHRONOUS:
        key, workers = submissions_key(job_id, redrive), max_concurrency
        if running.lane == BEDROCK_BATCH:
            workers = max(workers, batch_jobs)
    else:
        limits = limits or read_limits(job_id, world.objects)
        workers = crew(limits, job.terms, in_flight=in_flight, most=max_concurrency)
    joined = not redrive and joins(job) and is_joined(job_id, world.objects)
    return {
        "state": "done",
        "plan": {"bucket": world.objects.bucket, "key": key},
        "max_concurrency": workers,
        "join": int(joined),
    }


def _late(time_left: Callable[[], float], reserve: float) -> bool:
    return time_left() < reserve


def _first(
    job: Job,
    row: JobRow,
    world: World,
    late: Callable[[], bool],
    *,
    chunk_records: int,
    begun: bool,
) -> Planned:
    """Plan a job; ``begun`` says whether another run may have left a checkpoint."""
    run = Run(job, world.objects, chunk_records, late=late, begun=begun)
    if not run.go_on():
        return {"state": "more"}, None
    progress = run.progress
    row = replace(row, updated_at=timestamp(world.clock.now()), problems=progress.found)
    if run.refusal is not None:
        world.jobs.change(replace(row, status=Status.CLOSING, reason=run.refusal))
        return {"state": "refused", "reason": run.refusal.code}, None
    totals = with_judges(progress.totals, job.terms.filters)
    limits = plan_limits(job, totals, world.objects, None if late() else world.account)
    asked = Asked(totals=progress.totals, needs=progress.needs)
    running = replace(
        _laned(job, row, asked, limits, world),
        status=Status.RUNNING,
        total=progress.records,
        chunks=progress.cut.chunks,
        estimate=estimate_of(progress.totals, job.terms),
    )
    return _begun(running, world), limits


def _redriven(job: Job, row: JobRow, world: World, late: Callable[[], bool]) -> Planned:
    """List the chunks in which a redrive asks."""
    assert row.redrive is not None  # noqa: S101 - the row's number is that of a redrive
    redriving = Redriving(row.job_id, row.redrive, world.objects)
    if not redriving.go_on(lambda: not late()):
        return {"state": "more"}, None
    # They may be others than when the job was planned.
    totals = read_limits(row.job_id, world.objects).totals
    limits = plan_limits(job, totals, world.objects, None if late() else world.account)
    asked = asked_again(row.job_id, row.total - redriving.tally.settled, world.objects)
    row = _laned(job, row, asked, limits, world)
    now = timestamp(world.clock.now())
    running = replace(row, status=Status.RUNNING, updated_at=now, tally=redriving.tally)
    return _begun(running, world), limits


def _laned(job: Job, row: JobRow, asked: Asked, limits: Limits, world: World) -> JobRow:
    """Choose the run's lane; return the row that tells it."""
    choice = plan_lane(
        job,
        asked,
        limits,
        world.objects,
        ends_at=job.ends_at(row.redrive),
        now=world.clock.now(),
        redrive=row.redrives,
    )
    if choice.lane in ASYNCHRONOUS:
        model = max(asked.totals, key=lambda name: asked.totals[name].records)
        if not list_submissions(
            job, world.objects, lane=choice.lane, model=model, redrive=row.redrive
        ):
            choice = choice.instead(UNDIVIDED)
            keep_lane(choice, asked, job.job_id, world.objects, redrive=row.redrives)
    return replace(row, lane=choice.lane, lane_reason=choice.reasons[0].message)


def _begun(row: JobRow, world: World) -> dict[str, Any] | None:
    """Let a job run, unless it was closed or redriven meanwhile."""
    if not world.jobs.change(row):
        return {"state": "settled"}
    detail = {"total": row.total, "redrive": row.redrives}
    world.events.job_changed(row.job_id, Status.RUNNING, detail)
    return None


def estimate_of(totals: dict[str, Total], contract: Contract) -> dict[str, Any]:
    """Return what a job may use at most, as its row keeps it; the tier flex costs no more than the default."""
    dearer = {route.model for route in contract.routes if route.tier == "priority"}
    totals = with_judges(totals, contract.filters)
    cost: float | None = 0.0
    for model, total in totals.items():
        cost = add_costs(
            cost, None if model in dearer else total.max_cost_usd(contract.route_to(model))
        )
    return {
        "input_tokens": sum(total.input_tokens for total in totals.values()),
        "max_output_tokens": sum(total.max_output_tokens for total in totals.values()),
        "max_cost_usd": cost,
    }


class Run:
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
            source = Source(pin=pin, unfolded=False, dialect=self._job.dialect)
            if unfolding := unfolding_of(self._job, pin, self._objects):
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
        """Read the input, once more where ids repeat themselves; return whether the end was reached."""
        while True:
            planner = self._planner(source)
            if not planner.run(self._late):
                self._pause(planner)
                return False
            suspects = self.progress.suspects
            if suspects is None and (repeated := planner.repeated(MOST_SUSPECTS + 1)):
                self._read_again(repeated)
                continue
            if suspects is not None and len(suspects) > MOST_SUSPECTS:
                raise Refused(
                    "duplicate_custom_id",
                    f"more than {MOST_SUSPECTS:,} ids occur more than once; see problems.jsonl",
                )
            planner.check_whole()
            progress = self.progress
            check_wish(self._job.terms, Asked(totals=progress.totals, needs=progress.needs))
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

    def _read_again(self, suspects: list[int]) -> None:
        """Begin once more, now knowing which ids to look at: the plan so far lacks their problems."""
        assert self._sinks is not None  # noqa: S101 - it was read once
        self._sinks.chunks.abort()
        self._sinks.problems.abort()
        self._sinks = None
        self._save(Checkpoint(reading=Progress(suspects=suspects)))

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
