"""Redrive and cancel: what is done with a job that stands, once for every wish, however often it comes."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from batchwright.errors import Missing, Refused
from batchwright.job import Job, JobRow, Reason, Redrive, Status, timestamp
from batchwright.ledger import Entry
from batchwright.listing import is_joined
from batchwright.message import Cancelling, Redriving
from batchwright.outcome import Ending
from batchwright.places import job_key
from batchwright.ports import (
    Clock,
    Events,
    Jobs,
    Ledger,
    Objects,
    Slots,
    Submissions,
    Tasks,
    Workflows,
)
from batchwright.retention import Kept
from batchwright.run import Run
from batchwright.sleepers import sleeps, wake_all

CANCELLED = Reason(code="cancelled", message="the job was cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What commands need of the world."""

    objects: Objects
    jobs: Jobs
    workflows: Workflows
    events: Events
    ledger: Ledger
    submissions: Submissions
    slots: Slots
    tasks: Tasks
    clock: Clock
    kept: Kept = field(default_factory=Kept)
    """For how long the stack keeps things."""


def redrive(wish: Redriving, world: World) -> bool:
    """Begin a redrive; return whether this wish began it.

    A wish that began it before makes sure that its workflow runs. Raises :class:`Refused` where nothing can be done.
    """
    row = standing_row(world.jobs, wish.job)
    began = row.redrives < wish.number and _begin(row, wish, world)
    row = standing_row(world.jobs, wish.job)
    if row.redrives != wish.number:
        raise Refused("redriven_since", f"redrive {wish.number} of job {wish.job} is not its last")
    if row.redrive is not None and {*wish.only} != {*row.redrive.only}:
        raise Refused(
            "redriven_otherwise",
            f"redrive {wish.number} of job {wish.job} stands, and was wished for with other endings",
        )
    world.ledger.append(_entry(row))
    if not row.status.final:
        world.workflows.start(Run(job_id=wish.job, redrive=wish.number))
    return began


def _begin(row: JobRow, wish: Redriving, world: World) -> bool:
    check_redrive(row, wish.number, world.objects, world.kept, world.clock.now())
    if not world.jobs.reopen(reopened(row, wish, world.clock.now())):
        return False
    detail = {"contract": row.contract, "redrive": wish.number}
    world.events.job_changed(wish.job, Status.RECEIVED, detail)
    return True


def _entry(row: JobRow) -> Entry:
    assert row.redrive is not None  # noqa: S101 - the row was only just held to its number
    facts = {"only": [ending.value for ending in row.redrive.only], "redrive": row.redrive.number}
    return Entry("redrive", row.job_id, timestamp(row.redrive.began_at), facts)


def reopened(row: JobRow, wish: Redriving, now: datetime) -> JobRow:
    """Return the row of a job that has ended as its redrive begins."""
    endings = tuple(ending for ending in Ending if ending.value in wish.only)
    return replace(
        row,
        status=Status.RECEIVED,
        updated_at=timestamp(now),
        # What stands is counted by the plan; what was spent stays spent.
        tally=replace(row.tally, counts=dict.fromkeys(Ending, 0)),
        reason=None,
        results=None,
        lane=None,
        lane_reason=None,
        redrive=Redrive(number=wish.number, only=endings, began_at=now),
    )


def cancel(wish: Cancelling, world: World) -> None:
    """Stop a job: its workers give up within seconds, and it is closed; raises :class:`Refused`.

    One that waits for what it has handed over is woken instead: it stops that, settles what was answered, and closes
    then.
    """
    row = standing_row(world.jobs, wish.job)
    check_cancel(row, wish.redrive)
    world.jobs.stop(wish.job, CANCELLED, redrive=wish.redrive)
    if sleeps(row):
        wake_all(row, world.objects, world.submissions, world.slots, world.tasks)
        return
    world.workflows.start(Run(job_id=wish.job, redrive=wish.redrive, closing=True))


def standing_row(jobs: Jobs, job_id: str) -> JobRow:
    """Return a job's row; raises :class:`Refused`."""
    row = jobs.get(job_id)
    if row is None:
        raise Refused("job_unknown", f"there is no job {job_id!r}")
    return row


def check_redrive(row: JobRow, number: int, objects: Objects, kept: Kept, now: datetime) -> None:
    """Raise :class:`Refused` where a job cannot be redriven, with what to do instead."""
    job = row.job_id
    if not row.status.final:
        raise Refused(
            "job_not_ended",
            f"job {job} is {row.status.value}; wait for its end, or cancel it, and redrive it then",
        )
    if number != row.redrives + 1:
        raise Refused(
            "wrong_number", f"the next redrive of job {job} has number {row.redrives + 1}"
        )
    if not row.chunks:
        raise Refused(
            "nothing_planned", f"job {job} has no record to ask again; submit the file again"
        )
    try:
        joined = is_joined(job, objects)
        admitted = Job.model_validate_json(objects.read(job_key(job)))
    except Missing:
        raise Refused(
            "logs_gone",
            f"the working files of job {job} are deleted by now; run it whole, with submit --again",
        ) from None
    if admitted.created_at + kept.work < now + admitted.terms.lifetime:
        raise Refused(
            "logs_gone",
            f"the working files of job {job} are deleted {kept.work.days} days after it was admitted, before a redrive"
            " must have ended; run it whole, with submit --again",
        )
    if joined:
        raise Refused(
            "joined_document",
            f"job {job} joins the answers to a document's pieces; run it whole, with submit --again",
        )


def check_cancel(row: JobRow, redrive: int) -> None:
    """Raise :class:`Refused` where there is nothing to cancel."""
    if row.redrives != redrive:
        raise Refused("redriven_since", f"run {redrive} of job {row.job_id} is not its last")
    if row.status.final:
        raise Refused("job_ended", f"job {row.job_id} has ended already: {row.status.value}")
