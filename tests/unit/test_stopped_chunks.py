"""Chunks side by side, as the map runs them, when one of them stops the job: what the others asked is paid for."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from batchwright.chunk import Chunk
from batchwright.completion import Completion
from batchwright.errors import AccessDenied, Unavailable
from batchwright.job import JobRow, Reason
from batchwright.money import BILLIONTHS
from batchwright.request import Request
from tests.fakes import MODEL, NOON, MemoryJobs, MemoryObjects, ScriptedEngine, echo
from tests.laptop import Laptop, chat_line, jsonl

ASL = Path(__file__).parents[2] / "statemachines/job.asl.json"
CHUNK_RECORDS = 20
CONTRACT = f"""
name: short
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
deadline: 30m
"""
# There is room for many calls, and not for one that says so much.
BUDGET = "budget: {usd: 0.001}\n"
MUCH = "x" * 20_000


@dataclass
class Map:
    """The workflow's map over the chunks of a job: it follows the children's states as the definition has them."""

    laptop: Laptop
    in_flight: int = CHUNK_RECORDS
    ends: list[str] = field(default_factory=list)
    _child: dict[str, Any] = field(
        default_factory=lambda: json.loads(ASL.read_text())["States"]["Run chunks"]["ItemProcessor"]
    )
    _lambdas: list[asyncio.Task[dict[str, Any]]] = field(default_factory=list)

    async def run(self, chunks: list[Chunk], *, every: float, width: int) -> None:
        """Begin the children one after the other; a child that fails ends the map, and no Lambda."""
        slots = asyncio.Semaphore(width)
        children = []
        for place, chunk in enumerate(chunks):
            children.append(asyncio.create_task(self._child_of(chunk, slots, place * every)))
        try:
            await asyncio.gather(*children)
        except Failed:
            for child in children:
                child.cancel()

    async def outlasted(self) -> None:
        """Let the Lambdas end that go on without their map."""
        await asyncio.gather(*self._lambdas)

    async def _child_of(self, chunk: Chunk, slots: asyncio.Semaphore, after: float) -> None:
        await asyncio.sleep(after)
        async with slots:
            await self._follow(chunk)

    async def _follow(self, chunk: Chunk) -> None:
        name, answer = self._child["StartAt"], {}
        while True:
            state = self._child["States"][name]
            match state["Type"]:
                case "Task":
                    working = asyncio.create_task(
                        self.laptop.invoke(chunk, in_flight=self.in_flight)
                    )
                    self._lambdas.append(working)
                    answer = await asyncio.shield(working)
                case "Choice":
                    ways = {choice["StringEquals"]: choice["Next"] for choice in state["Choices"]}
                    name = ways.get(answer["state"], state["Default"])
                    continue
                case "Wait":
                    await asyncio.sleep(answer["seconds"])
                case "Succeed":
                    self.ends.append(name)
                    return
                case "Fail":
                    raise Failed(name)
            name = state["Next"]


class Failed(Exception):
    """A child of the map failed."""


class Slow(ScriptedEngine):
    """Takes as long as a record says."""

    async def ask(self, request: Request, **_: object) -> Completion:
        self.calls.append(request)
        said = request.body["messages"][0]["content"][0]["text"].split()[0]
        if said == "denied":
            raise AccessDenied("no")
        await asyncio.sleep(float(said))
        return echo(request)


def lines(*said: str) -> bytes:
    """Return a file whose chunks say each the same."""
    texts = [text for text in said for _ in range(CHUNK_RECORDS)]
    return jsonl([chat_line(f"r-{number}", text) for number, text in enumerate(texts)])


class Unreadable(MemoryObjects):
    """A bucket from which nothing should be read."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"{name} of a bucket")


class Shaky(MemoryJobs):
    """A table of jobs that takes no stop, so many times."""

    faults = 0

    def stop(self, job_id: str, reason: Reason, *, redrive: int = 0) -> None:
        if self.faults:
            self.faults -= 1
            raise Unavailable("the table is down")
        super().stop(job_id, reason, redrive=redrive)


