from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.lengths import CUT, FEW, NEWEST, Earlier, Lengths

LENGTHS = st.lists(st.integers(0, 5000), max_size=3 * NEWEST)
LIMITS = st.integers(1, 10_000)


def seen(*lengths: int) -> Lengths:
    all_of_them = Lengths()
    for length in lengths:
        all_of_them.add(length)
    return all_of_them


@given(LENGTHS, LIMITS, LIMITS, LIMITS)
def test_a_limit_is_never_above_the_users_nor_below_what_must_be_granted(
    lengths: list[int], most: int, least: int, cut: int
) -> None:
    known = seen(*lengths)
    known.cut(cut)

    limit = known.limit(most, least)

    assert min(most, least) <= limit <= most
    assert limit >= 1


@given(LENGTHS.filter(bool), LIMITS)
def test_whatever_was_among_the_newest_fits_with_room_to_spare(
    lengths: list[int], most: int
) -> None:
    newest = deque(lengths, NEWEST)

    assert seen(*lengths).longest == max(newest)
    assert seen(*lengths).limit(most) >= min(most, 1.1 * max(newest))


def test_nothing_is_cut_before_anything_is_known() -> None:
    assert Lengths().limit(2048) == 2048


def test_the_fewer_answers_are_known_the_more_is_left_above_them() -> None:
    limits = [seen(*[60] * count).limit(2048) for count in (1, 5, FEW, NEWEST)]

    assert limits == [742, 214, 148, 85]


def test_a_cut_raises_the_limit_at_once() -> None:
    known = seen(*[60] * NEWEST)
    before = known.limit(2048)

    known.cut(before)

    assert known.limit(2048) >= CUT * before


def test_what_is_long_ago_is_forgotten() -> None:
    known = seen(2000, *[60] * (NEWEST - 1))
    assert known.limit(4096) > 2000

    known.add(60)

    assert known.limit(4096) < 110


def test_a_worker_that_has_seen_little_believes_the_others() -> None:
    known = seen(10)
    known.hear(seen=NEWEST, longest=300)

    assert known.limit(2048) > 300

    for _ in range(NEWEST):
        known.add(10)
    assert known.limit(2048) < 50, "its own records may be of another kind"


def test_answers_of_earlier_jobs_count_as_few_however_many_there_were() -> None:
    known = Lengths(earlier=Earlier(seen=50_000, longest=60))

    assert known.limit(2048) == seen(*[60] * FEW).limit(2048) == 148


def test_earlier_answers_count_for_nothing_once_the_job_has_enough_of_its_own() -> None:
    worker, another = (Lengths(earlier=Earlier(seen=NEWEST, longest=900)) for _ in range(2))
    for _ in range(NEWEST - 1):
        worker.add(60)
    assert worker.limit(2048) > 900

    worker.add(60)
    another.hear(seen=NEWEST, longest=60)

    assert worker.limit(2048) < 100
    assert another.limit(2048) < 100


@pytest.mark.parametrize(("own", "handed_on"), [(1, 896), (50, 690), (NEWEST, 60)])
def test_what_earlier_jobs_saw_fades_by_what_is_seen_of_another(own: int, handed_on: int) -> None:
    known = Lengths(earlier=Earlier(seen=NEWEST, longest=900))
    for _ in range(own):
        known.add(60)

    assert known.handed_on == handed_on


def test_a_longer_answer_is_handed_on_at_once() -> None:
    known = Lengths(earlier=Earlier(seen=NEWEST, longest=60))

    known.cut(400)

    assert known.handed_on == CUT * 400


def test_what_a_job_tells_its_workers_holds_nothing_of_earlier_jobs() -> None:
    known = Lengths(earlier=Earlier(seen=NEWEST, longest=900))
    known.add(60)

    assert known.of_the_job == 60
