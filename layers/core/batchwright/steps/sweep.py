"""Sweep: look at the jobs that gave no sign of life for too long, and take up those whose workflow died."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from batchwright.errors import Missing
from batchwright.job import Job, JobRow, Reason, Status
from batchwright.places import job_key
from batchwright.ports import Clock, Events, Jobs, Objects, Workflows
from batchwright.run import Run, RunState
from batchwright.sleepers import sleeps

# A workflow that was taken up so often and died each time will not live for another try: somebody must look.
MOST_RESTARTS = 3
# The workers know the deadline, too: they have two sweeps of five minutes to stop by themselves.
MARGIN = timedelta(minutes=10)
PLANNED = frozenset({Status.RUNNING, Status.CLOSING})
EXPIRED = Reason(code="deadline", message="the job's deadline has passed, and its workflow hangs")
ABORTED = Reason(code="cancelled", message="somebody stopped the job's execution by hand")


class Did(StrEnum):
    """What became of a silent job."""

    NOTHING = "nothing"
    """Its workflow runs, and may wait for a model: it is only told."""
    RESTARTED = "restarted"
    """Its workflow had not begun, or had died: another one goes on."""
    CLOSING = "closing"
    """Its time is up, or its workflow was stopped by hand: what is settled is published."""
    STUCK = "stuck"
    """All restarts died: an operator must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What sweeping needs of the world."""

    objects: Objects
    jobs: Jobs
    workflows: Workflows
    events: Events
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A job that gave no sign of life, and what was done about it."""

    job_id: str
    status: Status
    minutes: int
    did: Did

    def to_json(self) -> dict[str, Any]:
        """Return it for the log."""
        return {
            "job_id": self.job_id,
            "status": self.status.value,
            "minutes": self.minutes,
            "did": self.did.value,
        }


@dataclass(slots=True, kw_only=True)
class Swept:
    """What one sweep saw."""

    stalls: list[Stall] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)
    """Why jobs could not be looked at, by job."""

    def counts(self) -> dict[str, int]:
        """Return how many silent jobs were only told, taken up, and given up; each counts once."""
        dids = [stall.did for stall in self.stalls]
        return {
            "stalled": dids.count(Did.NOTHING),
            "restarted": dids.count(Did.RESTARTED) + dids.count(Did.CLOSING),
            "stuck": dids.count(Did.STUCK),
        }

    def check(self) -> None:
        """Raise what kept jobs from being looked at, now that the others were."""
        if self.faults:
            raise ExceptionGroup("jobs were not looked at", list(self.faults.values()))


def sweep(world: World, *, minutes: int) -> Swept:
    """Look at every job that has not ended and gave no sign of life for ``minutes``.

    Sweeping again, or twice at once, is sweeping once: runs are started by name. A job that cannot be looked at keeps
    no other from it; see :attr:`Swept.faults`. Raises only where the table cannot be read at all.
    """
    swept = Swept()
    for row in world.jobs.unended():
        try:
            if stall := _look(row, world, timedelta(minutes=minutes)):
                swept.stalls.append(stall)
                _say(stall, world.events)
        except Exception as fault:  # noqa: BLE001 - whatever is odd about one job, the next one is looked at
            swept.faults[row.job_id] = fault
    return swept


def _look(row: JobRow, world: World, patience: timedelta) -> Stall | None:
    now = world.clock.now()
    if now - datetime.fromisoformat(row.updated_at) < patience:
        return None  # without a look at its chunks, of which there may be ten thousand
    silence = now - _last_sign(row, world.jobs)
    if silence < patience:
        return None
    did = _Takeover(row, world).decide()
    if did is None:
        return None
    minutes = int(silence.total_seconds() // 60)
    return Stall(job_id=row.job_id, status=row.status, minutes=minutes, did=did)


def _last_sign(row: JobRow, jobs: Jobs) -> datetime:
    changed = datetime.fromisoformat(row.updated_at)
    reported = jobs.reported_at(row.job_id, redrive=row.redrives)
    return max(changed, reported) if reported else changed


def _say(stall: Stall, events: Events) -> None:
    events.job_stalled(stall.job_id, stall.status, minutes=stall.minutes, did=stall.did.value)


class _Takeover:
    """What is done about one silent job."""

    def __init__(self, row: JobRow, world: World) -> None:
        self._row = row
        self._world = world

    def decide(self) -> Did | None:
        """Do what the job's workflow needs; ``None`` where the job moved on meanwhile."""
        closing, work = self._newest(closing=True), self._newest(closing=False)
        if self._moved_on():
            return None
        if closing and self._row.status in PLANNED:  # before that there is nothing to close
            return self._follow(*closing, Did.CLOSING)
        if work is None:
            return self._start(self._run(0), Did.RESTARTED)
        return self._take_up(*work)

    def _take_up(self, run: Run, state: RunState) -> Did:
        if self._row.status is Status.CLOSING:
            return self._close_again(state)
        if state is RunState.ABORTED:
            return self._close(run, state, ABORTED)
        if state is RunState.RUNNING and self._overdue():
            return self._close(run, state, EXPIRED)
        return self._follow(run, state, Did.RESTARTED)

    def _newest(self, *, closing: bool) -> tuple[Run, RunState] | None:
        newest = None
        for restart in range(MOST_RESTARTS + 1):
            run = self._run(restart, closing=closing)
            state = self._world.workflows.state(run)
            if state is None:
                break
            newest = run, state
        return newest

    def _moved_on(self) -> bool:
        # Asked only after the runs: the index tells late that a job ended, and its run has ended with it.
        standing = self._world.jobs.get(self._row.job_id)
        return (
            standing is None
            or standing.status.final
            or standing.redrives != self._row.redrives
            or standing.updated_at != self._row.updated_at
        )

    def _close(self, run: Run, state: RunState, reason: Reason) -> Did:
        """Stop the job for the reason, and let what is settled be published.

        Where it is not planned yet, its own workflow must plan it first: then it sees the reason, and closes. One that
        slept reads what was answered first, as long as it can be restarted.
        """
        self._world.jobs.stop(self._row.job_id, reason, redrive=self._row.redrives)
        slept = sleeps(self._row) and state is not RunState.RUNNING and run.restart < MOST_RESTARTS
        if self._row.status in PLANNED and not slept:
            return self._start(self._run(0, closing=True), Did.CLOSING)
        return self._follow(run, state, Did.CLOSING)

    def _close_again(self, state: RunState) -> Did:
        # Nothing is asked any more: no chunk has to be called again, and a reason to stop would come too late.
        if state is RunState.RUNNING:
            return Did.NOTHING
        return self._start(self._run(0, closing=True), Did.CLOSING)

    def _follow(self, run: Run, state: RunState, done: Did) -> Did:
        if state is RunState.RUNNING:
            return Did.NOTHING
        if run.restart == MOST_RESTARTS:
            return Did.STUCK
        return self._start(self._run(run.restart + 1, closing=run.closing), done)

    def _start(self, run: Run, done: Did) -> Did:
        self._world.workflows.start(run)
        return done

    def _run(self, restart: int, *, closing: bool = False) -> Run:
        row = self._row
        return Run(job_id=row.job_id, redrive=row.redrives, restart=restart, closing=closing)

    def _overdue(self) -> bool:
        try:
            written = self._world.objects.read(job_key(self._row.job_id))
        except Missing:  # working files are kept for longer than any job may last
            return True
        ends_at = Job.model_validate_json(written).ends_at(self._row.redrive)
        return self._world.clock.now() > ends_at + MARGIN
