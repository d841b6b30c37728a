import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Event

import pytest

from batchwright.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, PROBING, Breaker, Breakers
from batchwright.circuit import Circuit
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.pace import LeftForLater
from batchwright.ports import Circuits
from batchwright.route import Route
from tests.fakes import MODEL, MemoryCircuits


@dataclass
class Hours:
    """A clock that is set by hand."""

    time: float = 0.0

    def now(self) -> float:
        return self.time


@dataclass
class Lost(MemoryCircuits):
    """A table that may be out of reach, and counts who asks it."""

    gone: bool = False
    asked: list[str] = field(default_factory=list)

    def state(self, model: str) -> Circuit:
        self._reach("state")
        return super().state(model)

    def open(self, model: str, *, failures: int, opened_at: int) -> None:
        self._reach("open")
        super().open(model, failures=failures, opened_at=opened_at)

    def half_open(self, model: str, holder: str, *, opened_at: int) -> bool:
        self._reach("half_open")
        return super().half_open(model, holder, opened_at=opened_at)

    def open_again(self, model: str, holder: str, *, failures: int, opened_at: int) -> bool:
        self._reach("open_again")
        return super().open_again(model, holder, failures=failures, opened_at=opened_at)

    def close(self, model: str) -> None:
        self._reach("close")
        super().close(model)

    def _reach(self, what: str) -> None:
        self.asked.append(what)
        if self.gone:
            raise Unavailable("the table")


@dataclass
class Slow(Lost):
    """A table that does one thing only when it is let."""

    slow: str = ""
    reached: Event = field(default_factory=Event)
    let: Event = field(default_factory=Event)

    def _reach(self, what: str) -> None:
        super()._reach(what)
        if what == self.slow:
            self.reached.set()
            assert self.let.wait(60)


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def table(hours: Hours) -> Lost:
    return Lost(hours.now)


def breaker(
    hours: Hours,
    chance: Callable[[], float] = lambda: 1.0,
    *,
    circuits: Circuits | None = None,
    holder: str = "one",
) -> Breaker:
    """A worker's breaker; the others are out of reach where nothing is said of them."""
    circuits = circuits or Lost(hours.now, gone=True)
    breakers = Breakers(
        circuits=circuits, holder=holder, now=hours.now, time=hours.now, chance=chance
    )
    return breakers.of(Route(model=MODEL))


async def call(model: Breaker, fault: BaseException | None = None) -> None:
    """Make a call that ends so; what it raises is swallowed where it is what the model did."""
    ends = pytest.raises(type(fault)) if fault is not None else nullcontext()
    with ends as caught:
        async with model.call():
            if fault is not None:
                raise fault
    assert fault is None or caught.value is fault


async def fail(model: Breaker) -> None:
    """Find the model down until it is left alone."""
    for _ in range(FAILURES):
        await call(model, Unavailable("503"))


async def opened(hours: Hours, chance: Callable[[], float] = lambda: 1.0) -> Breaker:
    model = breaker(hours, chance)
    await fail(model)
    return model


async def two_who_found_it_down(hours: Hours, table: MemoryCircuits) -> tuple[Breaker, Breaker]:
    """Two workers that had answers, and then none."""
    one, other = (breaker(hours, circuits=table, holder=name) for name in ("one", "other"))
    for model in (one, other):
        await call(model)
    for model in (one, other):
        await fail(model)
    return one, other


async def seconds_to_wait(model: Breaker) -> float | None:
    with pytest.raises(Unavailable, match="is down") as caught:
        await call(model)
    return caught.value.retry_after


async def test_it_opens_when_the_model_was_down_so_often_in_a_row(hours: Hours) -> None:
    model = breaker(hours)

    for _ in range(FAILURES - 1):
        await call(model, Unavailable("503"))
    assert not model.open
    await call(model, Unavailable("503"))

    assert model.open
    assert await seconds_to_wait(model) == FIRST_PAUSE


