"""The governor's front: calls of one event loop wait for their turn."""

import asyncio
from dataclasses import dataclass, field

import pytest

from batchwright.errors import Unavailable
from batchwright.governor import Governor, Wait, limits_of, schedule_of
from batchwright.ports import Schedules
from batchwright.quotas import Quota
from batchwright.route import Route
from batchwright.schedule import Change, Item
from tests import timelapse
from tests.fakes import MODEL, MemorySchedules

NAME = f"bedrock#{MODEL}"


def day() -> float:
    """Return the time of day."""
    return timelapse.of_day(asyncio.get_running_loop())


@dataclass
class Clock:
    """The time of day, which may jump."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return day() + self.ahead


@dataclass
class BrokenSchedules:
    fault: Exception
    asked: int = 0

    def read(self, model: str) -> Item:
        assert model
        raise self.fault

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:
        assert model
        assert change
        self.asked += 1
        raise self.fault


@dataclass
class Ledger:
    """When calls were allowed."""

    times: list[float] = field(default_factory=list)
    thirty: asyncio.Event = field(default_factory=asyncio.Event)


def governor(
    schedules: Schedules,
    *,
    clock: Clock | None = None,
    rpm: int | None = 6000,
    tpm: int | None = 10**9,
    chance: float = 0.0,
) -> Governor:
    route = Route(model=MODEL, rpm=rpm, tpm=tpm)
    return Governor(
        schedules,
        route,
        job="j",
        priority=5,
        seconds=clock or Clock(),
        chance=lambda: chance,
    )


async def take(gate: Governor, ledger: Ledger, tokens: int = 10) -> None:
    permit = await gate.permit(tokens)
    ledger.times.append(day())
    if len(ledger.times) == 30:
        ledger.thirty.set()
    gate.settle(permit, 8 * tokens // 10)


async def test_calls_go_one_after_the_other_at_the_pace_of_the_limit() -> None:
    schedules, ledger = MemorySchedules(), Ledger()
    gate = governor(schedules)

    await asyncio.gather(*(take(gate, ledger) for _ in range(60)))
    await gate.close()

    # A hundred a second; a late turn of the loop is caught up with, half a second at most.
    assert ledger.times[-1] - ledger.times[0] >= 0.5
    assert schedules.writes < 20


async def test_a_call_whose_turn_has_come_waits_for_no_turn_of_the_loop() -> None:
    gate, ledger = governor(MemorySchedules()), Ledger()
    await take(gate, ledger)
    await asyncio.sleep(0.05)

    with pytest.raises(StopIteration):
        take(gate, ledger).send(None)

    assert len(ledger.times) == 2
    await gate.close()


async def test_two_workers_go_no_faster_than_one() -> None:
    schedules, ledger = MemorySchedules(), Ledger()
    gates = [governor(schedules), governor(schedules)]

    await asyncio.gather(*(take(gate, ledger) for _ in range(30) for gate in gates))
    for gate in gates:
        await gate.close()

    assert max(ledger.times) - min(ledger.times) >= 0.5


async def test_what_was_used_is_told_to_the_others_where_the_limit_is_learnt() -> None:
    schedules = MemorySchedules()
    gate = governor(schedules, rpm=None, tpm=None)

    await asyncio.gather(*(take(gate, Ledger(), tokens=10_000) for _ in range(5)))
    await gate.close()

    item = schedules.items[NAME]
    assert sum(number for name, number in item.items() if name.startswith("used#")) == 5 * 8_000


async def test_a_call_that_nobody_wants_any_more_gives_its_turn_to_the_next() -> None:
    gate, ledger = governor(MemorySchedules(), rpm=60), Ledger()
    first = asyncio.create_task(take(gate, ledger))
    await asyncio.sleep(0.05)
    given_up = asyncio.create_task(take(gate, ledger))
    await asyncio.sleep(0)
    given_up.cancel()
    last = asyncio.create_task(take(gate, ledger))

    await asyncio.gather(first, last)
    await gate.close()

    assert len(ledger.times) == 2
    assert given_up.cancelled()


async def test_a_permit_for_a_call_that_was_not_made_costs_nothing() -> None:
    schedules = MemorySchedules()
    gate = governor(schedules, rpm=None, tpm=None)
    gate.unused(await gate.permit(50_000))
    await gate.close()

    item = schedules.items[NAME]
    assert sum(number for name, number in item.items() if name.startswith("used#")) == 0


async def test_a_refusal_slows_down_every_worker() -> None:
    schedules = MemorySchedules()
    gate = governor(schedules)
    permits = await asyncio.gather(*(gate.permit(10) for _ in range(3)))

    gate.throttled(permits[0])
    gate.failed(permits[1])
    gate.settle(permits[2], 8)
    await gate.close()

    item = schedules.items[NAME]
    assert item["top"] < 6000 * 10
    assert item["base"] < item["top"]


async def test_a_worker_without_room_is_told_at_once_to_wait_elsewhere() -> None:
    schedules = MemorySchedules()
    schedules.exchange(NAME, Change(put={"given": int((day() + 3600) * 1000), "began": 1}))
    gate = governor(schedules, chance=0.5)
    began = day()
    told = await asyncio.gather(*(gate.permit(10) for _ in range(3)), return_exceptions=True)
    await gate.close()

    waits = [wait for wait in told if isinstance(wait, Wait)]
    assert [wait.seconds for wait in waits] == [60, 60, 60]
    assert day() - began < 1


async def test_without_the_table_calls_go_slowly_and_one_by_one() -> None:
    broken = BrokenSchedules(Unavailable("down"))
    clock = Clock()
    gate = governor(broken, clock=clock)
    first, second, third = (asyncio.create_task(gate.permit(10)) for _ in range(3))

    await first
    await asyncio.sleep(0.1)
    assert not second.done()
    clock.ahead += 10
    await second
    assert not third.done()
    third.cancel()
    await gate.close()

    assert 1 <= broken.asked <= 4


async def test_who_cannot_look_at_the_schedule_begins_as_if_nobody_had() -> None:
    gate = governor(BrokenSchedules(Unavailable("down")))

    await gate.begin()

    await gate.permit(10)
    await gate.close()


async def test_a_fault_of_our_own_is_not_hidden_in_a_slow_pace() -> None:
    gate = governor(BrokenSchedules(TypeError("no such word")))

    with pytest.raises(TypeError, match="no such word"):
        await gate.permit(10)
    await gate.close()


async def test_closing_gives_back_what_was_leased_and_not_needed() -> None:
    schedules, ledger = MemorySchedules(), Ledger()
    schedules.exchange(NAME, Change(put={"length#j": 8000}))
    gate = governor(schedules, chance=0.9)
    calls = [asyncio.create_task(take(gate, ledger)) for _ in range(600)]
    await ledger.thirty.wait()
    leased = schedules.items[NAME]["given"] / 1000 - day()

    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await gate.close()

    left = schedules.items[NAME]["given"] / 1000 - day()
    assert leased > 1
    assert left < 0.5


def test_only_what_is_told_is_known() -> None:
    assert limits_of(Route(model=MODEL, rpm=10)) == Quota(rpm=10)
    assert limits_of(Route(model=MODEL, rpm=10, tpm=20)) == Quota(rpm=10, tpm=20)
    assert limits_of(Route(model="somebody.new-v1:0")) == Quota()


def test_an_arn_and_its_id_have_one_schedule_and_a_profile_its_own() -> None:
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{MODEL}"

    assert schedule_of(Route(model=arn)) == schedule_of(Route(model=MODEL)) == NAME
    assert schedule_of(Route(model="amazon.nova-lite-v1:0")) != NAME


def test_endpoints_share_no_schedule_though_they_call_their_models_the_same() -> None:
    first, second = (Route(engine="sagemaker", endpoint=name, model="qwen") for name in "ab")
    others = [
        Route(engine="openai", base_url=f"https://{name}.example.com/v1", model="qwen")
        for name in "ab"
    ]

    assert len({schedule_of(route) for route in (first, second, *others)}) == 4
    assert schedule_of(first) == schedule_of(Route(engine="sagemaker", endpoint="a", model="a"))
