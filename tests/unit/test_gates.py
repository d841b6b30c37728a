"""Calls go out at the pace of the limit that is told or learnt, over all workers."""

import asyncio
from dataclasses import dataclass, field

import pytest

from batchwright.completion import Completion
from batchwright.errors import AccessDenied, Throttled
from batchwright.gates import Gates
from batchwright.job import Reason
from batchwright.pace import Pace
from batchwright.quotas import Quota
from batchwright.request import Request
from batchwright.route import Route
from batchwright.schedule import Change
from tests import timelapse
from tests.fakes import MODEL, GrantedAccount, MemorySchedules, ScriptedEngine, echo
from tests.laptop import Laptop, chat_file

NAME = f"bedrock#{MODEL}"
TOLD = f"""
name: told
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 20, %s}}]
models: {{"*": "{MODEL}"}}
"""


def now() -> float:
    """Return the seconds of the loop's own time."""
    return asyncio.get_running_loop().time()


@dataclass
class Dated(ScriptedEngine):
    """Remembers when it was asked."""

    times: list[float] = field(default_factory=list)

    async def ask(self, request: Request, **_: object) -> Completion:
        self.calls.append(request)
        self.times.append(now())
        return echo(request)


def told(limits: str, count: int, more: str = "", **fields: object) -> tuple[Laptop, str]:
    laptop = Laptop(chunk_records=count, **fields)  # type: ignore[arg-type]  # as Laptop names them
    laptop.put_contract("told", TOLD % limits + more)
    job_id = laptop.drop(chat_file(count), "inbox/told/file.jsonl")
    laptop.plan(job_id)
    return laptop, job_id


async def test_two_workers_together_keep_to_the_limit_of_requests() -> None:
    engine = Dated()
    schedules = MemorySchedules()
    jobs = [told("rpm: 1200", 30, engine=engine, schedules=schedules) for _ in range(2)]

    answers = await asyncio.gather(
        *(laptop.invoke(laptop.chunks(job_id)[0]) for laptop, job_id in jobs)
    )

    assert answers == [{"state": "done"}] * 2
    assert len(engine.calls) == 60
    lasted = engine.times[-1] - engine.times[0]
    assert 59 / 20 * 0.7 <= lasted <= 59 / 20 + 1, "60 calls at 20 a second"
    assert schedules.writes < 60, "a call costs a part of a write"


async def test_tokens_bind_where_they_are_scarcer() -> None:
    engine = Dated()
    laptop, job_id = told("rpm: 60000, tpm: 6000", 20, engine=engine)

    assert await laptop.invoke(laptop.chunks(job_id)[0]) == {"state": "done"}

    assert engine.times[-1] - engine.times[0] > 0.5, "a hundred tokens a second"


async def test_what_the_account_is_granted_binds_as_what_a_contract_tells() -> None:
    engine = Dated()
    laptop, job_id = told("", 20, engine=engine, account=GrantedAccount(granted={MODEL: 6000}))

    assert await laptop.invoke(laptop.chunks(job_id)[0]) == {"state": "done"}

    assert engine.times[-1] - engine.times[0] > 0.5, "a hundred tokens a second"


async def test_a_worker_takes_part_by_the_priority_of_its_contract() -> None:
    laptop, job_id = told("rpm: 6000", 5, more="priority: 9\n")

    assert await laptop.invoke(laptop.chunks(job_id)[0]) == {"state": "done"}

    item = laptop.schedules.items[NAME]
    assert item[f"priority#{job_id}"] == 9


async def test_a_worker_that_leaves_gives_back_what_it_has_of_the_schedules_end() -> None:
    def deny(request: Request, call: int) -> Completion:
        if call >= 4:
            raise AccessDenied("403")
        return echo(request)

    laptop, job_id = told("rpm: 60", 900, engine=ScriptedEngine(deny))
    schedules = laptop.schedules
    schedules.exchange(NAME, Change(put={f"length#{job_id}": 60_000}))

    answer = await laptop.invoke(laptop.chunks(job_id)[0])

    assert answer == {"state": "stopped", "reason": "access_denied"}
    ahead = schedules.items[NAME]["given"] / 1000 - timelapse.of_day(asyncio.get_running_loop())
    assert ahead < 1.5, "of many seconds, the call that was made"


