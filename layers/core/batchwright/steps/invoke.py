"""Invoke: one worker asks for the records of one chunk, many at once, and appends their outcomes to the chunk's log."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from batchwright.answers import Answers
from batchwright.asking import Asker
from batchwright.attachments import Attachments
from batchwright.breaker import Breakers
from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.collected import Collected
from batchwright.eachrecord import EachRecord
from batchwright.errors import (
    BudgetExceeded,
    JobStops,
    Unavailable,
    WorkerKilled,
)
from batchwright.gates import Gates
from batchwright.handing import Hand
from batchwright.job import Reason
from batchwright.judging import Judges
from batchwright.limits import read_planned
from batchwright.logwriter import LogWriter
from batchwright.looked import Looks
from batchwright.lookout import Lookout
from batchwright.pace import SHORTEST_REST, LeftForLater, LeftOpen, Pace, abreast
from batchwright.purse import Payer, Purse, Unlimited
from batchwright.reader import ChunkReader, Item
from batchwright.screens import Screens
from batchwright.standing import open_in
from batchwright.suspicion import CONDEMNED, Group, claim_of, groups_of
from batchwright.workplace import Report, World

# A worker takes no new record in the last quarter of its time, at most 90 s, and gives up what is in flight in the
# last tenth, at most 10 s: that is for the last segment.
DRAIN = (0.25, 90.0)
SURRENDER = (0.1, 10.0)
# When the job stops, calls in flight have so many seconds to end. Only where money ends they have all the time there
# is: what they answer is paid for.
GRACE = 10.0
# A chunk that only ever rests makes nine events a round in its execution's history, which ends at 25,000
# (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
MOST_RESTS = 1_500


async def invoke(
    chunk: Chunk,
    world: World,
    *,
    time_left: Callable[[], float],
    in_flight: int,
    rested: float = 0.0,
) -> tuple[dict[str, Any], Report]:
    """Work on a chunk until it is settled or the time is up; return the answer for the workflow, and a report.

    ``time_left`` is in seconds, until the worker is killed, as is ``rested``: for how long the workflow waited before.
    The answer's ``state`` is ``done``, ``more`` (call again), ``paused`` (call again after ``seconds``) or ``stopped``
    (nobody should call again; ``reason`` says why).
    """
    worker = Worker(chunk, world, time_left=time_left, in_flight=in_flight, rested=rested)
    answer = await worker.run()
    return answer, worker.report


class Worker:
    """One worker on one chunk."""

    def __init__(  # noqa: PLR0913 - a chunk, and what there is to know before it is begun
        self,
        chunk: Chunk,
        world: World,
        *,
        time_left: Callable[[], float],
        in_flight: int,
        rested: float = SHORTEST_REST,
        hand: Hand | None = None,
        collected: Collected | None = None,
        looks: Looks | None = None,
    ) -> None:
        """Nothing is read or asked before :meth:`run`.

        With a ``hand`` nobody is asked: it takes what would be, and the record is left open. What a lane has
        ``collected`` is looked into before anybody is asked; where the job must stop, that is still settled.
        What ``looks`` keep of requests is not looked at again. Where it is not known for how long the workflow
        ``rested``, the worker leaves for long where there is no room: rounds are counted, too.
        """
        self.report = Report()
        self._hand = hand
        self._collected = collected
        self._looks = looks
        self._left_open: set[int] = set()
        self._chunk = chunk
        self._world = world
        self._in_flight = in_flight
        self._time_left = time_left
        self._rested = rested
        whole = time_left()
        self._drain = min(DRAIN[0] * whole, DRAIN[1])
        self._surrender = min(SURRENDER[0] * whole, SURRENDER[1])
        self._name = world.new_id()
        self._log = ChunkLog(
            world.objects,
            chunk.job_id,
            chunk.chunk,
            writer=self._name,
            redrive=chunk.redrives,
        )
        self._pace = Pace(now=world.seconds, chance=world.chance, answered_at=world.seconds())
        self._writer = LogWriter(self._log, self._pace, flushed=self._flushed, time_left=time_left)
        self._to_come = 0
        self._claimed = False
        self._limit: asyncio.Timeout | None = None

    async def run(self) -> dict[str, Any]:
        """Settle what is open of the chunk; raises :class:`Unavailable` where it cannot be told why the job stops."""
        began = self._world.seconds()
        stopped = await asyncio.to_thread(self._stopped_before)
        if stopped is not None and self._alone:
            return _stopped(stopped)  # of a long job there may be thousands that have not begun
        await asyncio.to_thread(self._open, stopped)
        self._payer = self._purse()
        gates = Gates(
            self._world.schedules,
            self._pace,
            job=self._chunk.job_id,
            priority=self._contract.priority,
            limit=lambda route: self._limits.of(route.model, self._contract),
            time=self._world.time,
            contract=self._handed_on,
            to_come=lambda: self._to_come,
            rested=self._rested,
        )
        self._asker = Asker(
            self._world.engine,
            self._pace,
            self._payer,
            gates,
            self._breakers(),
            self._contract,
            time_left=self._time_for_a_call,
            collected=self._collected,
        )
        self._judges = Judges(self._asker.unresting(), self._contract, self._job)
        means = replace(self._world.means, job_id=self._job.job_id, chance=self._world.chance)
        self._answers = Answers(self._world.objects, self._world.clock, self._contract.cache)
        self._records = EachRecord(
            self._job,
            self._contract,
            self._reader.dialect,
            asker=self._asker,
            screens=Screens(self._contract, means, self._judges, self._looks),
            answers=self._answers,
            attachments=Attachments(self._world.objects, self._pace),
            quarantine=self._world.objects,
            hand=self._hand,
            pace=self._pace,
            clock=self._world.clock,
            report=self.report,
            efforts=self._log.efforts,
        )
        if (self._lookout.reason is None or self._only_collects) and self._open_records:
            await self._work_in_groups()
        self.report.tally = self._log.own
        self.report.cache_faults = self._answers.faults
        self.report.seconds = self._world.seconds() - began
        await asyncio.to_thread(self._lookout.tell)
        return self._answer()

    def _stopped_before(self) -> Reason | None:
        chunk = self._chunk
        return self._world.jobs.stop_reason(chunk.job_id, redrive=chunk.redrives)

    @property
    def _alone(self) -> bool:
        """Whether nothing was handed over, or is to be: then a stop leaves nothing to do."""
        return self._hand is None and self._collected is None

    def _open(self, stopped: Reason | None) -> None:
        world, chunk = self._world, self._chunk
        self._job, self._limits = read_planned(chunk.job_id, world.objects)
        self._reader = ChunkReader(world.objects, self._job, chunk)
        self._contract = self._reader.contract
        self._wanted = self._whole = open_in(world.objects, chunk)
        self._lookout = Lookout(
            world.jobs,
            self._job,
            chunk,
            self._log,
            clock=world.clock,
            seconds=world.seconds,
            stopped=stopped,
        )
        self._lookout.keep_time()
        self._open_log()
        if self._hand is not None:
            self._left_open |= self._hand.indexes
        if self._collected is not None and self._lookout.reason is not None:
            self._collected.only = True
            self._wanted &= self._collected.indexes
        rest = self._contract.lifetime.total_seconds() / MOST_RESTS
        self._pace.shortest_rest = max(SHORTEST_REST, rest)

    def _open_log(self) -> None:
        """Claim the whole chunk if nobody has begun it, else read what stands."""
        if self._alone and self._lookout.reason is None and self._wanted and self._working_time > 0:
            self._claimed = self._log.begin(claim_of(self._wanted))
        else:
            self._log.catch_up()
        self._dead = self._log.unended

    @property
    def _working_time(self) -> float:
        return self._time_left() - self._drain

    def _purse(self) -> Payer:
        budget, world = self._contract.budget, self._world
        if budget is None:
            return Unlimited()
        limit, job_id = budget.billionths, self._chunk.job_id
        return Purse(world.budgets, job_id, limit, self._pace, new_token=world.new_id)

    def _breakers(self) -> Breakers:
        return Breakers(
            circuits=self._world.circuits,
            holder=self._name,
            now=self._pace.now,
            time=self._world.time,
            chance=self._pace.chance,
        )

    @property
    def _handed_on(self) -> str | None:
        """The digest under which jobs hand on what they learn; what runs without a contract has nothing in common."""
        return None if self._contract.built_in else self._job.contract_digest

    @property
    def _open_records(self) -> frozenset[int]:
        return self._wanted - self._log.settled - self._left_open

    @property
    def _all_settled(self) -> bool:
        return self._log.settled >= self._whole

    @property
    def _only_collects(self) -> bool:
        return self._collected is not None and self._collected.only

    async def _work_in_groups(self) -> None:
        working = self._working_time
        if working <= 0 and not self._claimed:
            return
        drained = asyncio.get_running_loop().call_later(working, self._pace.stop)
        self._writer.to_come = len(self._open_records)
        writing = asyncio.create_task(self._writer.keep_writing())
        writing.add_done_callback(lambda _: self._pace.stop())
        try:
            for group in groups_of(self._open_records, self._dead):
                if not self._pace.stopping.is_set():
                    if not self._claimed:
                        await self._writer.write(claim=group.claim)
                    await self._work_on(group)
        finally:
            drained.cancel()
            self._writer.finish()
            await writing
        await self._leave()

    async def _work_on(self, group: Group) -> None:
        if group.deaths:
            self._give_up(group)
            return
        wanted = group.indexes - self._log.settled
        items = self._reader.items(wanted)
        self._to_come = len(wanted)
        self._limit = asyncio.timeout(max(self._time_left() - self._surrender, 0))
        try:
            async with self._limit, asyncio.TaskGroup() as tasks:
                for _ in range(min(self._in_flight, len(group.indexes))):
                    tasks.create_task(self._work(items))
                    await asyncio.sleep(0)  # what was begun is sent before the next begins
        except TimeoutError:
            pass  # what was in flight is asked again by the next worker; its calls are counted
        finally:
            self._limit = None

    def _give_up(self, group: Group) -> None:
        """Settle a record that kills its workers; if another died at this, it is not even read any more."""
        read = self._reader.items if group.deaths <= CONDEMNED else self._reader.unread
        message = f"{group.deaths} workers died while they worked on this record and no other"
        reason = Reason(code=WorkerKilled.code, message=message)
        for item in read(group.indexes):
            self._writer.add(self._records.given_up(item, reason))

    async def _leave(self) -> None:
        """Write what is left to write, and tell that the worker left of its own will."""
        await self._writer.write(efforts=self._records.spent(), left=True)
        await self._payer.close()
        await self._asker.close()
        await self._judges.close()
        await self._answers.close()
        with suppress(Unavailable):
            await asyncio.to_thread(self._lookout.report)

    async def _flushed(self) -> None:
        await self._payer.book()
        with suppress(Unavailable):  # the log is what counts; the table is looked at again soon
            await asyncio.to_thread(self._lookout.look_again, to_come=self._to_come)
        if self._lookout.reason is not None and not self._only_collects:
            self._halt(self._lookout.reason)
        if self._log.overtaken:  # side by side with its successor it would pay for everything twice
            self._pace.stop()

    def _halt(self, reason: Reason) -> None:
        """Take no new record, and give up soon what is in flight."""
        self._pace.stop()
        if self._limit and not self._limit.expired() and reason.code != BudgetExceeded.code:
            soon = asyncio.get_running_loop().time() + GRACE
            self._limit.reschedule(min(self._limit.when() or soon, soon))

    async def _work(self, items: Iterator[Item]) -> None:
        for item in items:
            self._to_come -= 1
            if self._pace.stopping.is_set():
                return
            if item.index in self._log.settled:  # another worker was faster: this one is late
                continue
            try:
                settled = await self._records.settled(item)
            except LeftOpen:
                self._left_open.add(item.index)
            except LeftForLater:
                return
            except JobStops as fault:
                await self._stop(fault)
                if not self._only_collects:
                    return
                self._left_open.add(item.index)
            except Exception as fault:  # noqa: BLE001 - whatever is odd about one record, the others go on
                self._writer.add(self._records.unforeseen(item, fault))
            else:
                self._writer.add(settled)
            await abreast()

    async def _stop(self, fault: JobStops) -> None:
        if self._lookout.reason is None:
            # At once, and not in the thread: many calls may be refused at the same moment.
            reason = self._lookout.reason = Reason(code=fault.code, message=str(fault))
            self._halt(reason)
            with suppress(Unavailable):  # told again before the worker leaves
                await asyncio.to_thread(self._lookout.tell)

    def _answer(self) -> dict[str, Any]:
        reason = self._lookout.reason
        if not self._open_records:
            left = self._only_collects and not self._all_settled
            return _stopped(reason) if reason and left else {"state": "done"}
        if reason is not None and not self._only_collects:
            return _stopped(reason)
        if self._pace.rest is not None:
            # Whatever a service wishes: at the deadline somebody must be there to say so.
            seconds = min(self._pace.rest, self._lookout.time_left)
            return {"state": "paused", "seconds": max(1, round(seconds))}
        return {"state": "more"}

    def _time_for_a_call(self) -> float:
        return max(self._time_left() - self._surrender, 0.001)


def _stopped(reason: Reason) -> dict[str, Any]:
    return {"state": "stopped", "reason": reason.code}
