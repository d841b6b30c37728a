"""Whole fleets on a virtual clock: the real turnstile and the model host's own limits, seeded, without sleeping."""

from collections import Counter
from dataclasses import replace
from statistics import mean

import pytest

from batchwright.quotas import Quota
from tests.emulator.host.behaviour import LimitModel
from tests.simulation import MINUTE, SECOND, START, Fleet, Job

BOTH = pytest.mark.parametrize("limit_model", ["window", "bucket"])
FAST = Quota(rpm=3000)
HALF = Quota(rpm=1500)
TOKENS = Quota(tpm=500_000)
LARGE = Quota(tpm=2_000_000)
# No worker is paid for waiting longer than so many seconds without a turn: then the workflow waits.
LONGEST_WAIT = 9
CROWD = Job(workers=500, input_tokens=1500, output_tokens=300, max_tokens=1000, latency=4000)


def fleet(
    *jobs: Job,
    limit_model: LimitModel,
    limit: Quota = FAST,
    table_fails: tuple[int, int] = (0, 0),
) -> Fleet:
    return Fleet(
        jobs=[*jobs], limit_model=limit_model, limit=limit, seed=7, table_fails=table_fails
    )


@BOTH
def test_eight_workers_use_a_limit_that_they_were_told_and_nothing_is_refused(
    limit_model: LimitModel,
) -> None:
    run = fleet(Job(told=FAST), limit_model=limit_model).run(minutes=3)

    assert run.calls() >= 0.98 * 3 * 3000
    assert run.refused_part() <= 0.005
    assert len(run.writes) <= 0.05 * run.calls()
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
def test_workers_that_come_and_go_use_a_limit_though_what_they_read_of_it_is_a_second_old(
    limit_model: LimitModel,
) -> None:
    deaths = {number: 10 * SECOND * (number + 1) for number in range(8)}
    run = fleet(Job(told=FAST, dies_after=deaths), limit_model=limit_model)
    run.reads_are_old = 1000
    run.run(minutes=3)

    # What the dead had leased passes unused.
    assert run.calls() >= 0.95 * 3 * 3000
    assert run.refused_part() <= 0.005
    assert len(run.writes) <= 0.05 * run.calls()