async def test_a_worker_whose_turn_comes_late_leaves_the_waiting_to_the_workflow() -> None:
    laptop, job_id = told("rpm: 2", 40, engine=Dated())

    answer = await laptop.invoke(laptop.chunks(job_id)[0])

    assert answer["state"] == "paused"
    assert answer["seconds"] >= 10


async def test_a_worker_that_must_stop_waits_for_no_turn() -> None:
    laptop, job_id = told("rpm: 60", 40, engine=Dated())
    worker = asyncio.create_task(laptop.invoke(laptop.chunks(job_id)[0]))
    await asyncio.sleep(0.3)

    laptop.jobs.stop(job_id, Reason(code="cancelled", message="by hand"))
    began = now()

    assert (await worker)["state"] in {"stopped", "paused"}
    assert now() - began < 12


async def test_a_model_that_throttles_although_the_limit_is_told_slows_everybody_down() -> None:
    def throttle(request: Request, call: int) -> Completion:
        if call < 3:
            raise Throttled("slow down")
        return echo(request)

    engine = ScriptedEngine(throttle)
    laptop, job_id = told("rpm: 6000", 12, engine=engine)
    (chunk,) = laptop.chunks(job_id)

    while (answer := await laptop.invoke(chunk))["state"] != "done":
        assert answer["state"] == "paused"

    assert laptop.jobs.progress(job_id).calls == len(engine.calls)


async def test_a_small_job_hardly_waits_where_no_limit_is_told() -> None:
    engine = Dated()
    laptop, job_id = told("timeout: 60", 300, engine=engine)
    began = now()

    assert await laptop.invoke(laptop.chunks(job_id)[0], in_flight=200) == {"state": "done"}

    assert engine.times[-1] - began < 2
    assert 1 <= laptop.schedules.writes < 60


async def test_a_limit_that_nobody_told_is_learnt_by_all_workers() -> None:
    calls: list[float] = []

    def sometimes(request: Request, _: int) -> Completion:
        calls.append(now())
        if len(calls) % 2:
            raise Throttled("slow down")
        return echo(request)

    schedules = MemorySchedules()
    laptop, job_id = told("timeout: 60", 20, engine=ScriptedEngine(sometimes), schedules=schedules)
    (chunk,) = laptop.chunks(job_id)

    answer = await laptop.invoke(chunk)
    while answer["state"] != "done":
        await asyncio.sleep(answer.get("seconds", 0))
        answer = await laptop.invoke(chunk)

    item = schedules.items[NAME]
    assert item["top"] < 4_000_000


async def test_the_longer_the_workflow_has_waited_in_vain_the_longer_it_waits() -> None:
    schedules = MemorySchedules()
    laptop, job_id = told("rpm: 600", 200, schedules=schedules, chance=lambda: 0.5)
    (chunk,) = laptop.chunks(job_id)
    given = int(1000 * (timelapse.of_day(asyncio.get_running_loop()) + 12))
    schedules.exchange(NAME, Change(put={"given": given}))

    assert await laptop.invoke(chunk) == {"state": "paused", "seconds": 12}
    assert await laptop.invoke(chunk, rested=12) == {"state": "paused", "seconds": 60}
    assert schedules.writes == 1, "to look costs none"


async def test_a_model_without_room_is_left_at_once_where_another_may_be_asked() -> None:
    pace = Pace(now=now, chance=lambda: 0.5, answered_at=0)
    gates = Gates(
        MemorySchedules(),
        pace,
        job="j",
        priority=5,
        limit=lambda _: Quota(tpm=6),
        time=now,
    )
    route = Route(model=MODEL)
    await gates.enter(route, 3000, replaceable=True)

    for _ in range(2):
        began = now()
        with pytest.raises(Throttled):
            await gates.enter(route, 3000, replaceable=True)

    assert now() - began < 1, "the second time it was known"
    assert pace.rest is None
    await gates.close()
