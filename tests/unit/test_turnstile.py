"""One worker's turns, looked at from near; whole fleets are in test_governor_simulation.py."""

import pytest

from batchwright.believed import lowered
from batchwright.demand import Ticket
from batchwright.lengths import Earlier, Lengths
from batchwright.quotas import Quota
from batchwright.schedule import MINUTE, SECOND
from batchwright.turnstile import Turnstile
from tests.fakes import MODEL, MemorySchedules

NOW = 1_800_000_000_000


class Worker:
    """A turnstile, its table, and a clock that goes in steps of ten milliseconds."""

    def __init__(
        self,
        *,
        caps: Quota,
        job: str = "j",
        table: MemorySchedules | None = None,
        to_come: int = 1000,
        rested: float = 0,
        lengths: Lengths | None = None,
    ) -> None:
        self.table = table or MemorySchedules()
        self.to_come = to_come
        self.gate = Turnstile(
            caps=caps,
            job=job,
            priority=5,
            chance=lambda: 0.5,
            lengths=lengths or Lengths(),
            to_come=lambda: self.to_come,
            rested=rested,
        )
        self.now = NOW

    @property
    def given(self) -> int:
        """Up to when the schedule is given away."""
        return self.table.items[MODEL]["given"]

    def begin(self) -> None:
        self.gate.begin(self.table.read(MODEL), self.now)

    def close(self) -> None:
        while change := self.gate.closing(self.now):
            self.gate.heard(*self.table.exchange(MODEL, change), self.now)

    def run(self, seconds: float) -> list[Ticket]:
        """Let time pass; return the calls whose turn came."""
        calls: list[Ticket] = []
        for _ in range(int(seconds * 100)):
            self.now += 10
            calls += self.gate.released(self.now)
            while change := self.gate.change(self.now):
                self.gate.heard(*self.table.exchange(MODEL, change), self.now)
        return calls

    def queue(self, count: int, tokens: int = 100) -> None:
        for _ in range(count):
            self.gate.wait(tokens, self.now)


def test_a_worker_alone_gets_every_turn_there_is() -> None:
    worker = Worker(caps=Quota(rpm=600))
    worker.queue(500)

    assert 590 <= 20 * len(worker.run(30)) / 10 <= 610


def test_a_call_that_is_larger_than_a_minute_gets_its_turn_and_is_paid_for_afterwards() -> None:
    worker = Worker(caps=Quota(tpm=1000))
    worker.queue(2, tokens=1500)

    assert len(worker.run(60)) == 1
    assert len(worker.run(60)) == 1


def test_what_a_call_did_not_use_moves_the_schedule_back() -> None:
    worker = Worker(caps=Quota(tpm=60_000))
    worker.queue(1, tokens=3000)
    (call,) = worker.run(1)
    before = worker.table.items[MODEL]["given"]

    worker.gate.settle(call, 1000, worker.now)
    change = worker.gate.closing(worker.now)

    assert change is not None
    worker.table.exchange(MODEL, change)
    assert 1900 <= before - worker.table.items[MODEL]["given"] <= 2100


def test_turns_are_asked_for_by_the_records_that_are_left() -> None:
    worker = Worker(caps=Quota(rpm=6000), to_come=7)
    worker.queue(3)
    worker.run(0.02)

    assert 90 <= worker.given - NOW <= 125  # ten turns


def test_more_turns_are_asked_for_than_calls_are_in_flight() -> None:
    """Four at once, answered in less time than four turns take: so it goes on as long as there are records."""
    worker = Worker(caps=Quota(rpm=3000))
    calls = 0
    for _ in range(100):
        worker.queue(4 - len(worker.gate.waiting))
        for call in worker.run(0.1):
            calls += 1
            worker.gate.settle(call, 100, worker.now)

    assert calls >= 0.97 * 10 * 40
    assert worker.table.writes <= 0.05 * calls


def test_what_lies_before_the_end_of_the_schedule_is_not_given_back() -> None:
    """Who took it would call at the same time as another: twice as fast as the limit."""
    table = MemorySchedules()
    first, second = (Worker(caps=Quota(rpm=600), table=table) for _ in range(2))
    first.queue(100)
    first.run(1)
    second.now = first.now
    second.queue(100)
    second.run(0.1)
    before = first.given

    first.close()
    assert before - first.given < 10
    second.close()
    assert before - second.given > 100


