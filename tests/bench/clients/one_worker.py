"""One worker of Batchwright on a chunk that lies on disk: time, CPU, memory, and what it adds to the slowest calls."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from batchwright.chunk import Chunk
from batchwright.completion import Completion
from batchwright.filters import Filters, Means
from batchwright.finding import Stage
from batchwright.outcome import Ending
from batchwright.places import plan_key
from batchwright.ports import Engine
from batchwright.request import Request
from batchwright.route import Route
from batchwright.screening import Screen
from batchwright.workplace import World
from tests.bench.clients.errand import Errand, Report, carry_out
from tests.bench.clients.invoking import settle, warm
from tests.bench.clients.triage import FILTERS
from tests.bench.disk import DiskObjects
from tests.bench.memory import peak_megabytes
from tests.fakes import MemoryBudgets, MemoryCircuits, MemoryJobs, MemorySchedules

JOB = "0" * 32


@dataclass
class TimedEngine:
    """Asks another engine, and takes the time."""

    engine: Engine
    seconds: list[float] = field(default_factory=list)

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        began = time.monotonic()
        try:
            return await self.engine.ask(request, route=route, timeout=timeout, metadata=metadata)
        finally:
            self.seconds.append(time.monotonic() - began)


def prepare(errand: Errand) -> Callable[[], Report]:
    objects, jobs = DiskObjects(Path(errand.folder)), MemoryJobs()
    budgets, schedules = MemoryBudgets(), MemorySchedules()
    circuits = MemoryCircuits(time.time)
    chunk = Chunk.model_validate_json(objects.read(plan_key(JOB)))
    timed: list[float] = []
    warm(errand)
    load_filters()

    def around(real: World) -> World:
        engine = TimedEngine(real.engine, timed)
        return replace(
            real,
            objects=objects,
            jobs=jobs,
            budgets=budgets,
            schedules=schedules,
            circuits=circuits,
            engine=engine,
        )

    def ask_all() -> Report:
        wall, cpu = time.monotonic(), time.process_time()
        asyncio.run(settle(chunk, around, in_flight=errand.in_flight))
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        return {
            "answered": jobs.progress(JOB).counts[Ending.SUCCEEDED],
            "seconds": wall,
            "cpu": cpu,
            "resident": peak_megabytes(),
            "p99": sorted(timed)[len(timed) * 99 // 100],
        }

    return ask_all


def load_filters() -> None:
    """Load the filters' libraries and patterns, as Lambda has them after a chunk; boto3's worker has its own."""
    filters = Filters.model_validate(FILTERS)
    placed = [(each.name, each.settings) for each in filters.output if not each.json_schema]
    Screen(Stage.OUTPUT, placed, Means())


if __name__ == "__main__":
    carry_out(prepare)
