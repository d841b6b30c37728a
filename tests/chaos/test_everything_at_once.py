"""Drops, duplicates, kills, late workers, clocks that jump, a moody model and closings, in any order (laws 1 to 3).

Redrives are not among the rules: the invariants look at one run of a job.
"""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain, repeat
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from batchwright.chunk import Chunk
from batchwright.completion import Completion
from batchwright.crashpoints import Point, Watch, When
from batchwright.errors import (
    AccessDenied,
    ContentFiltered,
    MalformedCompletion,
    ServiceFault,
    Throttled,
    TimedOut,
)
from batchwright.job import JobRow
from batchwright.request import Request
from batchwright.route import Route
from tests.chaos import SOAK
from tests.chaos.crashing import inline_loop, kill, noted_laptop, tried, work
from tests.chaos.invariants import CANARY, check_invariants
from tests.fakes import ScriptedEngine, echo
from tests.laptop import Laptop, chat_line, jsonl

MOST_JOBS = 2
MOODS = (
    *[None] * 12,
    Throttled("slow down", retry_after=60),
    TimedOut("no answer"),
    ServiceFault("a fault of the service"),
    MalformedCompletion("that is no answer"),
    ContentFiltered("the answer was withheld"),
)
# While it is set, calls of a worker are in flight.
HELD: ContextVar[asyncio.Event] = ContextVar("held")


@dataclass
class HeldBack(ScriptedEngine):
    """Answers some workers only when it is let."""

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        if held := HELD.get(None):
            await held.wait()
        return await super().ask(request, route=route, timeout=timeout, metadata=metadata)


@dataclass
class Late:
    """A worker that is thought dead and is not."""

    task: asyncio.Task[dict[str, Any]]
    held: asyncio.Event


JOBS = st.integers(0, MOST_JOBS - 1)
CHUNKS = st.integers(0, 2)
type Killed = tuple[Point, int, When]


def kills(*points: Point) -> st.SearchStrategy[Killed]:
    """A kill at one of a step's effects, or where it has not so many, none."""
    return st.tuples(st.sampled_from(points), st.integers(1, 3), st.sampled_from(When))


def plot_of(killed: Killed) -> Watch:
    return Watch(*killed, kill)


def time_for(*, hurried: bool) -> Any:
    times = chain([900.0], repeat(0.0 if hurried else 900.0))
    return lambda: next(times)


