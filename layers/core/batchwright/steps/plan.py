"""Plan: have the input checked and cut into chunks, before anything is spent, and choose the lane and the crew."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from batchwright.contract import Contract
from batchwright.crew import crew
from batchwright.errors import Missing
from batchwright.firstplan import FirstPlan
from batchwright.job import Job, JobRow, Status, timestamp
from batchwright.lane import ASYNCHRONOUS, BEDROCK_BATCH, ON_DEMAND
from batchwright.lanefile import asked_again, keep_lane, plan_lane
from batchwright.limits import Limits, plan_limits, read_limits
from batchwright.listing import is_joined, joins
from batchwright.obstacles import Why, Workload, words_of_batch
from batchwright.outcome import add_costs
from batchwright.places import job_key, plan_key, submissions_key
from batchwright.ports import Account, Clock, Events, Jobs, Objects
from batchwright.redriving import Redriving
from batchwright.sleepers import sleeps
from batchwright.submissions import list_submissions
from batchwright.totals import Total, with_judges

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


type Planned = tuple[dict[str, Any] | None, JobRow, Limits | None]
"""The answer where a run does not come to a plan; the job's row; and what is known of the limits where it does."""


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
        answer, row, limits = (_redriven if redrive else first)(job, row, world, late)
        if answer is not None:
            return answer
    # Where an execution died whose submissions may be under way, each must be looked at, and what it answered settled.
    may_sleep = taken_up and sleeps(row)
    if not may_sleep and world.jobs.stop_reason(job_id, redrive=redrive) is not None:
        return {"state": "stopped"}
    # A job has a chunk at least; a redrive may find nothing to ask again.
    if redrive and not world.objects.pin(plan_key(job_id, redrive)).size:
        return {"state": "settled"}
    joined = not redrive and joins(job) and is_joined(job_id, world.objects)
    if row.lane in ASYNCHRONOUS:
        lane, key, workers = row.lane, submissions_key(job_id, redrive), max_concurrency
        if row.lane == BEDROCK_BATCH:
            workers = max(workers, batch_jobs)
    else:
        lane, key = ON_DEMAND, plan_key(job_id, redrive)
        limits = limits or read_limits(job_id, world.objects)
        workers = crew(limits, job.terms, in_flight=in_flight, most=max_concurrency)
    return {
        "state": "done",
        "lane": lane,
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
    run = FirstPlan(job, world.objects, chunk_records, late=late, begun=begun)
    if not run.go_on():
        return {"state": "more"}, row, None
    progress = run.progress
    row = replace(row, updated_at=timestamp(world.clock.now()), problems=progress.found)
    if run.refusal is not None:
        world.jobs.change(replace(row, status=Status.CLOSING, reason=run.refusal))
        return {"state": "refused", "reason": run.refusal.code}, row, None
    totals = with_judges(progress.totals, job.terms.filters)
    limits = plan_limits(job, totals, world.objects, None if late() else world.account)
    asked = Workload(totals=progress.totals, needs=progress.needs)
    running = replace(
        _laned(job, row, asked, limits, world),
        status=Status.RUNNING,
        total=progress.records,
        chunks=progress.cut.chunks,
        estimate=estimate_of(progress.totals, job.terms),
    )
    return _begun(running, world), running, limits


def _redriven(job: Job, row: JobRow, world: World, late: Callable[[], bool]) -> Planned:
    """List the chunks in which a redrive asks."""
    assert row.redrive is not None  # noqa: S101 - the row's number is that of a redrive
    redriving = Redriving(row.job_id, row.redrive, world.objects)
    if not redriving.go_on(lambda: not late()):
        return {"state": "more"}, row, None
    # They may be others than when the job was planned.
    totals = read_limits(row.job_id, world.objects).totals
    limits = plan_limits(job, totals, world.objects, None if late() else world.account)
    asked = asked_again(row.job_id, row.total - redriving.tally.settled, world.objects)
    row = _laned(job, row, asked, limits, world)
    now = timestamp(world.clock.now())
    running = replace(row, status=Status.RUNNING, updated_at=now, tally=redriving.tally)
    return _begun(running, world), running, limits


def _laned(job: Job, row: JobRow, asked: Workload, limits: Limits, world: World) -> JobRow:
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
        batched = choice.lane == BEDROCK_BATCH
        if not list_submissions(
            job,
            world.objects,
            lane=choice.lane,
            model=model,
            family=words_of_batch(model, asked.needs) if batched else None,
            redrive=row.redrive,
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
