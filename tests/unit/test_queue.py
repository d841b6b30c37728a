"""How filters ask a service: few at once, again where that helps, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from batchwright.errors import (
    AccessDenied,
    AskAgain,
    FilterBroken,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.filters.queues import BACKOFF_CAP, MOST_AT_ONCE, PATIENCE, Queue
from batchwright.filters.streak import MOST_FAILURES


@dataclass
class Clock:
    """Sleeps without waiting."""

    time: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def queue(self, tries: int = 3) -> Queue:
        return Queue("It", chance=lambda: 1.0, tries=tries, sleep=self.sleep, now=lambda: self.time)


def failing(*faults: Exception) -> Callable[[], Awaitable[str]]:
    left = [*faults]

    async def call() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return call


def always(fault: Exception) -> Callable[[], Awaitable[str]]:
    async def call() -> str:
        raise fault

    return call


async def test_a_throttle_is_waited_out_with_growing_pauses() -> None:
    clock = Clock()
    call = failing(*[Throttled("no")] * 8)
    assert await clock.queue().ask(call, timeout=5) == "answer"
    assert clock.slept == [0.25, 0.5, 1, 2, 4, 8, BACKOFF_CAP, BACKOFF_CAP]


async def test_a_pause_that_the_service_names_is_kept() -> None:
    clock = Clock()
    await clock.queue().ask(failing(Throttled("no", retry_after=30.0)), timeout=5)
    assert clock.slept == [30.0]


async def test_a_pause_of_hours_is_not() -> None:
    clock = Clock()
    await clock.queue().ask(failing(Throttled("no", retry_after=7200.0)), timeout=5)
    assert clock.slept == [PATIENCE]


@pytest.mark.parametrize("fault", [Throttled("no"), Unavailable("no")])
async def test_who_is_refused_for_minutes_gives_up(fault: AskAgain) -> None:
    clock = Clock()
    with pytest.raises(type(fault)):
        await clock.queue().ask(always(fault), timeout=5)
    assert PATIENCE < clock.time < PATIENCE + 2 * BACKOFF_CAP


@pytest.mark.parametrize("fault", [ServiceFault("no"), TimedOut("no")])
@pytest.mark.parametrize("tries", [1, 3])
async def test_a_fault_is_tried_again_a_few_times(fault: AskAgain, tries: int) -> None:
    clock = Clock()
    with pytest.raises(type(fault)):
        await clock.queue(tries).ask(always(fault), timeout=5)
    assert len(clock.slept) == tries - 1


async def test_what_does_not_answer_in_time_is_given_up() -> None:
    with pytest.raises(TimedOut, match=r"It did not answer within 0\.01 s"):
        await Clock().queue(1).ask(lambda: asyncio.sleep(60), timeout=0.01)


async def test_what_asking_again_does_not_help_is_not_asked_again() -> None:
    clock = Clock()
    with pytest.raises(RecordInvalid):
        await clock.queue().ask(always(RecordInvalid("invalid_request", "no")), timeout=5)
    assert clock.slept == []


async def test_only_so_many_calls_are_open_at_once() -> None:
    open_calls, most = 0, 0

    async def call() -> None:
        nonlocal open_calls, most
        open_calls += 1
        most = max(most, open_calls)
        await asyncio.sleep(0)
        open_calls -= 1

    queue = Clock().queue()
    await asyncio.gather(*(queue.ask(call, timeout=5) for _ in range(100)))
    assert most == MOST_AT_ONCE


async def test_what_always_fails_stops_the_job() -> None:
    queue = Clock().queue(1)
    for _ in range(MOST_FAILURES - 1):
        with pytest.raises(KeyError):
            await queue.ask(always(KeyError("some text")), timeout=5)
    with pytest.raises(
        FilterBroken, match="It failed 50 times in a row, the last time with: KeyError"
    ):
        await queue.ask(always(KeyError("some text")), timeout=5)


async def test_one_success_is_enough_to_go_on() -> None:
    queue = Clock().queue(1)
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            with pytest.raises(ServiceFault):
                await queue.ask(always(ServiceFault("no")), timeout=5)
        await queue.ask(failing(), timeout=5)


async def test_what_stops_the_job_is_no_failure_of_a_record() -> None:
    with pytest.raises(AccessDenied):
        await Clock().queue().ask(always(AccessDenied("no")), timeout=5)
