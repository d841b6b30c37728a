"""What is believed of a limit, and what a refusal changes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.believed import believed, first_guess, lowered, suspicious
from batchwright.schedule import JOB_NUMBERS, MINUTE, SECOND, Item, share, slot, stale, used

NOW = 1_800_000_005_000
MINUTE_AGO = NOW - MINUTE
LIMIT = 500_000.0


def after(item: Item, refused: int, now: int, limit: float = LIMIT) -> dict[str, int]:
    """The item as a refusal leaves it, if it changes anything."""
    change = lowered(item, limit, refused, now)
    marks = {"refused": refused} | ({} if suspicious(item) else {"since": now})
    return {**item, **marks, **(change.put if change else {})}


def test_where_nothing_was_refused_no_limit_is_believed_in() -> None:
    assert believed({}, NOW) is None


def test_what_is_tried_first_doubles_as_long_as_it_is_used() -> None:
    busy = {"began": NOW - 16 * SECOND, slot(NOW): 30_000}
    idle = {"began": NOW - MINUTE * 60}

    assert first_guess({"began": NOW}, NOW) == 60_000
    assert first_guess(busy, NOW) == 240_000
    assert first_guess(idle, NOW) == 60_000


def test_a_refusal_lowers_the_limit_once_for_all() -> None:
    item = after({"began": MINUTE_AGO, slot(NOW): 80_000}, NOW - 20, NOW)

    assert believed(item, NOW) == pytest.approx(0.93 * LIMIT, rel=0.01)
    assert lowered(item, LIMIT, NOW + 10, NOW + 30) is None
    assert lowered(item, LIMIT, NOW - 10, NOW + 9 * SECOND) is None


def test_a_guess_that_nobody_went_near_is_lowered_to_what_was_used() -> None:
    item = {slot(NOW): 20_000}
    change = lowered(item, LIMIT, NOW - 20, NOW, guessed=True)

    assert change is not None
    assert (change.put["base"], change.put["top"]) == (180_000, 360_000)


def test_two_who_saw_the_same_lower_it_only_once() -> None:
    first, second = (lowered({}, LIMIT, NOW - 20, NOW) for _ in range(2))

    assert first is not None
    assert second is not None
    assert second.within == {"lowered": (None, 0)}
    assert first.put["lowered"] == NOW


def test_refusals_that_go_on_though_calls_pass_lower_it_further_and_faster() -> None:
    item: dict[str, int] = after({slot(NOW): 80_000}, NOW - 20, NOW)
    limits = []
    for step in range(1, 6):
        now = NOW + step * 4 * SECOND
        item = after({**item, "passed": now - SECOND}, now - 20, now, believed(item, now) or 0)
        limits.append(believed(item, now) or 0)

    assert limits == sorted(limits, reverse=True)
    assert limits[1] / limits[0] == pytest.approx(0.9, abs=0.02)
    assert limits[4] / limits[3] == pytest.approx(0.75, abs=0.1)


def test_of_a_window_that_is_used_up_what_went_through_is_the_limit() -> None:
    item = after({"given": NOW, slot(NOW): 200_000}, NOW - 20, NOW, 4 * LIMIT)

    item = after(item, NOW + 4 * SECOND, NOW + 4 * SECOND)

    assert item["windows"] == 1
    assert believed(item, NOW + 5 * SECOND) == pytest.approx(0.99 * 200_000, abs=1)


def test_however_long_a_window_stays_used_up_it_is_lowered_once() -> None:
    item = after({"given": NOW, slot(NOW): 200_000}, NOW - 20, NOW, 4 * LIMIT)
    item = after(item, NOW + 4 * SECOND, NOW + 4 * SECOND)

    for second in range(6, 60, 2):
        assert lowered(item, LIMIT, NOW + second * SECOND, NOW + second * SECOND) is None


def test_a_quiet_limit_comes_back_rests_and_feels_its_way_up() -> None:
    item = {"lowered": NOW, "top": 98_000, "base": 93_000}
    using = {slot(NOW + second * SECOND): 16_000 for second in range(0, 600, 10)}

    def at(seconds: float) -> float:
        return believed(item | using, NOW + int(seconds * SECOND)) or 0

    assert at(0) == 93_000
    assert 97_000 < at(10) < 98_000
    assert 98_000 <= at(45) < 98_700
    assert at(75) == pytest.approx(98_000 * 1.02, rel=0.001)
    assert at(195) == pytest.approx(98_000 * 1.18, rel=0.001)


def test_a_limit_that_nobody_tries_does_not_grow() -> None:
    item = {"lowered": NOW, "top": 98_000, "base": 93_000}

    assert believed(item, NOW + 30 * MINUTE) == 98_000


@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.booleans(), st.integers(0, 10**6)), max_size=40)
)
def test_whatever_happens_a_limit_is_believed_in_that_lets_something_through(
    refusals: list[tuple[int, bool, int]],
) -> None:
    item: dict[str, int] = {}
    now, limit = NOW, LIMIT
    for wait, passes, tokens in refusals:
        now += wait
        item = {**item, slot(now): tokens} | ({"passed": now - 50} if passes else {})
        item = after(item, now - 20, now, limit)
        limit = believed(item, now) or limit

        assert 0 < limit <= LIMIT * 2


def test_slots_that_are_older_than_a_minute_do_not_count_and_are_forgotten() -> None:
    item = {slot(NOW): 5, slot(NOW - 50 * SECOND): 7, slot(NOW - 80 * SECOND): 11}

    assert used(item, NOW) == 12
    assert stale(item, NOW) == {slot(NOW - 80 * SECOND)}


def test_a_job_that_takes_nothing_any_more_has_no_share_and_is_forgotten() -> None:
    item = {name + "a": 7 for name in JOB_NUMBERS} | {"job#a": NOW - 61 * SECOND}

    assert share(item, "b", 5, NOW) == 1
    assert stale(item, NOW) == set(item)