def test_the_next_calls_are_reckoned_by_what_the_last_ones_used() -> None:
    worker = Worker(caps=Quota(tpm=60_000))
    for _ in range(40):
        worker.queue(1, tokens=1000)
        for call in worker.run(1.2):
            worker.gate.settle(call, 100, worker.now)
    worker.queue(200, tokens=1000)

    assert len(worker.run(10)) >= 90


def test_calls_that_use_more_than_they_reserve_are_reckoned_with_it() -> None:
    """Output that burns down fivefold may pass what input and max_tokens come to."""
    worker = Worker(caps=Quota(tpm=60_000))
    for _ in range(10):
        worker.queue(1, tokens=1000)
        for call in worker.run(3.5):
            worker.gate.settle(call, 3000, worker.now)
    worker.queue(200, tokens=1000)

    (first, *_) = worker.run(10)

    assert first.expected == 3000


def test_a_new_worker_of_the_job_reckons_with_what_the_others_know() -> None:
    table = MemorySchedules()
    known = Worker(caps=Quota(tpm=60_000), table=table)
    known.queue(1, tokens=1000)
    (call,) = known.run(1)
    known.gate.settle(call, 100, known.now)
    known.queue(1, tokens=1000)
    known.run(1)

    new = Worker(caps=Quota(tpm=60_000), table=table)
    new.now = known.now
    new.queue(200, tokens=1000)

    assert len(new.run(10)) >= 80


def test_after_a_refusal_one_call_must_pass_before_the_others_follow() -> None:
    worker = Worker(caps=Quota(rpm=6000))
    worker.queue(400)
    refused = worker.run(0.2)
    for call in refused:
        worker.gate.throttle(call, worker.now, None)

    assert len(worker.run(0.3)) <= 1
    assert len(worker.run(1.2)) > 60


def test_while_everything_is_refused_a_call_is_tried_every_two_seconds() -> None:
    worker = Worker(caps=Quota(rpm=6000))
    worker.queue(5000)
    tried = 0
    for _ in range(200):
        for call in worker.run(0.1):
            tried += 1
            worker.gate.throttle(call, worker.now, None)

    assert 8 <= tried <= 20


@pytest.mark.parametrize("begin", [0, 2_000, 4_000, 6_000, 8_000])
def test_what_was_refused_all_along_is_not_taken_for_the_size_of_a_window(begin: int) -> None:
    worker = Worker(caps=Quota(), to_come=0)
    worker.now += (
        begin  # what a call is reckoned to use, and that it was refused, may be told in two slots
    )
    worker.queue(3, tokens=2_000)
    calls = 0

    for _ in range(3_000):
        for refused in worker.run(0.01):
            calls += 1
            worker.gate.throttle(refused, worker.now, None)
            worker.queue(1, tokens=2_000)

    assert worker.gate.item["windows"] == 1
    assert worker.gate.item["base"] > 10_000, "nothing went through: nothing is known"
    assert calls > 12, "a call is tried every two seconds"


def test_a_refusal_of_a_call_from_before_the_limit_was_lowered_is_told_with_the_next_lease_only() -> (
    None
):
    worker = Worker(caps=Quota())
    worker.queue(2)
    first, second = worker.run(0.1)
    worker.gate.throttle(first, worker.now, None)
    worker.run(0.1)
    lowered, writes = worker.gate.item["lowered"], worker.table.writes

    worker.gate.throttle(second, worker.now, None)
    worker.run(0.1)
    assert worker.table.writes == writes

    worker.queue(1)
    worker.run(3)
    assert worker.gate.item["refused"] == second.began
    assert worker.gate.item["lowered"] == lowered


def test_what_the_service_asks_to_wait_is_waited() -> None:
    worker = Worker(caps=Quota(rpm=6000))
    worker.queue(100)
    call, *_ = worker.run(0.1)

    worker.gate.throttle(call, worker.now, 7.0)

    assert worker.run(6.9) == []
    assert worker.run(1.0) != []


