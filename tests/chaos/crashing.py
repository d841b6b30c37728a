"""Processes in memory that can be killed at any effect, and the workflow that tries them again."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from batchwright.chunk import Chunk
from batchwright.completion import Completion
from batchwright.crashpoints import Point, Watch, When, watched
from batchwright.errors import UploadGone
from batchwright.ports import Engine
from batchwright.request import Request
from batchwright.route import Route
from tests.fakes import MODEL, NOON, GrantedAccount, MemoryObjects, StoppedClock, texts_of
from tests.laptop import Laptop
from tests.timelapse import TimeLapse

# The workflow tries a step that was killed four times more.
TRIES = 5
NEVER = 0


class Crash(BaseException):
    """The process is killed."""


class Process(Watch):
    """One process of those that a plot is against: once it is killed it does nothing more, not even at last."""

    def __init__(self, plot: Watch) -> None:
        super().__init__(plot.point, plot.occurrence, plot.when, self._befall)
        self.seen = plot.seen
        self._plot = plot
        self.dead = False

    def reached(self, point: Point | None) -> When | None:
        if self.dead:
            raise Crash
        return super().reached(point)

    def _befall(self) -> None:
        try:
            self._plot.die()
        except Crash:
            self.dead = True
            raise


def kill() -> None:
    raise Crash


def nothing() -> Watch:
    """A plot that never comes to anything."""
    return Watch(Point.CALL, NEVER, When.BEFORE, kill)


def every_occurrence(point: Point, when: When) -> Iterator[Watch]:
    """Yield a plot against the first effect of a kind, then one against the second, until one comes to nothing."""
    for occurrence in itertools.count(1):
        plot = Watch(point, occurrence, when, kill)
        yield plot
        if not came_true(plot):
            return


def came_true(plot: Watch) -> bool:
    return plot.seen[plot.point] >= plot.occurrence


def tried[Answer](plot: Watch, laptop: Laptop, step: Callable[[Laptop], Answer]) -> Answer | None:
    """Let a process take a step; ``None`` where it was killed over it, or failed as the workflow knows how to mend."""
    with suppress(Crash, UploadGone):
        return step(watched(laptop, Process(plot)))
    return None


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One call that a model was paid for."""

    turn: int
    worker: int
    job_id: str
    text: str


@dataclass
class Ledger:
    """What happened and when, by turns: who began, whom the model was asked for, which segment appeared."""

    turns: Iterator[int] = field(default_factory=itertools.count)
    begun: dict[int, int] = field(default_factory=dict)
    """When each worker began."""
    ended: dict[int, int] = field(default_factory=dict)
    """When each worker ended or was killed."""
    dead: set[int] = field(default_factory=set)
    """The workers that were killed."""
    asks: list[Ask] = field(default_factory=list)
    answered: set[tuple[str, str, int]] = field(default_factory=set)
    """Job, text and worker, where an answer came."""
    appeared: dict[str, int] = field(default_factory=dict)

    def begin(self) -> int:
        turn = next(self.turns)
        self.begun[turn] = turn
        return turn

    def end(self, worker: int, *, killed: bool) -> None:
        self.ended[worker] = next(self.turns)
        if killed:
            self.dead.add(worker)

    def alone(self, worker: int) -> bool:
        """Whether no other worker lived at the same time."""
        mine = (self.begun[worker], self.ended.get(worker, next(self.turns)))
        return not any(
            began < mine[1] and self.ended.get(other, mine[1]) > mine[0]
            for other, began in self.begun.items()
            if other != worker
        )


# Who is asking; the tasks of a worker have it from the worker.
WORKER: ContextVar[int] = ContextVar("worker")


@dataclass
class Clerk:
    """Writes down every call that an engine really gets."""

    engine: Engine
    ledger: Ledger

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        job_id, text, worker = metadata["job_id"], texts_of(request)[-1], WORKER.get()
        turn = next(self.ledger.turns)
        self.ledger.asks.append(Ask(turn=turn, worker=worker, job_id=job_id, text=text))
        completion = await self.engine.ask(request, route=route, timeout=timeout, metadata=metadata)
        self.ledger.answered.add((job_id, text, worker))
        return completion