@pytest.mark.parametrize("answer", [None, RecordInvalid("invalid_request", "bad")])
async def test_an_answer_in_between_keeps_it_closed(
    hours: Hours, answer: BatchwrightError | None
) -> None:
    model = breaker(hours)

    for _ in range(FAILURES - 1):
        await call(model, Unavailable("503"))
    await call(model, answer)
    for _ in range(FAILURES - 1):
        await call(model, Unavailable("503"))

    assert not model.open


@pytest.mark.parametrize("fault", [Throttled("429"), ServiceFault("500"), TimedOut("late")])
async def test_what_may_be_the_requests_own_fault_never_opens_it(
    hours: Hours, fault: BatchwrightError
) -> None:
    model = breaker(hours)

    for _ in range(3 * FAILURES):
        await call(model, fault)

    assert not model.open


async def test_after_the_pause_one_call_tries_and_the_others_wait_for_it(hours: Hours) -> None:
    model = await opened(hours)
    hours.time = FIRST_PAUSE

    async with model.call():
        assert await seconds_to_wait(model) == PROBING

    assert not model.open
    await call(model)


@pytest.mark.parametrize("fault", [Unavailable("503"), ServiceFault("500"), TimedOut("late")])
async def test_the_pauses_grow_up_to_the_longest_while_the_model_stays_down(
    hours: Hours, fault: BatchwrightError
) -> None:
    model, pauses = await opened(hours), [FIRST_PAUSE]

    for _ in range(6):
        hours.time += pauses[-1]
        await call(model, fault)
        pauses.append(await seconds_to_wait(model) or 0)

    assert pauses == [2, 4, 8, 16, 32, 60, LONGEST_PAUSE]


async def test_a_model_that_came_back_begins_with_a_short_pause_again(hours: Hours) -> None:
    model = await opened(hours)
    hours.time = FIRST_PAUSE
    await call(model, Unavailable("503"))
    hours.time += 2 * FIRST_PAUSE
    await call(model)

    for _ in range(FAILURES):
        await call(model, Unavailable("503"))

    assert await seconds_to_wait(model) == FIRST_PAUSE


async def test_a_throttled_probe_closes_it_for_the_model_is_up(hours: Hours) -> None:
    model = await opened(hours)
    hours.time = FIRST_PAUSE

    await call(model, Throttled("429"))

    assert not model.open


async def test_a_probe_that_was_given_up_leaves_the_next_call_to_try(hours: Hours) -> None:
    model = await opened(hours)
    hours.time = FIRST_PAUSE

    await call(model, KeyboardInterrupt())
    assert model.open
    await call(model)

    assert not model.open


async def test_an_answer_that_was_under_way_closes_it(hours: Hours) -> None:
    model = breaker(hours)

    async with model.call():
        for _ in range(FAILURES):
            await call(model, Unavailable("503"))
        assert model.open

    assert not model.open


async def test_the_pause_is_jittered(hours: Hours) -> None:
    assert await seconds_to_wait(await opened(hours, lambda: 0.0)) == FIRST_PAUSE / 2


async def test_a_model_that_denied_one_call_is_not_asked_again(hours: Hours) -> None:
    model = breaker(hours)
    await call(model, AccessDenied("no access"))

    with pytest.raises(AccessDenied, match="no access"):
        await call(model)


async def test_a_call_passes_without_a_look_at_the_table_after_the_first(
    hours: Hours, table: Lost
) -> None:
    model = breaker(hours, circuits=table)

    await asyncio.gather(*(call(model) for _ in range(50)))

    assert table.asked == ["state"]


async def test_a_worker_that_begins_while_a_model_is_down_does_not_ask_it(
    hours: Hours, table: Lost
) -> None:
    await fail(breaker(hours, circuits=table))
    hours.time = 0.5

    late = breaker(hours, circuits=table, holder="late")

    assert await seconds_to_wait(late) == FIRST_PAUSE - 0.5
    assert late.open