@dataclass
class Bed:
    """A job of chunks that say what they take, planned."""

    said: tuple[str, ...]
    contract: str = CONTRACT
    in_flight: int = CHUNK_RECORDS
    engine: Slow = field(default_factory=Slow)
    jobs: Shaky = field(default_factory=Shaky)

    def __post_init__(self) -> None:
        self.laptop = Laptop(engine=self.engine, jobs=self.jobs, chunk_records=CHUNK_RECORDS)
        self.laptop.put_contract("short", self.contract)
        self.job_id = self.laptop.drop(lines(*self.said), "inbox/short/file.jsonl")
        self.laptop.plan(self.job_id)
        self.map = Map(self.laptop, self.in_flight)

    @property
    def calls(self) -> int:
        return len(self.engine.calls)

    async def run(self, *, every: float, width: int, redrive: int = 0) -> JobRow:
        """Run the map, close, and only then let the Lambdas end that outlive their map; return the row."""
        await self.map.run(self.laptop.chunks(self.job_id, redrive), every=every, width=width)
        self.laptop.close(self.job_id, redrive=redrive)
        await self.map.outlasted()
        return self.laptop.row(self.job_id)


async def test_a_budget_that_ends_in_one_chunk_throws_away_no_answer_of_another() -> None:
    bed = Bed(("60", f"1 {MUCH}"), CONTRACT + BUDGET)

    row = await bed.run(every=1, width=2)

    assert row.incomplete_reason == "budget:usd"
    assert bed.calls == CHUNK_RECORDS
    assert row.counts()["succeeded"] == row.tally.calls == bed.calls
    assert row.tally.cost_usd is not None
    spent = bed.laptop.budgets.money(bed.job_id).spent
    assert spent == pytest.approx(row.tally.cost_usd * BILLIONTHS, abs=bed.calls)


async def test_a_deadline_throws_away_no_answer_that_comes_soon() -> None:
    bed = Bed(("8",) * 4, in_flight=5)
    running = asyncio.create_task(bed.run(every=3, width=4))
    await asyncio.sleep(15)

    bed.laptop.clock.time = NOON + timedelta(minutes=31)
    row = await running

    assert row.incomplete_reason == "deadline"
    assert row.counts()["succeeded"] == row.tally.calls == bed.calls > 20
    assert row.tally.ambiguous_calls == 0


async def test_what_is_refused_to_one_chunk_leaves_the_others_time_for_their_answers() -> None:
    bed = Bed(("8", "denied", *["1"] * 8))

    row = await bed.run(every=0.1, width=2)

    assert row.incomplete_reason == "access_denied"
    assert row.counts()["succeeded"] == CHUNK_RECORDS
    assert bed.map.ends == ["Chunk stopped"] * 9 + ["Chunk done"]
    assert bed.calls <= 2 * CHUNK_RECORDS, "who begins after the stop asks nothing"


async def test_a_stop_of_one_run_stops_no_redrive() -> None:
    bed = Bed(("1", "1"))
    bed.laptop.cancel(bed.job_id)
    assert (await bed.run(every=0, width=2)).counts()["cancelled"] == 2 * CHUNK_RECORDS

    bed.laptop.redrive(bed.job_id)
    bed.laptop.plan(bed.job_id, redrive=1)
    row = await bed.run(every=0, width=2, redrive=1)

    assert row.counts()["succeeded"] == 2 * CHUNK_RECORDS
    assert bed.map.ends == ["Chunk stopped"] * 2 + ["Chunk done"] * 2


async def test_a_chunk_that_begins_after_the_stop_ends_and_reads_nothing() -> None:
    bed = Bed(("1", "1"))
    bed.laptop.cancel(bed.job_id)
    chunk, _ = bed.laptop.chunks(bed.job_id)
    bed.laptop.objects = Unreadable()

    answer = await bed.laptop.invoke(chunk)

    assert answer == {"state": "stopped", "reason": "cancelled"}


async def test_a_worker_that_could_not_say_why_the_job_stops_is_called_again() -> None:
    bed = Bed(("denied", "1"))
    chunk, _ = bed.laptop.chunks(bed.job_id)
    bed.jobs.faults = 2

    with pytest.raises(Unavailable):
        await bed.laptop.invoke(chunk)
    answer = await bed.laptop.invoke(chunk)

    assert answer == {"state": "stopped", "reason": "access_denied"}
    reason = bed.jobs.stop_reason(bed.job_id)
    assert reason is not None
    assert reason.code == "access_denied"


async def test_a_deadline_that_could_not_be_said_at_once_is_said_before_the_worker_leaves() -> None:
    bed = Bed(("4", "1"), in_flight=2)
    chunk, _ = bed.laptop.chunks(bed.job_id)
    working = asyncio.create_task(bed.laptop.invoke(chunk, in_flight=2))
    await asyncio.sleep(1)

    bed.jobs.faults = 1
    bed.laptop.clock.time = NOON + timedelta(minutes=31)

    assert await working == {"state": "stopped", "reason": "deadline"}
    assert bed.jobs.stop_reason(bed.job_id) is not None