def test_a_turn_that_nobody_took_has_passed() -> None:
    worker = Worker(caps=Quota(rpm=600))
    worker.queue(1)
    assert len(worker.run(0.1)) == 1
    worker.now += 60 * SECOND
    worker.queue(100)

    assert len(worker.run(2)) <= 26


def test_a_worker_that_comes_back_to_an_idle_schedule_does_not_wait() -> None:
    worker = Worker(caps=Quota(rpm=60))
    worker.queue(1)
    worker.run(1)
    worker.now += 60 * SECOND
    worker.queue(1)

    assert len(worker.run(0.1)) == 1


def test_a_worker_that_has_looked_gets_its_first_turns_of_a_busy_schedule_with_one_write() -> None:
    first = Worker(caps=Quota(rpm=600))
    first.queue(100)
    first.run(5)
    second = Worker(caps=Quota(rpm=600), table=first.table)
    second.now = first.now
    before = first.table.writes

    second.begin()
    second.queue(1)

    assert second.run(0.02) == [], "its stretch begins where the first one's ends"
    assert first.table.writes == before + 1
    assert second.run(8)


def test_a_worker_that_finds_no_room_leaves_without_a_write() -> None:
    table = MemorySchedules()
    table.items[MODEL] = {"given": NOW + 30 * SECOND}
    worker = Worker(caps=Quota(rpm=600), table=table)

    worker.begin()
    worker.queue(1)

    assert worker.gate.rest(worker.now) == pytest.approx(30)
    assert table.writes == 0


def test_a_worker_that_stays_though_its_turn_is_far_away_gets_it_when_it_has_come_near() -> None:
    """A judge's: the answer that it judges is there already."""
    table = MemorySchedules()
    table.items[MODEL] = {"given": NOW + 10 * SECOND}
    worker = Worker(caps=Quota(rpm=600), table=table)
    worker.begin()
    for _ in range(2):
        worker.queue(1)
        assert worker.gate.rest(worker.now) is not None
        worker.gate.leave(worker.gate.waiting[0])
        worker.run(3)

    worker.queue(1)

    assert worker.gate.rest(worker.now) is None
    assert len(worker.run(5)) == 1


def test_who_comes_back_in_vain_rests_for_an_eighth_of_what_its_records_take_at_most() -> None:
    """Else the others may be done, and nobody uses the limit."""
    rests = []
    for records in (1000, 40):
        table = MemorySchedules()
        table.items[MODEL] = {"given": NOW + 10 * SECOND}
        worker = Worker(caps=Quota(rpm=600), table=table, to_come=records - 1, rested=10)
        worker.begin()
        worker.queue(1)
        rests.append(worker.gate.rest(worker.now))

    # Its first stretch would be a sixtieth of what is given away.
    assert rests == [pytest.approx(60), pytest.approx(40 * 0.1 * 60 / 8, rel=0.1)]


def test_a_worker_that_gets_turns_never_rests() -> None:
    worker = Worker(caps=Quota(rpm=600))
    worker.queue(1000)
    worker.run(30)

    assert worker.gate.rest(worker.now) is None


def test_leaving_gives_back_a_turn_that_was_not_taken() -> None:
    worker = Worker(caps=Quota(tpm=60_000))
    worker.queue(1, tokens=3000)
    (call,) = worker.run(1)

    worker.gate.leave(call)
    worker.gate.leave(call)

    assert not worker.gate.running
    worker.queue(1, tokens=100)
    assert len(worker.run(3.2)) == 1


def test_the_item_stays_small_however_many_jobs_come_and_go() -> None:
    table, now = MemorySchedules(), NOW
    for number in range(100):
        worker = Worker(caps=Quota(rpm=600), job=f"job-{number}", table=table)
        worker.now = now
        worker.queue(5)
        worker.run(1)
        now = worker.now + 10 * SECOND

    assert len(table.items[MODEL]) < 60


def test_where_the_limit_is_far_away_a_worker_writes_twice_a_second_and_never_waits() -> None:
    worker = Worker(caps=Quota(tpm=10**12))
    calls = 0
    for _ in range(1000):
        worker.queue(20)
        calls += len(worker.run(0.01))
        for call in [*worker.gate.running]:
            worker.gate.settle(call, 90, worker.now)

    assert calls == 20_000
    assert worker.table.writes <= 30


