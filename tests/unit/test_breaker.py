from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from batchwright.breaker import FAILURES, FIRST_PAUSE, LONGEST_PAUSE, PROBING, Breaker
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from tests.fakes import MODEL


@dataclass
class Hours:
    """A clock that is set by hand."""

    time: float = 0.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def hours() -> Hours:
    return Hours()


def breaker(hours: Hours, chance: Callable[[], float] = lambda: 1.0) -> Breaker:
    return Breaker(MODEL, now=hours.now, chance=chance)


def call(model: Breaker, fault: BaseException | None = None) -> None:
    """Make a call that ends so; what it raises is swallowed where it is what the model did."""
    ends = pytest.raises(type(fault)) if fault is not None else nullcontext()
    with ends as caught, model.call():
        if fault is not None:
            raise fault
    assert fault is None or caught.value is fault


def opened(hours: Hours, chance: Callable[[], float] = lambda: 1.0) -> Breaker:
    model = breaker(hours, chance)
    for _ in range(FAILURES):
        call(model, Unavailable("503"))
    return model


def seconds_to_wait(model: Breaker) -> float | None:
    with pytest.raises(Unavailable, match="is down") as caught:
        call(model)
    return caught.value.retry_after


def test_it_opens_when_the_model_was_down_so_often_in_a_row(hours: Hours) -> None:
    model = breaker(hours)

    for _ in range(FAILURES - 1):
        call(model, Unavailable("503"))
    assert not model.open
    call(model, Unavailable("503"))

    assert model.open
    assert seconds_to_wait(model) == FIRST_PAUSE


@pytest.mark.parametrize("answer", [None, RecordInvalid("invalid_request", "bad")])
def test_an_answer_in_between_keeps_it_closed(
    hours: Hours, answer: BatchwrightError | None
) -> None:
    model = breaker(hours)

    for _ in range(FAILURES - 1):
        call(model, Unavailable("503"))
    call(model, answer)
    for _ in range(FAILURES - 1):
        call(model, Unavailable("503"))

    assert not model.open


@pytest.mark.parametrize("fault", [Throttled("429"), ServiceFault("500"), TimedOut("late")])
def test_what_may_be_the_requests_own_fault_never_opens_it(
    hours: Hours, fault: BatchwrightError
) -> None:
    model = breaker(hours)

    for _ in range(3 * FAILURES):
        call(model, fault)

    assert not model.open


def test_after_the_pause_one_call_tries_and_the_others_wait_for_it(hours: Hours) -> None:
    model = opened(hours)
    hours.time = FIRST_PAUSE

    with model.call():
        assert seconds_to_wait(model) == PROBING

    assert not model.open
    call(model)


@pytest.mark.parametrize("fault", [Unavailable("503"), ServiceFault("500"), TimedOut("late")])
def test_the_pauses_grow_up_to_the_longest_while_the_model_stays_down(
    hours: Hours, fault: BatchwrightError
) -> None:
    model, pauses = opened(hours), [FIRST_PAUSE]

    for _ in range(6):
        hours.time += pauses[-1]
        call(model, fault)
        pauses.append(seconds_to_wait(model) or 0)

    assert pauses == [2, 4, 8, 16, 32, 60, LONGEST_PAUSE]


def test_a_model_that_came_back_begins_with_a_short_pause_again(hours: Hours) -> None:
    model = opened(hours)
    hours.time = FIRST_PAUSE
    call(model, Unavailable("503"))
    hours.time += 2 * FIRST_PAUSE
    call(model)

    for _ in range(FAILURES):
        call(model, Unavailable("503"))

    assert seconds_to_wait(model) == FIRST_PAUSE


def test_a_throttled_probe_closes_it_for_the_model_is_up(hours: Hours) -> None:
    model = opened(hours)
    hours.time = FIRST_PAUSE

    call(model, Throttled("429"))

    assert not model.open


def test_a_probe_that_was_given_up_leaves_the_next_call_to_try(hours: Hours) -> None:
    model = opened(hours)
    hours.time = FIRST_PAUSE

    call(model, KeyboardInterrupt())
    assert model.open
    call(model)

    assert not model.open


def test_an_answer_that_was_under_way_closes_it(hours: Hours) -> None:
    model = breaker(hours)

    with model.call():
        for _ in range(FAILURES):
            call(model, Unavailable("503"))
        assert model.open

    assert not model.open


def test_the_pause_is_jittered(hours: Hours) -> None:
    assert seconds_to_wait(opened(hours, lambda: 0.0)) == FIRST_PAUSE / 2


def test_a_model_that_denied_one_call_is_not_asked_again(hours: Hours) -> None:
    model = breaker(hours)
    call(model, AccessDenied("no access"))

    with pytest.raises(AccessDenied, match="no access"):
        call(model)
