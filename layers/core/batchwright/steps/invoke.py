"""Invoke: one worker asks for the records of one chunk, many at once, and appends their outcomes to the chunk's log."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from batchwright.asking import Asker, LeftForLater, Pace
from batchwright.attachments import Attachments
from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.contract import Route
from batchwright.digest import digest_of_request, idempotency_key
from batchwright.errors import AskAgain, JobStops, RecordEnds
from batchwright.job import Job, Reason
from batchwright.outcome import Tally
from batchwright.places import job_key
from batchwright.ports import Clock, Engine, Jobs, Objects
from batchwright.reader import ChunkReader, Item
from batchwright.request import Request
from batchwright.segment import Effort, Settled
from batchwright.settling import Asked, Settler

# At the going price of a call and of a PUT, and one worker lost in a day, about the cheapest interval (design §2).
FLUSH_OUTCOMES = 200
FLUSH_SECONDS = 5.0
# Progress is for people who watch: segments that fill up faster than this are not reported one by one.
REPORT_SECONDS = 5.0
# A worker takes no new record in the last quarter of its time, at most 90 s, and gives up what is in flight in the
# last tenth, at most 10 s: that is for the last segment.
DRAIN = (0.25, 90.0)
SURRENDER = (0.1, 10.0)
DEADLINE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a worker needs of the world."""

    objects: Objects
    jobs: Jobs
    engine: Engine
    clock: Clock
    seconds: Callable[[], float]
    """A clock that never jumps."""
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    new_id: Callable[[], str]
    """An id that nobody else has."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What one worker did, for the metrics: never whose records, never what they say."""

    tally: Tally = field(default_factory=Tally)
    latencies_ms: list[int] = field(default_factory=list)
    seconds: float = 0.0


async def invoke(
    chunk: Chunk, world: World, *, time_left: Callable[[], float], in_flight: int
) -> tuple[dict[str, Any], Report]:
    """Work on a chunk until it is settled or the time is up; return the answer for the workflow, and a report.

    ``time_left`` is in seconds, until the worker is killed. The answer's ``state`` is ``done``, ``more`` (call again),
    ``paused`` (call again after ``seconds``) or ``stopped`` (nobody should call again; ``reason`` says why).
    """
    worker = Worker(chunk, world, time_left=time_left, in_flight=in_flight)
    answer = await worker.run()
    return answer, worker.report