@BOTH
def test_workers_with_few_calls_in_flight_use_a_limit_to_the_end_of_their_chunks(
    limit_model: LimitModel,
) -> None:
    """1,500 records take 30 seconds: nobody may hold turns that it has no records for."""
    job = Job(in_flight=16, told=FAST, latency=200, records=1500, dealt=True)
    run = fleet(job, limit_model=limit_model).run(minutes=1)

    assert run.calls() == 8 * (1500 // 8)
    assert run.lasted() <= 30 / 0.98
    assert run.refused_part() == 0
    assert len(run.writes) <= 0.05 * run.calls()


def test_workers_that_are_slower_than_the_fleet_lease_for_longer() -> None:
    """Sixteen answers of two seconds at once: a worker cannot take two turns of the fleet one after the other."""
    run = fleet(Job(in_flight=16, told=FAST, latency=2000), limit_model="bucket").run(minutes=3)

    assert run.calls() >= 0.96 * 3 * 3000
    assert run.refused_part() == 0
    assert len(run.writes) <= 0.05 * run.calls()


@BOTH
def test_two_dozen_workers_use_a_small_limit(limit_model: LimitModel) -> None:
    limit = Quota(rpm=600)
    run = fleet(Job(workers=24, told=limit), limit_model=limit_model, limit=limit).run(minutes=3)

    assert run.calls() >= 0.98 * 3 * 600
    assert run.refused_part() <= 0.005
    assert len(run.writes) <= 0.5 * run.calls()
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
@pytest.mark.parametrize("usual", [400_000, 4_000_000])
def test_a_limit_that_nobody_told_is_known_after_two_minutes(
    limit_model: LimitModel, usual: int
) -> None:
    run = fleet(Job(usual=usual), limit_model=limit_model).run(minutes=6)

    assert run.calls(2, 6) >= 0.9 * 4 * 3000
    assert run.refused_part(2, 6) <= 0.01
    assert run.refused_part() <= 0.03
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
def test_a_guess_that_is_two_dozen_times_too_high_is_right_after_seconds(
    limit_model: LimitModel,
) -> None:
    """Answers come fast: all 128 calls that may be in flight are out before anything is known."""
    job = Job(in_flight=16, latency=200, input_tokens=64, usual=4_000_000, records=3600, dealt=True)
    fleets = [
        Fleet(jobs=[job], limit_model=limit_model, limit=Quota(rpm=1200), seed=seed)
        for seed in range(1, 7)
    ]
    runs = [fleet.run(minutes=4) for fleet in fleets]

    # Of one run in five the first fall is too deep.
    assert mean(run.calls(0, 1) for run in runs) >= 0.85 * 1200
    assert min(run.calls(0, 1) for run in runs) >= 0.6 * 1200
    assert max(run.refused_part() for run in runs) <= 0.03
    assert max(len(run.writes) / run.calls() for run in runs) <= 0.15


def test_when_windows_begin_is_known_once_one_was_used_up() -> None:
    run = fleet(Job(), limit_model="window").run(minutes=2)
    (item,) = run.schedules.items.values()

    assert (item["opened"] - START) % MINUTE <= 5 * SECOND


@BOTH
@pytest.mark.parametrize("usual", [200_000, 4_000_000])
def test_five_hundred_workers_that_begin_at_once_learn_a_limit_at_a_price_that_can_be_paid(
    limit_model: LimitModel, usual: int
) -> None:
    run = fleet(replace(CROWD, usual=usual), limit_model=limit_model, limit=LARGE).run(minutes=4)

    assert run.tokens(2, 4) >= 0.85 * 2 * 2_000_000
    assert run.refused_part(0, 1) <= 0.15
    assert run.refused_part(1, 2) <= 0.1
    assert run.refused_part() <= 0.07
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
@pytest.mark.parametrize("usual", [200_000, 4_000_000])
def test_a_small_job_is_done_before_anything_is_learnt(limit_model: LimitModel, usual: int) -> None:
    """A call in flight for every record: without a governor all would be out after two seconds."""
    small = Job(
        workers=1, in_flight=200, records=300, input_tokens=usual // 6000, latency=2000, usual=usual
    )
    run = fleet(small, limit_model=limit_model, limit=Quota(tpm=usual)).run(minutes=1)

    assert len(run.admitted) == 300
    assert run.refused == []
    assert max(at for at, _, _ in run.admitted) - START <= 6 * SECOND


@BOTH
@pytest.mark.parametrize("told", [Quota(), FAST], ids=["learnt", "told"])
def test_a_limit_that_is_halved_is_followed_within_a_minute(
    limit_model: LimitModel, told: Quota
) -> None:
    run = fleet(Job(told=told), limit_model=limit_model).run(minutes=3)
    run.set_limit(HALF)
    run.run(minutes=3)

    assert run.calls(4, 5) >= 0.9 * 1500
    assert run.calls(4, 6) >= 0.9 * 2 * 1500
    assert run.refused_part() <= 0.03
    assert run.longest_wait() <= LONGEST_WAIT


@pytest.mark.parametrize(("limit_model", "used"), [("bucket", 0.9), ("window", 0.6)])
def test_a_limit_that_is_doubled_is_found_by_feeling_the_way_upwards(
    limit_model: LimitModel, used: float
) -> None:
    """Of a window slowly: what passes it is refused until its end."""
    run = fleet(Job(), limit_model=limit_model, limit=HALF).run(minutes=4)
    run.set_limit(FAST)
    run.run(minutes=5)

    assert run.calls(8, 9) >= used * 3000
    assert run.refused_part(4, 9) <= 0.01


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_limit_that_is_halved_stays_used_though_workers_leave(seed: int) -> None:
    job = Job(in_flight=16, told=FAST, latency=200, records=6000, dealt=True)
    run = Fleet(jobs=[job], limit_model="bucket", limit=FAST, seed=seed).run(minutes=1)
    run.set_limit(HALF)
    run.run(minutes=3)

    assert run.calls() == 6000
    assert run.lasted() <= (60 + 120) / 0.95
    assert run.refused_part() <= 0.01
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
def test_a_job_of_more_workers_than_there_is_room_for_ends_as_soon_as_the_limit_allows(
    limit_model: LimitModel,
) -> None:
    """Four minutes' worth of records: at the end nobody may be away whose chunk is all that is left."""
    limit = Quota(rpm=600)
    job = Job(workers=60, told=limit, records=2400, dealt=True)
    run = fleet(job, limit_model=limit_model, limit=limit).run(minutes=6)

    assert run.calls() == 2400
    assert run.rests
    assert run.lasted() <= 240 / 0.98
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
def test_tokens_that_bind_are_used_as_requests_are(limit_model: LimitModel) -> None:
    run = fleet(Job(told=TOKENS), limit_model=limit_model, limit=TOKENS).run(minutes=3)

    assert run.tokens() >= 0.98 * 3 * 500_000
    assert run.refused_part() <= 0.005
    assert run.longest_wait() <= LONGEST_WAIT


def test_limits_of_answers_that_are_far_too_large_cost_a_bucket_nothing() -> None:
    greedy = Job(told=TOKENS, max_tokens=32 * 64)
    run = fleet(greedy, limit_model="bucket", limit=TOKENS).run(minutes=3)

    assert run.tokens() >= 0.98 * 3 * 500_000
    assert run.refused_part() <= 0.005


def test_limits_of_answers_that_are_far_too_large_cost_a_window_what_they_hold_back() -> None:
    """A call holds 2,148 tokens for a second and uses 164: of a window, 1 / (1 + 13.1 / 60) can be had."""
    greedy = Job(told=TOKENS, max_tokens=32 * 64)
    run = fleet(greedy, limit_model="window", limit=TOKENS).run(minutes=5)

    assert run.tokens(1, 5) >= 0.9 * 4 * 500_000 / (1 + 13.1 / 60)
    assert run.refused_part() <= 0.02


@BOTH
def test_two_jobs_share_a_model_by_their_priority(limit_model: LimitModel) -> None:
    low = Job(name="low", priority=2, told=FAST)
    high = Job(name="high", priority=6, told=FAST)
    run = fleet(low, high, limit_model=limit_model).run(minutes=4)

    assert 2.7 <= run.calls(1, 4, "high") / run.calls(1, 4, "low") <= 3.3
    assert run.calls() >= 0.98 * 4 * 3000
    assert run.longest_wait() <= LONGEST_WAIT


def test_a_job_that_ends_gives_its_part_to_the_other_and_nothing_is_refused() -> None:
    short = Job(name="short", told=FAST, records=1500, dealt=True)
    long = Job(name="long", told=FAST)
    run = fleet(short, long, limit_model="bucket").run(minutes=3)

    assert run.calls() >= 0.97 * 3 * 3000
    assert run.refused_part() == 0


def test_eight_jobs_of_a_worker_each_use_a_limit_with_few_writes() -> None:
    jobs = [
        Job(name=f"job-{number}", workers=1, in_flight=16, told=FAST, latency=200)
        for number in range(8)
    ]
    run = fleet(*jobs, limit_model="bucket").run(minutes=4)

    assert run.calls() >= 0.98 * 4 * 3000
    assert run.refused_part() == 0
    assert len(run.writes) <= 0.06 * run.calls()
    assert all(0.9 <= run.calls(1, 4, job.name) / (3 * 3000 / 8) <= 1.1 for job in jobs)


def test_eight_jobs_of_a_worker_each_follow_a_limit_that_is_halved_with_few_writes() -> None:
    jobs = [
        Job(name=f"job-{number}", workers=1, in_flight=16, told=FAST, latency=200)
        for number in range(8)
    ]
    run = fleet(*jobs, limit_model="bucket").run(minutes=1)
    run.set_limit(HALF)
    run.run(minutes=2)

    assert run.calls() >= 0.95 * (3000 + 2 * 1500)
    assert run.refused_part() <= 0.015
    assert len(run.writes) <= 0.1 * run.calls()


@pytest.mark.parametrize("latencies", [(2000, 200), (500, 6000)])
def test_answers_that_take_longer_or_shorter_all_at_once_cost_little(
    latencies: tuple[int, int],
) -> None:
    job = Job(in_flight=64, told=FAST)
    run = fleet(job, limit_model="bucket")
    for latency in latencies * 3:
        run.have_latency(latency)
        run.run(minutes=0.5)

    assert run.calls() >= 0.95 * 3 * 3000
    assert run.refused_part() <= 0.001


def test_the_share_of_a_job_is_not_a_matter_of_its_workers() -> None:
    small, large = Job(name="small", workers=1, told=FAST), Job(name="large", workers=30, told=FAST)
    run = fleet(small, large, limit_model="bucket").run(minutes=3)

    assert 0.85 <= run.calls(1, 3, "large") / run.calls(1, 3, "small") <= 1.18


def test_a_small_job_is_not_starved_behind_a_large_one() -> None:
    large = Job(name="large", workers=30, told=FAST)
    small = Job(name="small", workers=1, told=FAST, begins=60 * SECOND, records=300)
    run = fleet(large, small, limit_model="bucket").run(minutes=2)

    assert run.calls(1, 1.75, "small") == 300


def test_what_a_job_does_not_use_of_its_share_the_others_get() -> None:
    idle = Job(name="idle", workers=1, in_flight=1, told=FAST)
    busy = Job(name="busy", told=FAST)
    run = fleet(idle, busy, limit_model="bucket").run(minutes=3)

    assert run.calls(1, 3, "busy") >= 0.95 * 2 * 3000 - run.calls(1, 3, "idle")


@BOTH
def test_five_hundred_workers_use_two_million_tokens_a_minute_and_leave_the_table_alone(
    limit_model: LimitModel,
) -> None:
    run = fleet(replace(CROWD, told=LARGE), limit_model=limit_model, limit=LARGE).run(minutes=4)
    writes = Counter((at - START) // (10 * SECOND) for at in run.writes)

    assert run.tokens() >= 0.93 * 4 * 2_000_000
    assert run.refused_part() <= 0.03
    assert len(run.writes) / (4 * 60) <= 55
    assert max(count for slot, count in writes.items() if slot > 0) <= 10 * 80
    assert run.longest_wait() <= LONGEST_WAIT


@BOTH
def test_workers_that_are_killed_take_only_their_stretch_with_them(limit_model: LimitModel) -> None:
    deaths = {number: 20 * SECOND * (number + 1) for number in range(8)}
    run = fleet(Job(told=FAST, dies_after=deaths), limit_model=limit_model).run(minutes=3)

    assert run.calls() >= 0.96 * 3 * 3000
    assert run.refused_part() <= 0.005
    assert run.longest_wait() <= LONGEST_WAIT


def test_without_the_table_a_tenth_is_asked_and_afterwards_everything() -> None:
    run = fleet(Job(told=FAST), limit_model="window", table_fails=(60 * SECOND, 120 * SECOND)).run(
        minutes=4
    )

    assert 0.05 * 3000 <= run.calls(1.25, 2) / 0.75 <= 0.12 * 3000
    assert run.calls(2.25, 4) >= 0.98 * 1.75 * 3000
    assert run.refused_part() == 0


def test_without_the_table_from_the_beginning_a_worker_makes_a_call_in_ten_seconds() -> None:
    run = fleet(Job(told=FAST), limit_model="window", table_fails=(0, 300 * SECOND)).run(minutes=5)

    assert 8 * 6 * 4 <= run.calls(0, 5) <= 8 * 6 * 5 + 8


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (fleet(Job(), limit_model="bucket").run(minutes=1) for _ in range(2))

    assert first.admitted == second.admitted
    assert first.writes == second.writes


@BOTH
def test_limits_that_are_far_too_large_cost_little_once_it_is_known_how_long_answers_are(
    limit_model: LimitModel,
) -> None:
    greedy = Job(told=TOKENS, max_tokens=32 * 64, latency=8 * SECOND)
    tight, perfect, full = (
        fleet(job, limit_model=limit_model, limit=TOKENS).run(minutes=3)
        for job in (replace(greedy, tight=True), replace(greedy, max_tokens=128), greedy)
    )

    assert tight.tokens() >= 0.9 * perfect.tokens()
    assert tight.tokens() >= full.tokens()
    assert tight.refused_part() <= 0.02
    assert len(tight.cut) <= 0.005 * tight.calls()
