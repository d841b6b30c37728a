"""Submit: hand a run of chunks over to an asynchronous lane, and let the execution sleep until something comes of it.

What needs no model is settled on the way, by the ordinary worker: bad lines, what the filters block, what the exact
cache holds. Called again, whatever became of the call before, it finds what stands.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from batchwright.asynclane import AsyncLane
from batchwright.chunk import Chunk
from batchwright.errors import JobStops, RecordInvalid, Throttled, UploadGone
from batchwright.handover import (
    LAST_PART,
    MORE,
    book,
    chunks_of,
    give_a_sign,
    hurried,
    staged_key,
    staged_of,
)
from batchwright.job import Job, Reason, reason_of
from batchwright.looked import looks_of
from batchwright.places import job_key
from batchwright.ports import Slots, Submissions, Tasks, Upload
from batchwright.sleepers import wake_all
from batchwright.staging import Stage, Staged
from batchwright.steps.invoke import MOST_RESTS, Worker
from batchwright.submission import Submission, SubmissionRow
from batchwright.workplace import Report
from batchwright.workplace import World as WorkerWorld

# Whoever finds no place, or no money, looks again after so many seconds: half of that at least, by chance.
PATIENCE = 300.0
# So long a job waits for money that others of its submissions hold; then it asks on demand, a call at a time.
LONGEST_WAIT_FOR_MONEY = 3_600.0
# A place is held for so long after the last look; every look takes it anew.
HELD = timedelta(hours=2)
ENDED: dict[str, Any] = {"state": "ended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What handing over needs of the world."""

    worker: WorkerWorld
    lane: Callable[[Submission, Job], AsyncLane]
    """Gives a submission's lane."""
    submissions: Submissions
    slots: Slots
    tasks: Tasks


async def submit(
    submission: Submission,
    token: str | None,
    world: World,
    *,
    time_left: Callable[[], float],
    in_flight: int,
    failure: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any] | None, list[Report]]:
    """Hand a submission over, or see that it was; give the task its answer if there is one already.

    Returns that answer, ``None`` where the task is to wait, and what the workers did. Its ``state`` is ``ended`` (go
    and collect), ``paused`` (call again after ``seconds``), ``more`` (call again), or ``stopped``. With a ``failure``,
    ``Error`` and ``Cause`` of a step that the workflow gave up, it is given up itself; nobody waits then.
    """
    if failure is not None:
        return _given_up(submission, failure, world), []
    assert token is not None, "the workflow waits for what it hands over"  # noqa: S101 - its definition says so
    handing = Handing(submission, world, time_left=time_left, in_flight=in_flight)
    answer = await handing.run(token)
    if answer is not None:
        await asyncio.to_thread(world.tasks.succeed, token, answer)
    return answer, handing.reports


def _given_up(submission: Submission, failure: Mapping[str, Any], world: World) -> dict[str, Any]:
    """Stop the job, and have its other submissions settle what they have; return the answer."""
    worker, reason = world.worker, reason_of(failure)
    worker.jobs.stop(submission.job_id, reason, redrive=submission.redrives)
    row = worker.jobs.get(submission.job_id)
    if row is not None and row.redrives == submission.redrives:
        wake_all(row, worker.objects, world.submissions, world.slots, world.tasks)
    return {"state": "stopped", "reason": reason.code}