class Worker:
    """One worker on one chunk."""

    def __init__(
        self, chunk: Chunk, world: World, *, time_left: Callable[[], float], in_flight: int
    ) -> None:
        """Nothing is read or asked before :meth:`run`."""
        self.report = Report()
        self._chunk = chunk
        self._world = world
        self._in_flight = in_flight
        self._time_left = time_left
        whole = time_left()
        self._drain = min(DRAIN[0] * whole, DRAIN[1])
        self._surrender = min(SURRENDER[0] * whole, SURRENDER[1])
        self._log = ChunkLog(world.objects, chunk.job_id, chunk.chunk, writer=world.new_id())
        self._pace = Pace(now=world.seconds, chance=world.chance, answered_at=world.seconds())
        self._asker = Asker(world.engine, self._pace, self._time_for_a_call)
        self._attachments = Attachments(world.objects, self._pace)
        self._asking: dict[int, Asked] = {}
        self._unwritten: list[Settled] = []
        self._full = asyncio.Event()
        self._finished = False
        self._reported_at = world.seconds()

    async def run(self) -> dict[str, Any]:
        """Settle what is open of the chunk."""
        began = self._world.seconds()
        await asyncio.to_thread(self._open)
        if self._stop_reason is None and not self._settled:
            await self._ask_all()
        self.report.seconds = self._world.seconds() - began
        return self._answer()

    def _open(self) -> None:
        world, chunk = self._world, self._chunk
        self._job = Job.model_validate_json(world.objects.read(job_key(chunk.job_id)))
        self._reader = ChunkReader(world.objects, self._job, chunk)
        self._settler = Settler(self._job, self._reader.dialect)
        self._log.catch_up()
        self._stop_reason = world.jobs.stop_reason(chunk.job_id) or self._too_late()

    def _too_late(self) -> Reason | None:
        if self._world.clock.now() < self._job.created_at + DEADLINE:
            return None
        reason = Reason(code="deadline", message="the job's deadline of 24 hours has passed")
        self._world.jobs.stop(self._chunk.job_id, reason)
        return reason

    @property
    def _settled(self) -> bool:
        return self._log.settled.issuperset(self._chunk.indexes)

    async def _ask_all(self) -> None:
        items = self._open_items()
        working = self._time_left() - self._drain
        if working <= 0:
            return
        drained = asyncio.get_running_loop().call_later(working, self._pace.stopping.set)
        writer = asyncio.create_task(self._keep_writing())
        writer.add_done_callback(lambda _: self._pace.stopping.set())
        try:
            async with (
                asyncio.timeout(max(self._time_left() - self._surrender, 0)),
                asyncio.TaskGroup() as group,
            ):
                for _ in range(min(self._in_flight, self._chunk.records)):
                    group.create_task(self._work(items))
        except TimeoutError:
            pass  # what was in flight is asked again by the next worker; its calls are counted
        finally:
            drained.cancel()
            self._finished = True
            self._full.set()
            await writer

    def _open_items(self) -> Iterator[Item]:
        return (item for item in self._reader.items() if item.index not in self._log.settled)

    async def _work(self, items: Iterator[Item]) -> None:
        for item in items:
            if self._pace.stopping.is_set():
                return
            try:
                settled = await self._settle(item)
            except LeftForLater:
                return
            except Exception as fault:  # noqa: BLE001 - whatever is odd about one record, the others go on
                settled = self._settler.unforeseen(item, fault, self._now())
            self._asking.pop(item.index, None)  # a line at fault was never asked
            self._unwritten.append(settled)
            if len(self._unwritten) >= FLUSH_OUTCOMES:
                self._full.set()

    async def _settle(self, item: Item) -> Settled:
        if item.record is None or item.problem is not None:
            return self._settler.at_fault(item, self._now())
        # The plan went through the same contract: what cannot be prepared is a problem already.
        request = self._reader.dialect.request(item.record)
        route, request = self._reader.contract.prepared(item.record, request, self._job.models)
        asked = self._to_ask(item, route, request)
        self._asking[item.index] = asked
        try:
            async with self._attachments.fetched(item.record, request) as fetched:
                if item.record.attachments:
                    asked = self._asking[item.index] = self._to_ask(item, route, fetched.told)
                await self._asker.ask(fetched.request, route, asked, self._job.job_id)
        except (RecordEnds, AskAgain) as fault:
            settled = self._settler.ended(item, asked, fault, self._now())
        except JobStops as fault:
            await self._stop(fault)
            raise LeftForLater from None
        else:
            settled = self._settler.succeeded(item, asked, self._now())
        if asked.completion:
            self.report.latencies_ms.append(asked.completion.latency_ms)
        return settled

    def _to_ask(self, item: Item, route: Route, request: Request) -> Asked:
        contract = self._job.contract_digest or ""
        request_digest = digest_of_request(
            route.model, request.body, contract, family=request.family
        )
        asked = Asked(
            model=route.model,
            request_digest=request_digest,
            key=idempotency_key(self._job.job_id, item.index, request_digest),
        )
        if effort := self._log.efforts.get(item.index):
            asked.go_on_from(effort)
        return asked

    async def _stop(self, fault: JobStops) -> None:
        self._pace.stopping.set()
        if self._stop_reason is None:
            self._stop_reason = Reason(code=fault.code, message=str(fault))
            await asyncio.to_thread(self._world.jobs.stop, self._chunk.job_id, self._stop_reason)

    async def _keep_writing(self) -> None:
        """Append segments as they fall due, and the last one when the asking has ended; nobody else appends."""
        last = False
        while not last:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), FLUSH_SECONDS)
            self._full.clear()
            # Taken here and not in the thread, where an outcome could slip in between.
            last = self._finished
            settled, self._unwritten = self._unwritten, []
            efforts = self._left_open() if last else {}
            await asyncio.to_thread(
                self._write, settled, self._pace.take_calls(), efforts, last=last
            )
            if self._stop_reason is not None:
                self._pace.stopping.set()

    def _left_open(self) -> dict[int, Effort]:
        return {index: asked.effort() for index, asked in self._asking.items() if asked.calls}

    def _write(
        self,
        settled: list[Settled],
        made: tuple[int, int],
        efforts: dict[int, Effort],
        *,
        last: bool,
    ) -> None:
        calls, ambiguous = made
        if settled or calls or efforts:
            written = self._log.append(
                settled, calls=calls, ambiguous_calls=ambiguous, efforts=efforts
            )
            for outcome, _ in written:
                self.report.tally.add(outcome)
            self.report.tally.calls += calls
            self.report.tally.ambiguous_calls += ambiguous
        now = self._world.seconds()
        if last or now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            jobs, job_id = self._world.jobs, self._chunk.job_id
            jobs.report_chunk(job_id, self._chunk.chunk, self._log.segments, self._log.tally)
            self._stop_reason = self._stop_reason or (None if last else jobs.stop_reason(job_id))

    def _answer(self) -> dict[str, Any]:
        if self._settled:
            return {"state": "done"}
        if self._stop_reason is not None:
            return {"state": "stopped", "reason": self._stop_reason.code}
        if self._pace.rest is not None:
            return {"state": "paused", "seconds": max(1, round(self._pace.rest))}
        return {"state": "more"}

    def _time_for_a_call(self) -> float:
        return max(self._time_left() - self._surrender, 0.001)

    def _now(self) -> datetime:
        return self._world.clock.now()
