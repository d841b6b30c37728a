"""Collect: look how a submission stands, and settle its records with what the lane answered.

The ordinary worker goes over the chunks: what the lane answered goes through the same filters into the same chunk log,
and what it left without an answer is asked on demand, or fails, as the contract says.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from batchwright.asynclane import AsyncLane, Look, Read
from batchwright.chunk import Chunk
from batchwright.collected import Collected, Shelf
from batchwright.errors import NotAnswered
from batchwright.handover import LAST_PART, MORE, book, chunks_of, give_a_sign, hurried, staged_of
from batchwright.job import Job
from batchwright.looked import looks_of
from batchwright.money import spent_billionths
from batchwright.places import job_key
from batchwright.ports import Slots, Submissions
from batchwright.staging import Staged, part_of
from batchwright.steps.invoke import Worker
from batchwright.submission import Submission, SubmissionRow
from batchwright.workplace import Report
from batchwright.workplace import World as WorkerWorld

WAITING: dict[str, Any] = {"state": "waiting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What collecting needs of the world."""

    worker: WorkerWorld
    lane: Callable[[Submission, Job], AsyncLane]
    """Gives a submission's lane."""
    submissions: Submissions
    slots: Slots


@dataclass(slots=True, kw_only=True)
class Seen:
    """What collecting saw, for the log: counts, and no text."""

    status: str | None = None
    """How the lane's job stands, in the service's words."""
    answers: int = 0
    missing: int = 0
    """Records that were handed over and have none."""
    read: Read | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as the log has it."""
        return asdict(self)


async def collect(
    submission: Submission,
    world: World,
    *,
    time_left: Callable[[], float],
    in_flight: int,
) -> tuple[dict[str, Any], list[Report], Seen]:
    """Settle the records of a submission that has ended; return the answer for the workflow, and what was done.

    The answer's ``state`` is ``waiting`` (it has not ended: let the task wait again), ``done``, ``more`` (call again),
    ``paused`` (call again after ``seconds``) or ``stopped``.
    """
    collecting = Collecting(submission, world, time_left=time_left, in_flight=in_flight)
    answer = await collecting.run()
    return answer, collecting.reports, collecting.seen


class Collecting:
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
        self.seen = Seen()
        self._submission = submission
        self._world = world
        self._objects = world.worker.objects
        self._time_left = time_left
        self._in_flight = in_flight
        self._last_part = LAST_PART * time_left()
        self._job = Job.model_validate_json(self._objects.read(job_key(submission.job_id)))
        self._lane = world.lane(submission, self._job)

    async def run(self) -> dict[str, Any]:
        """Come as far as can be."""
        submission = self._submission
        standing = self._world.submissions.get(submission.name)
        state = self._state(standing)
        if state is None and (standing is None or standing.records) and not self._in_haste():
            return (
                WAITING  # it is not handed over yet, or is to stop for a reason that is told there
            )
        if state is not None and not state.ended and (self._stopped() or self._in_haste()):
            self._lane.stop(state.place)
            state = self._lane.look(state.place)
        if state is not None and not state.ended:
            give_a_sign(submission, self._objects, self._world.worker.jobs)
            return _until(state)
        staged = staged_of(submission, self._objects) or Staged()
        shelf = self._shelf(state, staged)
        if shelf is None:
            return MORE
        try:
            self._book(standing, shelf, staged)
            self._world.slots.give(self._lane.resource, submission.name)
            return await self._settle(state, shelf, staged.indexes)
        finally:
            shelf.close()

    def _state(self, standing: SubmissionRow | None) -> Look | None:
        """Return how it stands, ``None`` where nothing was started."""
        if standing is None or not standing.records:
            return None
        place = standing.place
        if place is None and (place := self._lane.find()) is not None:
            self._world.submissions.started(standing.name, place)
        if place is None:
            return None
        state = self._lane.look(place)
        self.seen.status = state.status
        return state

    def _stopped(self) -> bool:
        submission, worker = self._submission, self._world.worker
        reason = worker.jobs.stop_reason(submission.job_id, redrive=submission.redrives)
        return reason is not None or worker.clock.now() >= self._job.ends_at(submission.redrive)

    def _in_haste(self) -> bool:
        clock = self._world.worker.clock
        return not self._stopped() and hurried(self._submission, self._job, self._objects, clock)

    def _shelf(self, state: Look | None, staged: Staged) -> Shelf | None:
        if state is None:
            return Shelf()
        found = self._lane.read(state, staged.indexes, lambda: self._time_left() < self._last_part)
        if found is None:
            return None
        shelf, self.seen.read = found
        self.seen.answers = len(shelf.indexes)
        self.seen.missing = len(staged.indexes - shelf.indexes)
        return shelf

    def _book(self, standing: SubmissionRow | None, shelf: Shelf, staged: Staged) -> None:
        spent = self._spent(standing, shelf, staged) if standing and standing.reserved else 0
        book(self._submission, standing, spent, self._objects, self._world.worker.budgets)

    def _spent(self, standing: SubmissionRow, shelf: Shelf, staged: Staged) -> int:
        """Add up what the answers cost; one that does not tell costs its share of what was set aside.

        Where the service counts more tokens than its answers tell, some that it was asked for got lost on the way.
        """
        model, share = self._submission.model, -(-standing.reserved // standing.records)
        factor = self._lane.factor
        spent = 0
        for index in shelf.indexes:
            usage = self._lane.usage(shelf.get(index) or b"", staged.kind or "")
            cost = None if usage is None else spent_billionths(model, usage, self._lane.price)
            spent += share if cost is None or factor is None else part_of(cost, factor)
        if self.seen.read is not None and self.seen.read.usage is not None and factor is not None:
            counted = spent_billionths(model, self.seen.read.usage) or 0
            spent = max(spent, part_of(counted, factor))
        return min(spent, standing.reserved)

    async def _settle(
        self, state: Look | None, shelf: Shelf, handed: frozenset[int]
    ) -> dict[str, Any]:
        fault = None
        if self._job.terms.missing == "fail" and state is not None:
            message = f"{self._submission.lane} ended without an answer to this record"
            fault = NotAnswered(message, expired=state.expired)
        stopped: dict[str, Any] | None = None
        for chunk, _ in chunks_of(self._submission, self._objects):
            if self._time_left() < self._last_part:
                return MORE
            answer = await self._go_over(
                chunk, lambda: Collected(shelf, self._lane.answer, handed=handed, fault=fault)
            )
            if answer["state"] == "stopped":
                stopped = answer
            elif answer["state"] != "done":
                return answer
        return stopped or {"state": "done"}

    async def _go_over(self, chunk: Chunk, fresh: Callable[[], Collected]) -> dict[str, Any]:
        """Settle one chunk; where the job must stop, with what the lane has answered, and nothing else."""
        collected = fresh()
        answer = await self._work(chunk, collected)
        if answer["state"] == "stopped" and not collected.only:
            answer = await self._work(chunk, fresh())
        return answer

    async def _work(self, chunk: Chunk, collected: Collected) -> dict[str, Any]:
        worker = Worker(
            chunk,
            self._world.worker,
            time_left=self._time_left,
            in_flight=self._in_flight,
            collected=collected,
            looks=looks_of(self._submission, chunk.chunk, self._job.terms, self._objects),
        )
        answer = await worker.run()
        self.reports.append(worker.report)
        return answer


def _until(state: Look) -> dict[str, Any]:
    """Let the task wait until it is woken, or call again after a while where nobody would wake it."""
    return (
        WAITING if state.again_after is None else {"state": "paused", "seconds": state.again_after}
    )
