"""Handing a submission over: once, whatever happens on the way."""

import json
from datetime import timedelta
from typing import Any

import pytest

from batchwright.batchjob import BatchJob, BatchStatus
from batchwright.errors import AccessDenied, RecordInvalid, Throttled, Unavailable
from batchwright.job import Status
from batchwright.money import Money
from batchwright.outcome import Ending
from batchwright.submission import Submission, SubmissionRow
from tests import timelapse
from tests.chaos.crashing import Crash
from tests.fakes import NOON, ScriptedEngine
from tests.lanefakes import MemorySubmissions
from tests.lanelaptop import BATCH, LaneLaptop, hurrying
from tests.laptop import chat_file, chat_line, jsonl, song

# A submission's child has 25,000 events; the three states of a rest take so many.
EVENTS_OF_A_REST = 10
DAY = 86_400
BLOCKING = BATCH + "filters: {input: [{terms: {words: [forbidden], then: block}}]}\n"


def laptop_with(**given: Any) -> LaneLaptop:
    return LaneLaptop(engine=ScriptedEngine(), **given)


def staged(laptop: LaneLaptop, submission: Submission) -> list[dict[str, Any]]:
    key = f"jobs/{submission.job_id}/batches/{submission.submission:06d}/input.jsonl"
    return [json.loads(line) for line in laptop.objects.lines(key)]


async def test_what_is_open_is_staged_under_places_that_tell_which_record_it_is() -> None:
    laptop = laptop_with()
    _, (submission,) = laptop.batch(chat_file(120))

    _, answer = await laptop.submit(submission)

    assert answer is None, "the task is to wait"
    lines = staged(laptop, submission)
    assert sorted(line["recordId"] for line in lines) == [f"{n:011d}" for n in range(120)]
    assert lines[0]["modelInput"]["messages"][0]["content"][0]["text"] == song(
        int(lines[0]["recordId"])
    )
    (run,) = laptop.batches.runs.values()
    assert run.wish.converse
    assert run.wish.hours == 24
    assert [*laptop.slots.places] == ["bedrock_batch#amazon.nova-lite-v1:0"]
    assert [*laptop.slots.places.popitem()[1]] == [submission.name]


async def test_called_again_it_finds_what_stands_and_waits_with_the_new_task() -> None:
    laptop = laptop_with()
    _, (submission,) = laptop.batch(chat_file(100))

    await laptop.submit(submission)
    again, answer = await laptop.submit(submission)

    assert answer is None
    assert len(laptop.batches.runs) == 1
    row = laptop.submissions.get(submission.name)
    assert row is not None
    assert row.token == again


async def test_a_start_whose_reply_was_lost_is_found_and_not_made_again() -> None:
    laptop = laptop_with()
    laptop.batches.lost_replies = 1
    _, (submission,) = laptop.batch(chat_file(100))

    with pytest.raises(Unavailable):
        await laptop.submit(submission)
    _, answer = await laptop.submit(submission)

    assert answer is None
    assert len(laptop.batches.runs) == 1


async def test_who_dies_between_the_start_and_its_note_leaves_one_batch() -> None:
    class Deadly(MemorySubmissions):
        lives = 0

        def started(self, name: str, place: str) -> None:
            if self.lives == 0:
                self.lives += 1
                raise Unavailable("died")
            super().started(name, place)

    laptop = laptop_with()
    laptop.submissions = Deadly()
    _, (submission,) = laptop.batch(chat_file(100))

    with pytest.raises(Unavailable):
        await laptop.submit(submission)
    assert await laptop.child(submission) == "done"

    assert len(laptop.batches.runs) == 1
    assert len(laptop.batches.asked) == 100


async def test_what_needs_no_model_is_settled_on_the_way() -> None:
    lines = [chat_line(f"req-{number}", song(number)) for number in range(130)]
    lines[3] = chat_line("req-3", "this is forbidden")
    lines[4]["body"]["temperature"] = "hot"
    laptop = laptop_with(contract=BLOCKING)
    job_id, (submission,) = laptop.batch(jsonl(lines))

    await laptop.submit(submission)

    tally = laptop.jobs.progress(job_id)
    assert (tally.counts[Ending.BLOCKED], tally.counts[Ending.FAILED]) == (1, 1)
    assert tally.calls == 0
    assert len(staged(laptop, submission)) == 128