class EverythingAtOnce(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.laptop, self.ledger = noted_laptop(HeldBack(self.answer), chunk_records=4)
        self.runner = asyncio.Runner(loop_factory=inline_loop)
        self.mood = Random(0)
        self.denies = False
        self.events: list[dict[str, Any]] = []
        self.jobs: list[str] = []
        self.late: list[Late] = []
        self.ends: dict[str, tuple[JobRow, dict[str, list[bytes | None]]]] = {}

    def answer(self, request: Request, _call: int) -> Completion:
        if self.denies:
            raise AccessDenied("no access to the model")
        if fault := self.mood.choice(MOODS):
            raise fault
        return echo(request)

    @precondition(lambda self: len(self.events) < MOST_JOBS)
    @rule(
        count=st.integers(1, 10),
        at_fault=st.booleans(),
        killed=kills(Point.JOB_FILE, Point.JOB_ROW, Point.START, Point.PUBLISH),
    )
    def drop(self, count: int, at_fault: bool, killed: Killed) -> None:
        number = len(self.events)
        lines = [chat_line(f"req-{each}", f"{CANARY} {each} {number}") for each in range(count)]
        content = jsonl(lines) + (b"{broken\n" if at_fault else b"")
        key = f"inbox/file-{number}.jsonl"
        self.laptop.objects.write(key, content)
        self.events.append(self.laptop.event(key))
        tried(plot_of(killed), self.laptop, lambda laptop: laptop.say(self.events[-1]))
        self.jobs.append(self.laptop.say(self.events[-1]))

    @precondition(lambda self: self.jobs)
    @rule(which=JOBS)
    def deliver_once_more(self, which: int) -> None:
        event = self.events[which % len(self.events)]

        assert self.laptop.say(event) in self.jobs
        assert len(self.laptop.workflows.started) == len({*self.laptop.workflows.started})

    @precondition(lambda self: self.jobs)
    @rule(which=JOBS, hurried=st.booleans(), killed=kills(Point.PLAN, Point.JOB_ROW, Point.PUBLISH))
    def plan(self, which: int, hurried: bool, killed: Killed) -> None:
        job_id, time_left = self.job(which), time_for(hurried=hurried)
        tried(plot_of(killed), self.laptop, lambda laptop: laptop.plan(job_id, time_left))

    @precondition(lambda self: self.jobs)
    @rule(
        which=JOBS,
        place=CHUNKS,
        seed=st.integers(0, 99),
        killed=kills(Point.SEGMENT, Point.CALL, Point.REPORT, Point.STOP),
    )
    def invoke(self, which: int, place: int, seed: int, killed: Killed) -> None:
        self.mood.seed(seed)
        for chunk in self.chunk(which, place):
            tried(plot_of(killed), self.laptop, partial(self.work, chunk))

    def work(self, chunk: Chunk, laptop: Laptop) -> Any:
        return self.run(work(laptop, self.ledger, chunk))

    @precondition(lambda self: self.jobs)
    @rule(which=JOBS, place=CHUNKS, seed=st.integers(0, 99))
    def two_at_once(self, which: int, place: int, seed: int) -> None:
        self.mood.seed(seed)
        for chunk in self.chunk(which, place):
            self.run(self.both(chunk))

    async def both(self, chunk: Chunk) -> None:
        async with asyncio.TaskGroup() as two:
            for _ in range(2):
                two.create_task(work(self.laptop, self.ledger, chunk))

    @precondition(lambda self: self.jobs)
    @rule(which=JOBS, place=CHUNKS)
    def begin_and_be_held_up(self, which: int, place: int) -> None:
        for chunk in self.chunk(which, place):
            self.late.append(self.run(self.held_up(chunk)))

    async def held_up(self, chunk: Chunk) -> Late:
        held = asyncio.Event()
        HELD.set(held)
        task = asyncio.create_task(work(self.laptop, self.ledger, chunk))
        for _ in range(50):
            await asyncio.sleep(0)
        return Late(task, held)

    @precondition(lambda self: self.late)
    @rule(seed=st.integers(0, 99))
    def go_on_after_all(self, seed: int) -> None:
        self.mood.seed(seed)
        late = self.late.pop(0)
        late.held.set()
        self.run(asyncio.wait_for(late.task, 60))

    @rule(minutes=st.sampled_from([-5, 5, -5, 5, 60 * 25]))
    def the_clock_jumps(self, minutes: int) -> None:
        self.laptop.clock.time += timedelta(minutes=minutes)

    @rule()
    def access_comes_and_goes(self) -> None:
        self.denies = not self.denies

    @precondition(lambda self: self.jobs)
    @rule(which=JOBS)
    def cancel(self, which: int) -> None:
        self.laptop.cancel(self.job(which))

    @precondition(lambda self: self.jobs)
    @rule(
        which=JOBS,
        failed=st.booleans(),
        hurried=st.booleans(),
        killed=kills(Point.JOB_ROW, Point.SEGMENT, Point.ASSEMBLE, Point.RECEIPT, Point.PUBLISH),
    )
    def close(self, which: int, failed: bool, hurried: bool, killed: Killed) -> None:
        job_id, time_left = self.job(which), time_for(hurried=hurried)
        failure = {"Error": "States.Timeout", "Cause": ""} if failed else None
        tried(plot_of(killed), self.laptop, lambda laptop: laptop.close(job_id, failure, time_left))

    @invariant()
    def the_laws_hold(self) -> None:
        for job_id in self.jobs:
            check_invariants(self.laptop, job_id, self.ledger)

    @invariant()
    def what_has_ended_stays_as_it_is(self) -> None:
        for job_id in self.jobs:
            row = self.laptop.row(job_id)
            if row.status.final:
                keys = self.laptop.objects.keys(f"results/{job_id}/")
                files = {key: self.laptop.objects.versions[key][-1:] for key in keys}
                assert self.ends.setdefault(job_id, (row, files)) == (row, files)

    def teardown(self) -> None:
        """Take every job to its end: none is stuck, whatever happened to it."""
        self.denies = False
        for late in self.late:
            late.held.set()
            self.run(asyncio.wait_for(late.task, 60))
        for job_id in self.jobs:
            self.end(job_id)
        self.runner.close()

    def end(self, job_id: str) -> None:
        """Do what an execution does that nothing befalls; that access is denied, it may find noted."""
        if self.laptop.plan(job_id)["state"] == "done":
            for chunk in self.laptop.chunks(job_id):
                self.until_settled(chunk)
        assert self.laptop.close(job_id)["state"] == "done"
        assert self.laptop.row(job_id).status.final, "the job is stuck"
        self.the_laws_hold()
        self.what_has_ended_stays_as_it_is()

    def until_settled(self, chunk: Chunk) -> None:
        for _ in range(50):
            if self.work(chunk, self.laptop)["state"] in {"done", "stopped"}:
                return
        raise AssertionError("the chunk is stuck")

    def run(self, doing: Any) -> Any:
        # In a context of its own: what one worker is, the next is not.
        return self.runner.run(doing, context=copy_context())

    def job(self, which: int) -> str:
        return self.jobs[which % len(self.jobs)]

    def chunk(self, which: int, place: int) -> list[Chunk]:
        """Return one chunk of a job; none where it has none, or is not planned in one go."""
        job_id = self.job(which)
        planned = self.laptop.plan(job_id)
        if planned["state"] != "done":
            return []
        chunks = self.laptop.chunks(job_id)
        return [chunks[place % len(chunks)]]


@pytest.mark.timeout(3600 if SOAK else 900)
def test_the_laws_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        EverythingAtOnce,
        settings=settings(
            max_examples=10_000 if SOAK else 300,
            stateful_step_count=40 if SOAK else 25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
