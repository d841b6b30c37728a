import asyncio
from dataclasses import dataclass, field

from batchwright.errors import Unavailable
from batchwright.retries import FLOOR, SHARE, SLICE, Retries
from batchwright.schedule import Change, Item
from tests.fakes import MemorySchedules

DAY = 1_764_000_000.0


@dataclass
class Times:
    """A day's clock that stands still until it is moved."""

    now: float = DAY

    def __call__(self) -> float:
        return self.now


@dataclass
class Bed:
    """The budgets of a table's jobs."""

    time: Times = field(default_factory=Times)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)

    def worker(self, job: str = "j") -> Retries:
        return Retries(self.schedules, job, self.time)


async def taken(*workers: Retries, most: int = 500) -> int:
    """Return how many calls workers make again that all fail at once."""

    async def take(worker: Retries) -> bool:
        await worker.fetch()
        return worker.take()

    return sum(await asyncio.gather(*(take(worker) for worker in workers for _ in range(most))))


async def test_all_workers_of_a_job_have_one_floor() -> None:
    bed = Bed()

    assert await taken(*(bed.worker() for _ in range(20)), most=50) <= FLOOR
    assert await taken(bed.worker(), bed.worker()) == 0
    assert await taken(bed.worker("another")) == FLOOR


async def test_a_worker_alone_has_all_of_it_and_each_minute_as_much_again() -> None:
    bed = Bed()
    one = bed.worker()

    assert await taken(one) == FLOOR
    bed.time.now += 30
    assert await taken(one) == FLOOR // 2 // SLICE * SLICE
    bed.time.now += 600
    assert await taken(one) == FLOOR


async def test_a_worker_that_comes_later_has_what_is_left() -> None:
    bed = Bed()
    await taken(bed.worker(), most=SLICE)

    assert await taken(bed.worker()) == FLOOR - SLICE


async def test_what_records_earn_costs_no_write() -> None:
    bed = Bed()
    one = bed.worker()
    for _ in range(100):
        one.earn()

    assert all(one.take() for _ in range(int(100 * SHARE) - 1))
    assert bed.schedules.writes == 0


async def test_a_retry_costs_a_fraction_of_a_write_and_where_there_is_none_nobody_asks() -> None:
    bed = Bed()

    await taken(bed.worker())

    assert bed.schedules.writes <= FLOOR // SLICE + 1


async def test_without_the_table_a_worker_has_a_few_and_then_none() -> None:
    bed = Bed(schedules=Broken())

    one = bed.worker()

    assert await taken(one) == SLICE
    bed.time.now += 3600
    assert await taken(one) == 0


class Broken(MemorySchedules):
    """Does not answer."""

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:  # noqa: ARG002
        raise Unavailable("the table is away")