async def test_what_was_asked_before_is_answered_on_the_way_and_not_handed_over() -> None:
    lines = [chat_line(f"req-{number}", song(number), temperature=0) for number in range(120)]
    laptop = laptop_with(contract=BATCH + "cache: {exact: 7d}\n")
    _, (submission,) = laptop.batch(jsonl(lines[:100]))
    assert await laptop.child(submission) == "done"
    laptop.objects.write("inbox/batch/again.jsonl", jsonl(lines))
    job_id = laptop.say(laptop.event("inbox/batch/again.jsonl"))
    laptop.plan(job_id)
    (submission,) = laptop.submitted(job_id)

    assert await laptop.child(submission) == "done"

    assert len(laptop.batches.runs) == 1
    tally = laptop.jobs.progress(job_id)
    assert (tally.cached, tally.calls) == (100, 20), "too few were left for a batch"


async def test_too_few_records_are_not_handed_over_but_asked_on_demand() -> None:
    lines = [chat_line(f"req-{number}", "this is forbidden") for number in range(60)]
    lines += [chat_line(f"ok-{number}", song(number)) for number in range(99)]
    laptop = laptop_with(contract=BLOCKING)
    job_id, (submission,) = laptop.batch(jsonl(lines))

    assert await laptop.child(submission) == "done"

    assert laptop.batches.runs == {}
    assert laptop.turns == ["Submit", "Collect"]
    assert laptop.jobs.progress(job_id).counts[Ending.SUCCEEDED] == 99


async def test_a_staging_whose_time_is_up_goes_on_where_it_stopped() -> None:
    laptop = laptop_with(chunk_records=100)
    _, (submission,) = laptop.batch(chat_file(1_000))
    answers = []

    for _ in range(50):
        _, answer = await laptop.submit(submission, time_left=hurrying(900, 40))
        answers.append(answer)
        if answer is None:
            break

    assert {"state": "more"} in answers
    assert answers[-1] is None
    ids = [line["recordId"] for line in staged(laptop, submission)]
    assert sorted(ids) == [f"{number:011d}" for number in range(1_000)]


async def test_without_a_place_it_waits_until_another_gives_one_back() -> None:
    laptop = laptop_with(batch_jobs=1)
    _, (first,) = laptop.batch(chat_file(100))
    laptop.objects.write("inbox/batch/other.jsonl", chat_file(110))
    other_job = laptop.say(laptop.event("inbox/batch/other.jsonl"))
    laptop.plan(other_job)
    (second,) = laptop.submitted(other_job)
    await laptop.submit(first)

    _, answer = await laptop.submit(second)

    assert answer == {"state": "paused", "seconds": 150}
    assert len(laptop.batches.runs) == 1
    assert laptop.jobs.reported_at(other_job) is not None, "the sweeper sees that it lives"
    laptop.pass_time(600)
    assert await laptop.collect(first) == {"state": "done"}
    assert (await laptop.submit(second))[1] is None
    assert len(laptop.batches.runs) == 2


async def test_a_submission_of_a_long_job_rests_for_longer_so_that_its_history_holds_all_rests() -> (
    None
):
    laptop = laptop_with(contract=BATCH + "deadline: 14d\n")
    laptop.batches.refusals = [Throttled("too many jobs")]
    _, (submission,) = laptop.batch(chat_file(100))

    _, answer = await laptop.submit(submission)

    assert answer is not None
    assert 14 * DAY / answer["seconds"] * EVENTS_OF_A_REST < 25_000


async def test_bedrocks_own_quota_is_waited_for_and_the_place_given_back() -> None:
    laptop = laptop_with()
    laptop.batches.refusals = [Throttled("too many jobs", retry_after=400)]
    _, (submission,) = laptop.batch(chat_file(100))

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "paused", "seconds": 400}
    assert not any(laptop.slots.places.values())
    assert (await laptop.submit(submission))[1] is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (AccessDenied("the role may not be passed"), "access_denied"),
        (RecordInvalid("invalid_request", "the wish is refused"), "batch_refused"),
    ],
)
async def test_a_batch_that_nobody_may_start_stops_the_job(fault: Exception, code: str) -> None:
    laptop = laptop_with(contract=BATCH + "budget: {usd: 100}\n")
    laptop.batches.refusals = [fault]
    job_id, (submission,) = laptop.batch(chat_file(100))

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "stopped", "reason": code}
    reason = laptop.jobs.stop_reason(job_id)
    assert reason is not None
    assert reason.code == code
    assert laptop.budgets.money(job_id) == Money()
    assert not any(laptop.slots.places.values())


async def test_a_job_that_was_stopped_before_starts_no_batch() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(chat_file(100))
    laptop.cancel(job_id)
    assert laptop.tasks.told == {}, "nobody waits yet"

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "stopped", "reason": "cancelled"}
    assert laptop.batches.runs == {}