async def test_of_all_workers_one_at_a_time_tries(hours: Hours, table: Lost) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE

    async with one.call():
        assert await seconds_to_wait(other) == PROBING
        hours.time += PROBING
        assert await seconds_to_wait(other) == PROBING


async def test_when_one_has_found_it_back_all_ask_again(hours: Hours, table: Lost) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE

    async with one.call():
        assert await seconds_to_wait(other) == PROBING
    hours.time += PROBING
    for _ in range(3):
        await call(other)

    assert not one.open
    assert not other.open
    assert await seconds_of_who_begins(hours, table) is None


async def seconds_of_who_begins(hours: Hours, table: Lost) -> float | None:
    """How long a worker that begins now has to wait, if at all."""
    try:
        await call(breaker(hours, circuits=table, holder="beginner"))
    except Unavailable as fault:
        return fault.retry_after
    return None


async def test_when_one_has_found_it_down_still_all_wait_for_the_longer_pause(
    hours: Hours, table: Lost
) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE

    await call(one, Unavailable("503"))

    assert await seconds_to_wait(one) == 2 * FIRST_PAUSE
    assert await seconds_to_wait(other) == 2 * FIRST_PAUSE
    assert await seconds_of_who_begins(hours, table) == 2 * FIRST_PAUSE


async def test_who_finds_it_down_while_another_tries_leaves_the_try_alone(
    hours: Hours, table: Lost
) -> None:
    one, other = (breaker(hours, circuits=table, holder=name) for name in ("one", "other"))
    await call(other)
    await fail(one)
    hours.time = FIRST_PAUSE

    async with one.call():
        await fail(other)
        assert table.state("bedrock#" + MODEL).holder == "one"


async def test_an_answer_that_was_under_way_is_not_told_to_the_others(
    hours: Hours, table: Lost
) -> None:
    model = breaker(hours, circuits=table)

    async with model.call():
        await fail(model)

    assert not model.open
    assert "close" not in table.asked


async def test_a_model_that_denies_a_probe_is_not_down(hours: Hours, table: Lost) -> None:
    model = breaker(hours, circuits=table)
    await fail(model)
    hours.time = FIRST_PAUSE

    await call(model, AccessDenied("no access"))

    assert await seconds_of_who_begins(hours, table) is None


@pytest.mark.parametrize("given_up", [LeftForLater(), asyncio.CancelledError()])
async def test_who_is_to_try_and_leaves_without_a_word_of_the_model_lets_another_try_at_once(
    hours: Hours, table: Lost, given_up: BaseException
) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE

    await call(one, given_up)
    assert table.state("bedrock#" + MODEL) == Circuit(opened_at=0, failures=FAILURES)
    await call(other)

    assert not other.open


async def test_who_is_to_try_leaves_it_to_others_also_when_an_older_call_was_answered_meanwhile(
    hours: Hours, table: Lost
) -> None:
    model = breaker(hours, circuits=table)

    async with model.call():
        await fail(model)
        hours.time = FIRST_PAUSE
        probe = await model.begin()
    await model.ended(LeftForLater(), probe=probe)

    assert probe
    assert table.state("bedrock#" + MODEL) == Circuit(opened_at=0, failures=FAILURES)


async def test_a_probe_of_a_worker_that_died_is_made_by_another_a_minute_later(
    hours: Hours, table: Lost
) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE
    await one.begin()

    assert await seconds_to_wait(other) == PROBING
    hours.time += 60
    await call(other)

    assert not other.open


@pytest.mark.parametrize("fault", [LeftForLater(), TimedOut("late"), Unavailable("503")])
async def test_a_probe_that_ends_when_another_has_found_the_model_back_does_not_take_it_for_down(
    hours: Hours, table: Lost, fault: BaseException
) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE
    probe = await one.begin()
    hours.time += 60
    await call(other)

    await one.ended(fault, probe=probe)

    assert table.state("bedrock#" + MODEL) == Circuit()
    hours.time += PROBING
    await call(one)
    assert not one.open