def test_how_long_answers_were_the_next_worker_of_the_job_knows_before_its_first_call() -> None:
    first = Worker(caps=Quota(rpm=600))
    for _ in range(200):
        first.gate.lengths.add(70)
    first.queue(10)
    first.run(1)

    second = Worker(caps=Quota(rpm=600), table=first.table)
    second.queue(1)
    assert second.run(5)

    assert second.gate.lengths.limit(2048) == first.gate.lengths.limit(2048) < 110
    assert first.gate.lengths.unshared == 0


def test_how_long_answers_were_is_told_again_where_the_table_failed() -> None:
    worker = Worker(caps=Quota(rpm=600))
    worker.gate.lengths.add(70)
    worker.queue(10)
    assert worker.gate.change(worker.now)
    worker.gate.failed(worker.now)
    assert worker.gate.lengths.unshared == 1

    worker.run(20)

    assert worker.gate.lengths.unshared == 0
    assert worker.table.items[MODEL]["answers#j"] == 1


def test_what_calls_of_earlier_jobs_used_is_reckoned_with_from_the_first_call_on() -> None:
    worker = Worker(caps=Quota(tpm=60_000), lengths=Lengths(earlier=Earlier(ratio=0.1)))
    worker.queue(1, tokens=3000)

    (call,) = worker.run(1)
    assert call.expected == 300

    worker.gate.settle(call, 600, worker.now)
    assert worker.gate.ratio == 0.2, "its own, once it has seen one"


def test_another_jobs_answers_tell_nothing() -> None:
    first = Worker(caps=Quota(rpm=600))
    first.gate.lengths.add(70)
    first.queue(10)
    first.run(1)
    second = Worker(caps=Quota(rpm=600), job="k", table=first.table)
    second.queue(1)
    second.run(1)

    assert second.gate.lengths.limit(2048) == 2048


def works_for(seconds: float, workers: list[Worker]) -> list[tuple[int, Ticket, Worker]]:
    """Let workers use the limit whole, with answers that come at once; return the calls, when, and whose they were."""
    calls = []
    for _ in range(round(seconds * 10)):
        for worker in workers:
            worker.queue(50 - len(worker.gate.waiting))
            for call in worker.run(0.1):
                worker.gate.settle(call, call.tokens, worker.now)
                calls.append((worker.now, call, worker))
    return calls


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("seconds", [90.0, 92.5, 95.1, 98.3])
def test_a_window_that_refuses_is_as_large_as_what_went_through_in_its_minute(
    count: int, seconds: float
) -> None:
    """Turns are given away seconds ahead, and what they will use is counted then: it did not go through yet."""
    table = MemorySchedules()
    before = NOW - 10 * MINUTE
    table.items[MODEL] = {"windows": 1, "lowered": before, "top": 600_000, "base": 600_000}
    workers = [Worker(caps=Quota(tpm=600_000), table=table) for _ in range(count)]
    calls = works_for(seconds, workers)
    at, refused, who = calls.pop()

    who.gate.throttle(refused, at, None)
    change = who.gate.change(at)

    assert change is not None
    went_through = sum(call.tokens for then, call, _ in calls if then > at - MINUTE)
    assert change.put["top"] / 0.99 == pytest.approx(went_through, rel=0.03)


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("later", [0.0, 1.0, 3.0])
def test_what_is_left_of_a_refused_workers_stretch_is_not_taken_off_twice(
    count: int, later: float
) -> None:
    """Nobody takes it any more, and the schedule is given away with it: others must not subtract it again."""
    table = MemorySchedules()
    before = NOW - 10 * MINUTE
    table.items[MODEL] = {"windows": 1, "lowered": before, "top": 600_000, "base": 600_000}
    workers = [Worker(caps=Quota(tpm=600_000), table=table) for _ in range(count)]
    calls = works_for(92.5, workers)
    at, refused, who = calls.pop()

    who.gate.throttle(refused, at, None)
    change = who.gate.change(at)
    assert change is not None
    table.exchange(MODEL, change)
    table.items[MODEL]["passed"] = at + 1
    calls += works_for(later, [worker for worker in workers if worker is not who])

    now = at + round(later * SECOND)
    item = {**table.items[MODEL], "passed": now}
    seen = lowered(item, 1_200_000, now, now, under=item["lowered"])
    went_through = sum(call.tokens for then, call, _ in calls if now - MINUTE < then <= now)
    assert seen is not None
    # What is counted by ten seconds is known by two in a hundred.
    assert 0.98 <= seen.put["top"] / 0.99 / went_through <= 1.06