async def test_a_batch_whose_start_nobody_noted_is_stopped_with_its_job() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=10_000)
    laptop.batches.lost_replies = 1
    job_id, (submission,) = laptop.batch(chat_file(100))
    with pytest.raises(Unavailable):
        await laptop.submit(submission)
    laptop.cancel(job_id)

    assert await laptop.child(submission) == "stopped"

    (run,) = laptop.batches.runs.values()
    assert run.status is BatchStatus.STOPPED


async def test_a_cancel_that_comes_while_a_batch_is_started_is_not_slept_over() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=10_000)
    job_id, (submission,) = laptop.batch(chat_file(100))
    start = laptop.batches.start

    def start_late(wish: BatchJob) -> str:
        arn = start(wish)
        laptop.cancel(job_id)  # nobody waits yet who could be woken
        return arn

    laptop.batches.start = start_late  # type: ignore[method-assign]

    assert (await laptop.submit(submission))[1] == {"state": "ended"}
    assert await laptop.collect(submission) == {"state": "waiting"}
    assert (await laptop.submit(submission))[1] is None, "it is stopping"


async def test_the_money_of_a_batch_is_set_aside_at_half_the_price_and_booked_as_spent() -> None:
    laptop = laptop_with(contract=BATCH + "budget: {usd: 100}\n")
    job_id, (submission,) = laptop.batch(chat_file(100))

    await laptop.submit(submission)

    reserved = laptop.budgets.money(job_id).reserved
    answer_at_most = 100 * 2048 * 240 // 2
    assert answer_at_most < reserved < 1.2 * answer_at_most
    assert laptop.budgets.money(job_id).spent == 0
    laptop.pass_time(600)
    await laptop.collect(submission)
    await laptop.collect(submission)
    assert laptop.budgets.money(job_id) == Money(spent=100 * (2 * 60 + 240) // 2)


async def test_a_budget_without_room_for_the_batch_is_asked_on_demand_while_it_lasts() -> None:
    laptop = laptop_with(contract=BATCH + "budget: {usd: 0.02}\n")
    job_id, (submission,) = laptop.batch(chat_file(100))

    assert await laptop.child(submission) == "done"

    assert laptop.batches.runs == {}
    money = laptop.budgets.money(job_id)
    assert money.reserved == 0
    assert 0 < money.spent <= 20_000_000


async def test_a_batch_that_would_come_too_late_is_not_started() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(chat_file(100))
    laptop.clock.time = NOON + timedelta(hours=23)

    assert await laptop.child(submission) == "done"
    laptop.close(job_id)

    assert laptop.batches.runs == {}
    assert laptop.row(job_id).status is Status.COMPLETED
    assert laptop.row(job_id).counts()["succeeded"] == 100


async def test_past_the_deadline_nothing_is_handed_over() -> None:
    laptop = laptop_with()
    _, (submission,) = laptop.batch(chat_file(100))
    laptop.clock.time = NOON + timedelta(hours=25)

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "stopped", "reason": "deadline"}


def dying(laptop: LaneLaptop, submission: Submission) -> None:
    """Hand a submission over, and die when its money is set aside and its row not there yet."""
    add = laptop.submissions.add

    def crash(row: SubmissionRow) -> SubmissionRow:  # noqa: ARG001 - as the real one
        laptop.submissions.add = add  # type: ignore[method-assign]
        raise Crash

    laptop.submissions.add = crash  # type: ignore[method-assign]
    with pytest.raises(Crash):
        timelapse.run(laptop.submit(submission))


def test_who_dies_after_it_set_money_aside_sets_none_aside_again_however_late() -> None:
    laptop = laptop_with(contract=BATCH + "budget: {usd: 100}\n")
    job_id, (submission,) = laptop.batch(chat_file(100))
    dying(laptop, submission)
    held = laptop.budgets.money(job_id)
    laptop.pass_time(3_600)

    timelapse.run(laptop.submit(submission))

    assert held.reserved > 0
    assert laptop.budgets.money(job_id) == held
    laptop.to_the_end(job_id)
    assert laptop.budgets.money(job_id) == Money(spent=100 * (2 * 60 + 240) // 2)


@pytest.mark.parametrize("stops", ["cancelled", "hurried"])
def test_what_a_run_that_died_set_aside_comes_back_where_nothing_is_handed_over(stops: str) -> None:
    laptop = laptop_with(contract=BATCH + "budget: {usd: 100}\n")
    job_id, (submission,) = laptop.batch(chat_file(100))
    dying(laptop, submission)
    if stops == "cancelled":
        laptop.cancel(job_id)
    else:
        laptop.pass_time(23.9 * 3_600)

    timelapse.run(laptop.child(submission))

    assert laptop.batches.runs == {}
    assert laptop.budgets.money(job_id).reserved == 0