class Handing:
    """One call for one submission."""

    def __init__(
        self,
        submission: Submission,
        world: World,
        *,
        time_left: Callable[[], float],
        in_flight: int,
    ) -> None:
        """Read the job, and nothing else before :meth:`run`."""
        self.reports: list[Report] = []
        self._submission = submission
        self._world = world
        self._objects = world.worker.objects
        self._time_left = time_left
        self._in_flight = in_flight
        self._last_part = LAST_PART * time_left()
        self._job = Job.model_validate_json(self._objects.read(job_key(submission.job_id)))
        self._lane = world.lane(submission, self._job)

    async def run(self, token: str) -> dict[str, Any] | None:
        """Come as far as can be; return the answer, ``None`` where the task is to wait."""
        submission, submissions = self._submission, self._world.submissions
        standing = submissions.get(submission.name)
        if standing is not None and self._is_started(standing):
            return self._wait(token)
        reason = self._stop_reason()
        if reason or hurried(submission, self._job, self._objects, self._world.worker.clock):
            return self._leave(standing, reason)
        if standing is None:
            answer = await self._stage()
            if answer is not None:
                return answer
            standing = submissions.add(self._begun())
        if not standing.records:
            return ENDED
        return self._start(standing) or self._wait(token)

    def _is_started(self, standing: SubmissionRow) -> bool:
        """Whether it is under way, also where an earlier call died before it could note the reply."""
        if standing.place is None and standing.records and (place := self._lane.find()) is not None:
            self._world.submissions.started(standing.name, place)
            return True
        return standing.place is not None

    def _leave(self, standing: SubmissionRow | None, reason: Reason | None) -> dict[str, Any]:
        """Hand nothing over any more: what a part of it has answered is collected, and the rest asked on demand."""
        if standing is not None and (place := self._lane.begun()) is not None:
            self._world.submissions.started(standing.name, place)
        elif reason is not None:
            self._give_back(standing)
            return {"state": "stopped", "reason": reason.code}
        return ENDED

    def _wait(self, token: str) -> dict[str, Any] | None:
        """Let the task wait, unless it is over already, or somebody is to stop it."""
        standing = self._world.submissions.register(self._submission.name, token)
        self._take_place()
        stopped = self._stop_reason() is not None
        if standing.place is None or not (standing.ended or stopped):
            return None
        look = self._lane.look(standing.place)
        woken = look.stopping and look.again_after is None
        return ENDED if look.ended or (stopped and not woken) else None

    async def _stage(self) -> dict[str, Any] | None:
        """Stage what is open; return the answer where that does not come to its end."""
        staged = staged_of(self._submission, self._objects)
        if staged is None or not staged.whole:
            try:
                return await self._staged(staged or Staged())
            except UploadGone:  # a run finished the file and died before it could say so
                return await self._staged(Staged())
        return self._reserve(staged)

    async def _staged(self, staged: Staged) -> dict[str, Any] | None:
        upload = self._upload(staged)
        submission, priced = self._submission, self._job.terms.budget is not None
        stage = Stage(submission.model, self._lane, staged, priced=priced)
        try:
            for chunk, end in chunks_of(submission, self._objects, place=staged.place):
                if self._time_left() < self._last_part:
                    return self._pause(stage, upload, MORE)
                answer = await self._take(chunk, stage)
                for block in stage.blocks():
                    await asyncio.to_thread(upload.write, block)
                if answer["state"] != "done":
                    return self._pause(stage, upload, answer)
                staged.place = end
            self._finish(stage, upload)
        finally:
            stage.close()
        return self._reserve(staged)

    async def _take(self, chunk: Chunk, stage: Stage) -> dict[str, Any]:
        looks = looks_of(self._submission, chunk.chunk, self._job.terms, self._objects)
        worker = Worker(
            chunk,
            self._world.worker,
            time_left=self._time_left,
            in_flight=self._in_flight,
            hand=stage,
            looks=looks,
        )
        answer = await worker.run()
        self.reports.append(worker.report)
        if looks is not None:
            looks.keep()
        return answer

    def _upload(self, staged: Staged) -> Upload:
        key = self._lane.input_key
        return (
            self._objects.resume(key, staged.upload) if staged.upload else self._objects.begin(key)
        )

    def _pause(self, stage: Stage, upload: Upload, answer: dict[str, Any]) -> dict[str, Any]:
        stage.note()
        stage.staged.upload = upload.pause()
        self._keep(stage.staged)
        return answer

    def _finish(self, stage: Stage, upload: Upload) -> None:
        staged = stage.staged
        if stage.too_few:
            upload.abort()
            stage.indexes.clear()
            staged.most = 0
        else:
            upload.finish()
        stage.note()
        staged.upload, staged.whole = None, True
        self._keep(staged)

    def _keep(self, staged: Staged) -> None:
        self._objects.write(staged_key(self._submission), msgspec.json.encode(staged))

    def _reserve(self, staged: Staged) -> dict[str, Any] | None:
        """Set aside what the batch costs at most.

        Where other submissions hold the money it is waited for; where there is not so much, nothing is handed over, and
        collecting asks on demand, for as long as the money lasts.
        """
        budget, worker = self._job.terms.budget, self._world.worker
        if budget is None or not staged.runs:
            return None
        job_id, limit = self._submission.job_id, budget.billionths
        held = worker.budgets.hold(job_id, staged.most, limit=limit, name=self._submission.name)
        if held is not None:
            if held != staged.most:  # a run that died had staged it otherwise
                staged.most = held
                self._keep(staged)
            return None
        now, money = worker.time(), worker.budgets.money(job_id)
        staged.refused_at = staged.refused_at or now
        waited = now - staged.refused_at
        hopeless = money.spent + staged.most > limit or not money.reserved
        if hopeless or waited > LONGEST_WAIT_FOR_MONEY:
            staged.runs, staged.most = (), 0
        self._keep(staged)
        return self._paused() if staged.runs else None

    def _begun(self) -> SubmissionRow:
        staged = staged_of(self._submission, self._objects)
        assert staged is not None  # noqa: S101 - it was staged just now
        records = len(staged.indexes)
        return SubmissionRow(name=self._submission.name, records=records, reserved=staged.most)

    def _start(self, standing: SubmissionRow) -> dict[str, Any] | None:
        """Start what is staged, if there is a place for it; return the answer where it does not start."""
        if not self._take_place():
            return self._paused()
        staged = staged_of(self._submission, self._objects)
        assert staged is not None  # noqa: S101 - its row is written after it
        try:
            place = self._lane.start(
                staged, now=self._world.worker.clock.now(), ends_at=self._ends_at
            )
        except Throttled as fault:
            self._leave_place()
            return self._paused(fault.retry_after or 0)
        except (JobStops, RecordInvalid) as fault:
            return self._refused(standing, fault)
        self._world.submissions.started(self._submission.name, place)
        return None

    def _refused(self, standing: SubmissionRow, fault: JobStops | RecordInvalid) -> dict[str, Any]:
        """Stop the job: no batch of it would fare better."""
        code = fault.code if isinstance(fault, JobStops) else "batch_refused"
        reason = Reason(code=code, message=str(fault))
        submission = self._submission
        self._world.worker.jobs.stop(submission.job_id, reason, redrive=submission.redrives)
        self._give_back(standing)
        return {"state": "stopped", "reason": reason.code}

    def _stop_reason(self) -> Reason | None:
        submission, jobs = self._submission, self._world.worker.jobs
        reason = jobs.stop_reason(submission.job_id, redrive=submission.redrives)
        if reason is None and self._world.worker.clock.now() >= self._ends_at:
            reason = Reason(code="deadline", message="the job's deadline has passed")
            jobs.stop(submission.job_id, reason, redrive=submission.redrives)
        return reason

    @property
    def _ends_at(self) -> datetime:
        return self._job.ends_at(self._submission.redrive)

    def _give_back(self, standing: SubmissionRow | None) -> None:
        """Give back place and money of what was never started."""
        self._leave_place()
        book(self._submission, standing, 0, self._objects, self._world.worker.budgets)

    def _take_place(self) -> bool:
        until = self._world.worker.time() + HELD.total_seconds()
        return self._world.slots.take(
            self._lane.resource,
            self._submission.name,
            limit=self._lane.places,
            until=until,
        )

    def _leave_place(self) -> None:
        self._world.slots.give(self._lane.resource, self._submission.name)

    def _paused(self, seconds: float = 0.0) -> dict[str, Any]:
        give_a_sign(self._submission, self._objects, self._world.worker.jobs)
        rest = PATIENCE * (0.5 + self._world.worker.chance() / 2)
        shortest = self._job.terms.lifetime.total_seconds() / MOST_RESTS
        return {"state": "paused", "seconds": round(max(seconds, rest, shortest))}