def given_away(worker: Worker, seconds: float, **numbers: int) -> None:
    """Let others have the schedule for so many seconds to come."""
    worker.table.items[MODEL] = {"given": worker.now + int(seconds * SECOND), **numbers}


def test_a_worker_that_finds_the_schedule_given_away_leaves_at_once_until_that_has_passed() -> None:
    worker = Worker(caps=Quota(rpm=600))
    given_away(worker, 20)
    worker.queue(100)

    assert worker.run(0.1) == []
    assert worker.gate.rest(worker.now) == pytest.approx(19.9)


def test_a_worker_that_waits_for_what_comes_soon_leaves_after_five_seconds() -> None:
    """A limit that is lowered again and again: waiting is paid for here, and free in the workflow."""
    worker = Worker(caps=Quota())
    worker.queue(100)
    waited = 0.0
    while worker.gate.rest(worker.now) is None and waited < 60:
        given_away(worker, 2.5, lowered=worker.now, top=50_000, base=30_000)
        assert worker.run(0.1) == []
        waited += 0.1

    assert 2 <= waited <= 5


def test_a_worker_whose_job_has_had_its_share_asks_again_only_when_others_may_leave_some() -> None:
    worker = Worker(caps=Quota(rpm=600))
    given_away(worker, 4, **{"job#j": worker.now + 20 * SECOND, "job#k": worker.now + SECOND})
    worker.table.items[MODEL]["priority#k"] = 5
    worker.queue(100)

    worker.run(1.9)

    assert worker.table.writes <= 3


def test_a_worker_that_came_back_in_vain_leaves_for_a_minute() -> None:
    worker = Worker(caps=Quota(rpm=600), rested=8)
    given_away(worker, 9)
    worker.queue(100)
    worker.run(0.1)

    assert worker.gate.rest(worker.now) == 60


def test_a_worker_that_got_turns_leaves_for_half_as_long_as_before() -> None:
    worker = Worker(caps=Quota(rpm=600), rested=60)
    worker.queue(1000)
    assert worker.run(0.5)
    given_away(worker, 9)
    worker.run(5)

    assert worker.gate.rest(worker.now) == 30


def test_the_next_window_is_waited_for_elsewhere() -> None:
    worker = Worker(caps=Quota(rpm=600))
    used_up = {"since": worker.now - 10 * SECOND, "refused": worker.now - SECOND}
    given_away(worker, 4.5, passed=1, opened=worker.now - 25 * SECOND, **used_up)
    worker.queue(100)
    worker.run(0.1)

    assert worker.gate.rest(worker.now) == pytest.approx(35.5, abs=0.2)


def test_a_worker_that_leaves_does_not_write_for_little() -> None:
    worker = Worker(caps=Quota(rpm=600), to_come=0)
    worker.queue(5)
    for call in worker.run(1):
        worker.gate.settle(call, 99, worker.now)
    writes = worker.table.writes

    worker.close()

    assert worker.table.writes == writes


def test_workers_that_ask_all_at_once_are_refused_once_at_most() -> None:
    """Until the first is heard, part of what it got has passed: the others follow it all the same."""
    table = MemorySchedules()
    workers = [Worker(caps=Quota(rpm=3000), table=table) for _ in range(8)]
    for worker in workers:
        worker.queue(16)
    for _ in range(2):
        changes = [(worker, worker.gate.change(worker.now)) for worker in workers]
        told = [(worker, table.exchange(MODEL, change)) for worker, change in changes if change]
        for worker in workers:
            worker.now += 300
        for worker, (applied, item) in told:
            worker.gate.heard(applied, item, worker.now)

    assert table.writes == 8 + 7
    assert all(worker.run(3) for worker in workers)
