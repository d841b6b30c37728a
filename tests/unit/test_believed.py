"""What is believed of a limit, and what a refusal changes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.believed import (
    believed,
    first_guess,
    lowered,
    reopens,
    suspicious,
    unsettled,
)
from batchwright.schedule import JOB_NUMBERS, MINUTE, SECOND, Item, share, slot, stale, used

NOW = 1_800_000_005_000
MINUTE_AGO = NOW - MINUTE
LIMIT = 500_000.0


def after(
    item: Item, refused: int, now: int, limit: float = LIMIT, *, under: int | None = None
) -> dict[str, int]:
    """The item as a refusal leaves it, if it changes anything."""
    known = item.get("lowered", 0)
    change = lowered(item, limit, refused, now, under=known if under is None else under)
    marks = {"refused": refused} | ({} if suspicious(item) else {"since": now})
    return {**item, **marks, **(change.put if change else {})}


def test_where_nothing_was_refused_no_limit_is_believed_in() -> None:
    assert believed({}, NOW) is None


def test_the_first_quarter_of_a_usual_minute_may_go_fast() -> None:
    assert first_guess({"began": NOW}, NOW, LIMIT) == LIMIT
    assert first_guess({"began": NOW - 9 * SECOND, slot(NOW): 100_000}, NOW, LIMIT) == 4 * LIMIT
    assert first_guess({"began": NOW - 9 * SECOND, slot(NOW): 125_000}, NOW, LIMIT) < 1.4 * LIMIT


def test_what_is_tried_first_doubles_as_long_as_it_is_used() -> None:
    busy = {"began": NOW - 60 * SECOND, slot(NOW): 2_000_000}
    idle = {"began": NOW - 60 * MINUTE, slot(NOW): 150_000}

    assert first_guess(busy, NOW, LIMIT) == 8 * LIMIT
    assert first_guess(idle, NOW, LIMIT) == 600_000


def test_a_refusal_lowers_the_limit_once_for_all() -> None:
    item = after({"began": MINUTE_AGO, slot(NOW): 80_000}, NOW - 20, NOW)

    assert believed(item, NOW) == pytest.approx(0.93 * LIMIT, rel=0.01)
    assert lowered(item, LIMIT, NOW + 10, NOW + 30, under=0) is None
    passed = {**item, "passed": NOW + 20}
    assert lowered(passed, LIMIT, NOW + 25, NOW + 30, under=0) is None, "its turn was of before"
    assert lowered(passed, LIMIT, NOW + 25, NOW + 30, under=NOW) is not None


def test_a_guess_is_halved() -> None:
    change = lowered({slot(NOW): 20_000}, LIMIT, NOW - 20, NOW, under=0, guessed=True)

    assert change is not None
    assert (change.put["base"], change.put["top"]) == (0.5 * LIMIT, 0.75 * LIMIT)


def test_a_guess_that_is_far_too_high_falls_at_once_to_what_goes_through() -> None:
    began = {"began": NOW - SECOND}
    far, farther, none = (
        lowered({**began, slot(NOW): through}, LIMIT, NOW - 20, NOW, under=0, guessed=True)
        for through in (5_000, 100, 0)
    )

    assert far is not None
    assert farther is not None
    assert none is not None
    assert (far.put["base"], far.put["top"]) == (5_000 * 30, 5_000 * 60), (
        "in two seconds, with a burst"
    )
    assert farther.put["base"] == LIMIT / 8, "a guess is not that wrong"
    assert none.put["base"] == LIMIT / 2, "nothing is known"


def test_what_goes_through_is_reckoned_from_the_newest_calls_where_few_were_made_before() -> None:
    item = {"began": NOW - 50 * SECOND, slot(NOW - 50 * SECOND): 100, slot(NOW): 30_000}
    change = lowered(item, LIMIT, NOW - 20, NOW, under=0, guessed=True)

    assert change is not None
    assert change.put["base"] == 30_000 * 60 // 16, "the slots before this one and up to now: 15 s"


def test_a_limit_is_settled_where_it_fell_little_or_long_ago() -> None:
    little = {"lowered": NOW, "top": 98, "base": 93}
    deep = {"lowered": NOW, "top": 90, "base": 60}

    assert unsettled({}, NOW), "nothing was refused"
    assert unsettled(deep, NOW + 14 * SECOND)
    assert not unsettled(deep, NOW + 15 * SECOND)
    assert not unsettled(little, NOW)


def test_no_limit_is_believed_to_be_less_than_half_of_what_went_through_in_a_minute() -> None:
    change = lowered({slot(NOW): 700_000}, LIMIT, NOW - 20, NOW, under=0, guessed=True)

    assert change is not None
    assert change.put["base"] == 350_000


def test_two_who_saw_the_same_lower_it_only_once() -> None:
    first, second = (lowered({}, LIMIT, NOW - 20, NOW, under=0) for _ in range(2))

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
    assert limits[0] / LIMIT == pytest.approx(0.75, abs=0.05)
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
        now = NOW + second * SECOND
        assert lowered(item, LIMIT, now, now, under=item["lowered"]) is None


def test_workers_come_back_when_a_window_begins_and_one_after_the_other_where_that_is_not_known() -> (
    None
):
    used_up = {"since": NOW, "refused": NOW + 4 * SECOND, "passed": NOW - SECOND}
    known = {**used_up, "opened": NOW - 90 * SECOND}

    assert reopens(used_up, NOW + SECOND, 0.5) is None, "that may be nothing"
    assert reopens(used_up, NOW + 4 * SECOND, 0.5) == NOW + 32 * SECOND
    assert reopens(known, NOW + 4 * SECOND, 0.5) == NOW + 30 * SECOND + SECOND // 2
    assert reopens(known, NOW + 34 * SECOND, 0.0) == NOW + 34 * SECOND, "it was wrong"
    assert reopens(used_up, NOW + MINUTE, 0.5) is None, "so long is no window"
    assert reopens({**used_up, "passed": NOW + 5 * SECOND}, NOW + 6 * SECOND, 0.5) is None


def test_calls_that_pass_now_and_then_while_a_window_is_used_up_change_nothing() -> None:
    item = after({"given": NOW, slot(NOW): 200_000}, NOW - 20, NOW, 4 * LIMIT)
    item = {**item, "passed": NOW - 10, "refused": NOW + SECOND, "since": NOW - 20}

    for second in (1, 2):
        now = NOW + second * SECOND
        assert lowered(item, LIMIT, now, now, under=item["lowered"]) is None
    assert after(item, NOW + 4 * SECOND, NOW + 4 * SECOND)["windows"] == 1


def test_a_quiet_limit_comes_back_rests_and_feels_its_way_up() -> None:
    item = {"lowered": NOW, "top": 98_000, "base": 93_000}
    using = {slot(NOW + second * SECOND): 16_000 for second in range(0, 600, 10)}

    def at(seconds: float) -> float:
        return believed(item | using, NOW + int(seconds * SECOND)) or 0

    assert at(0) == 93_000
    assert 97_000 < at(10) < 98_000
    assert 98_000 <= at(45) < 99_500
    assert at(75) == pytest.approx(98_000 * 1.1, rel=0.001)
    assert at(115) == pytest.approx(98_000 * 1.463, rel=0.001)


def test_the_limit_of_a_window_is_passed_by_little() -> None:
    item = {"lowered": NOW, "top": 98_000, "base": 98_000, "windows": 1, slot(NOW): 96_000}

    assert believed(item, NOW + 75 * SECOND) == 98_000, "nobody used it since"
    item[slot(NOW + 70 * SECOND)] = 96_000
    assert believed(item, NOW + 75 * SECOND) == pytest.approx(98_000 * 1.02, rel=0.001)


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

        assert 0 < limit <= max(LIMIT, 1.3 * sum(each for _, _, each in refusals))


def test_slots_that_are_older_than_a_minute_do_not_count_and_are_forgotten() -> None:
    item = {slot(NOW): 5, slot(NOW - 50 * SECOND): 7, slot(NOW - 80 * SECOND): 11}

    assert used(item, NOW) == 12
    assert stale(item, NOW) == {slot(NOW - 80 * SECOND)}


def test_a_job_that_takes_nothing_any_more_has_no_share_and_is_forgotten() -> None:
    item = {name + "a": 7 for name in JOB_NUMBERS} | {"job#a": NOW - 61 * SECOND}

    assert share(item, "b", 5, NOW) == 1
    assert stale(item, NOW) == set(item)
