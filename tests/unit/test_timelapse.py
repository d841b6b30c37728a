"""The loop of these tests: its time passes where everybody waits, and not while somebody works."""

import asyncio
import threading
import time

from tests.timelapse import TimeLapse, of_day, run


async def test_an_hour_that_everybody_waits_takes_no_time() -> None:
    loop, began = asyncio.get_running_loop(), time.monotonic()
    assert isinstance(loop, TimeLapse)
    here, day = loop.time(), of_day(loop)

    await asyncio.sleep(3600)

    # A clock's seconds since long ago are no exact numbers.
    assert 3599.999 <= loop.time() - here < 3601
    assert 3599.999 <= of_day(loop) - day < 3601
    assert time.monotonic() - began < 1000


async def test_who_waits_less_is_first() -> None:
    woken: list[int] = []

    async def wake(seconds: int) -> None:
        await asyncio.sleep(seconds)
        woken.append(seconds)

    await asyncio.gather(*map(wake, (60, 1, 3600, 30)))

    assert woken == [1, 30, 60, 3600]


async def test_what_ends_in_time_is_in_time() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    async with asyncio.timeout(60):
        await asyncio.sleep(59)

    assert 59 <= loop.time() - began < 60


async def test_nobody_is_late_while_a_thread_works() -> None:
    go_on = threading.Event()
    asyncio.get_running_loop().call_later(0.2, go_on.set)

    async with asyncio.timeout(1000):
        assert await asyncio.to_thread(go_on.wait, 100)


def test_the_next_loop_goes_on_where_the_one_before_ended() -> None:
    async def after_a_minute() -> float:
        await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    first, second = run(after_a_minute()), run(after_a_minute())

    assert 60 <= second - first < 61