@pytest.mark.parametrize("fault", [LeftForLater(), TimedOut("late"), Unavailable("503")])
async def test_a_probe_that_ends_while_another_tries_leaves_that_try_alone(
    hours: Hours, table: Lost, fault: BaseException
) -> None:
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE
    probe = await one.begin()
    hours.time += 60

    async with other.call():
        await one.ended(fault, probe=probe)
        assert table.state("bedrock#" + MODEL).holder == "other"
        hours.time += PROBING
        assert await seconds_to_wait(one) == PROBING


async def test_who_is_given_up_while_it_asks_to_try_lets_another_try_at_once(
    hours: Hours,
) -> None:
    table = Slow(hours.now, slow="half_open")
    one, other = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE
    asking = asyncio.create_task(one.begin())
    await asyncio.to_thread(table.reached.wait, 60)

    asking.cancel()
    table.let.set()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert table.state("bedrock#" + MODEL) == Circuit(opened_at=0, failures=FAILURES)
    await call(other)
    assert not other.open


@pytest.mark.parametrize("fault", [LeftForLater(), Unavailable("503")])
async def test_no_record_tries_while_its_worker_tells_how_the_last_try_ended(
    hours: Hours, fault: BaseException
) -> None:
    table = Slow(hours.now, slow="open_again")
    one, _ = await two_who_found_it_down(hours, table)
    hours.time = FIRST_PAUSE
    telling = asyncio.create_task(call(one, fault))
    await asyncio.to_thread(table.reached.wait, 60)

    hours.time += LONGEST_PAUSE - 1
    assert await seconds_to_wait(one) == PROBING
    table.let.set()
    await telling
    await call(one)

    assert not one.open
    assert await seconds_of_who_begins(hours, table) is None


@pytest.mark.parametrize("back", [True, False])
async def test_without_the_table_a_worker_decides_alone(
    hours: Hours, table: Lost, back: bool
) -> None:
    model = breaker(hours, circuits=table)
    await fail(model)
    table.gone = True
    hours.time = FIRST_PAUSE

    await call(model, None if back else Unavailable("503"))
    assert model.open is not back
    if not back:
        hours.time += 2 * FIRST_PAUSE
        await call(model)

    assert not model.open


async def test_what_could_not_be_told_is_told_when_the_table_is_back(
    hours: Hours, table: Lost
) -> None:
    model = breaker(hours, circuits=table)
    table.gone = True
    await fail(model)
    table.gone = False
    hours.time = FIRST_PAUSE

    await call(model, Unavailable("503"))

    assert await seconds_of_who_begins(hours, table) == 2 * FIRST_PAUSE


async def test_routes_to_other_places_or_tiers_are_other_circuits(
    hours: Hours, table: Lost
) -> None:
    breakers = Breakers(
        circuits=table, holder="one", now=hours.now, time=hours.now, chance=lambda: 1.0
    )
    await fail(breakers.of(Route(model=MODEL)))

    assert breakers.of(Route(model=MODEL, rpm=5)).open
    await call(breakers.of(Route(model=MODEL, tier="flex")))
    with pytest.raises(Unavailable):
        await call(breakers.of(Route(model=MODEL)))


async def test_where_the_table_takes_no_word_the_pauses_grow_all_the_same(hours: Hours) -> None:
    class Mute(MemoryCircuits):
        def half_open(self, *_: object, **__: object) -> bool:
            raise Unavailable("the table")

        def open(self, *_: object, **__: object) -> None:
            raise Unavailable("the table")

    table = Mute(hours.now)
    table.circuits["bedrock#" + MODEL] = Circuit(opened_at=0, failures=FAILURES)
    model, pauses = breaker(hours, circuits=table), [FIRST_PAUSE]
    hours.time = FIRST_PAUSE

    for _ in range(3):
        await call(model, Unavailable("503"))
        pauses.append(await seconds_to_wait(model) or 0)
        hours.time += pauses[-1]

    assert pauses == [2, 4, 8, 16]