class NotedObjects(MemoryObjects):
    """A bucket that notes when each object is created."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger

    def create(self, key: str, content: bytes) -> None:
        super().create(key, content)
        self._ledger.appeared[key] = next(self._ledger.turns)


class TickingClock(StoppedClock):
    """Every look is a second later."""

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def noted_laptop(engine: Engine, *, chunk_records: int) -> tuple[Laptop, Ledger]:
    ledger = Ledger()
    laptop = Laptop(
        engine=Clerk(engine, ledger),
        objects=NotedObjects(ledger),
        clock=TickingClock(NOON),
        chunk_records=chunk_records,
        # So much is granted that what a dead worker had leased has passed at once: nobody waits for it here.
        account=GrantedAccount({MODEL: 10**9}),
    )
    return laptop, ledger


class Inline(ThreadPoolExecutor):
    """Does at once what would be a thread's, so that the same schedule is the same schedule."""

    def submit[**Given, Answer](
        self, fn: Callable[Given, Answer], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Answer]:
        future: Future[Answer] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as fault:  # noqa: BLE001 - a kill, too, is the caller's
            future.set_exception(fault)
        return future


def inline_loop() -> asyncio.AbstractEventLoop:
    loop = TimeLapse()
    loop.set_default_executor(Inline())
    return loop


def run[Answer](work: Coroutine[Any, Any, Answer]) -> Answer:
    with asyncio.Runner(loop_factory=inline_loop) as runner:
        return runner.run(work)


@dataclass
class Workflow:
    """Takes a job through the states of job.asl.json, each step again where it was killed."""

    laptop: Laptop
    ledger: Ledger
    plot: Watch = field(default_factory=nothing)
    hurried: bool = False
    """Whether planning and closing have time for the least only, so that they take several runs."""
    step: Callable[[Laptop], Any] = lambda _: None
    """What is being tried."""

    def job(self, content: bytes, key: str) -> str:
        """Drop a file and take its job to the end; a message that was not answered comes again."""
        self.laptop.objects.write(key, content)
        event = self.laptop.event(key)
        job_id = self._tried(lambda laptop: laptop.say(event))
        assert self.laptop.workflows.started == [job_id]
        self.execute(job_id)
        return job_id

    def execute(self, job_id: str) -> None:
        planned = self._again(lambda laptop: laptop.plan(job_id, self._time()))
        if planned["state"] == "done":
            for chunk in self.laptop.chunks(job_id):
                self._chunk(chunk)
        self._again(lambda laptop: laptop.close(job_id, None, self._time()))

    def _chunk(self, chunk: Chunk) -> None:
        self._again(lambda laptop: run(work(laptop, self.ledger, chunk)))

    def _again(self, step: Callable[[Laptop], dict[str, Any]]) -> dict[str, Any]:
        """Try a step, and once more as long as it asks for it."""
        while (answer := self._tried(step))["state"] in {"more", "paused"}:
            pass
        return answer

    def _tried[Answer](self, step: Callable[[Laptop], Answer]) -> Answer:
        self.step = step
        for _ in range(TRIES):
            if (answer := tried(self.plot, self.laptop, step)) is not None:
                return answer
        raise AssertionError("a step was killed more often than the plot can")

    def _time(self) -> Callable[[], float]:
        times = itertools.chain([900.0], itertools.repeat(0.0 if self.hurried else 900.0))
        return lambda: next(times)


async def work(laptop: Laptop, ledger: Ledger, chunk: Chunk) -> dict[str, Any]:
    """Let one worker work on a chunk, and the ledger know of it."""
    worker, killed = ledger.begin(), True
    WORKER.set(worker)
    try:
        answer = await laptop.invoke(chunk, in_flight=3)
        killed = False
    finally:
        ledger.end(worker, killed=killed)
    return answer
