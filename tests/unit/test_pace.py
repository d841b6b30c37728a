"""What the records of one worker share."""

import asyncio
from typing import Any

import pytest

from batchwright.pace import LeftForLater, Pace, abreast


def pace(**more: Any) -> Pace:
    return Pace(now=lambda: 0.0, chance=lambda: 0.0, answered_at=0.0, **more)


async def test_who_ends_what_was_begun_goes_on_where_the_worker_stops() -> None:
    shared = pace()
    unresting = shared.unresting()
    shared.stop()
    with pytest.raises(LeftForLater):
        await shared.may_call()
    await unresting.may_call()
    await unresting.wait(0.001, for_all=True)


async def test_who_ends_what_was_begun_never_has_the_workflow_wait() -> None:
    shared = pace()
    unresting = shared.unresting()
    unresting.rest_for(600)
    assert not unresting.stopping.is_set()
    assert shared.rest is None


async def test_its_calls_are_the_workers_calls() -> None:
    shared = pace()
    unresting = shared.unresting()
    shared.calls["made"] += 1
    unresting.calls["made"] += 2
    unresting.calls["ambiguous"] += 1
    assert shared.take_calls() == (3, 1)
    assert shared.take_calls() == (0, 0)


async def test_it_makes_no_call_either_while_calls_are_held() -> None:
    shared = pace()
    unresting = shared.unresting()
    shared.hold()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(unresting.may_call(), 0.01)
    shared.go_on()
    await unresting.may_call()


async def test_records_that_go_abreast_come_to_each_step_together() -> None:
    steps: list[tuple[str, int]] = []

    async def record(number: int) -> None:
        for step in ("asked", "answered", "settled"):
            steps.append((step, number))
            await abreast()

    await asyncio.gather(*map(record, range(3)))

    assert steps == [(step, n) for step in ("asked", "answered", "settled") for n in range(3)]
