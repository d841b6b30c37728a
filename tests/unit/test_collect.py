"""Collecting what a batch has left: joined by the record, and never by the order; what is missing is asked."""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from batchwright.batchjob import BatchStatus
from batchwright.errors import Unavailable
from batchwright.job import JobRow, Reason, Status
from batchwright.money import Money
from tests import timelapse
from tests.fakes import NOON, MemoryObjects, ScriptedEngine
from tests.fakes_batch import echoed
from tests.lanelaptop import BATCH, LaneLaptop, hurrying
from tests.laptop import chat_file, chat_line, jsonl, song

FAIL = BATCH + "missing: fail\n"


def laptop_with(*faults: dict[str, Any], **given: Any) -> LaneLaptop:
    laptop = LaneLaptop(engine=ScriptedEngine(), **given)
    laptop.batches.behave(faults=[*faults])
    return laptop


def run(laptop: LaneLaptop, content: bytes | None = None) -> JobRow:
    """Take a file of 120 records to its end, and see that the laws hold."""
    job_id, _ = laptop.batch(content or chat_file(120))
    row = laptop.to_the_end(job_id)
    indexes = [outcome["index"] for outcome in laptop.results(job_id, "outcomes.jsonl")]
    assert indexes == [*range(row.total)]
    assert row.counts()["pending"] == 0
    return row


def on_demand(laptop: LaneLaptop) -> list[Any]:
    assert isinstance(laptop.engine, ScriptedEngine)
    return laptop.engine.calls


def answers(laptop: LaneLaptop, row: JobRow) -> dict[str, str]:
    """What was answered to each record."""
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in laptop.results(row.job_id, "output.jsonl")
    }


def codes(laptop: LaneLaptop, row: JobRow) -> Counter[str]:
    return Counter(line["error"]["code"] for line in laptop.results(row.job_id, "errors.jsonl"))


@pytest.mark.parametrize("end", ["partial", "expire", "fail"])
def test_the_outputs_of_every_batch_that_ended_are_read_and_the_rest_is_asked(end: str) -> None:
    laptop = laptop_with({"do": end, "after": 50})

    row = run(laptop)

    assert row.counts()["succeeded"] == 120
    assert answers(laptop, row) == {f"req-{number}": song(number) for number in range(120)}
    assert len(laptop.batches.asked) == 50
    assert len(on_demand(laptop)) == 70, "nothing is paid for twice"
    assert row.tally.calls == 120


@pytest.mark.parametrize(
    ("end", "code"),
    [("partial", "not_answered"), ("expire", "batch_expired"), ("fail", "not_answered")],
)
def test_what_a_batch_left_fails_where_the_contract_says_so(end: str, code: str) -> None:
    laptop = laptop_with({"do": end, "after": 50}, contract=FAIL)

    row = run(laptop)

    assert row.counts() | {"succeeded": 50, "failed": 70} == row.counts()
    assert codes(laptop, row) == {code: 70}
    assert on_demand(laptop) == []


def test_missing_doubled_and_foreign_lines_are_seen_and_every_record_has_one_outcome() -> None:
    laptop = laptop_with(
        {"do": "drop", "match": "sing 1[0-4] "},
        {"do": "double", "match": "sing 2[0-4] "},
        {"do": "extra", "match": "sing 3[0-4] "},
    )

    row = run(laptop)

    assert answers(laptop, row) == {f"req-{number}": song(number) for number in range(120)}
    assert len(on_demand(laptop)) == 5
    read = laptop.seen.read
    assert read is not None
    assert (read.lines, read.repeated, read.foreign) == (125, 5, 5)
    assert (laptop.seen.answers, laptop.seen.missing) == (115, 5)


def test_a_record_that_the_batch_refuses_fails_and_one_that_met_a_fault_is_asked_again() -> None:
    laptop = laptop_with(
        {"do": "error", "match": "sing 1[0-4] ", "code": 400},
        {"do": "error", "match": "sing 2[0-4] ", "code": 500},
    )

    row = run(laptop)

    assert codes(laptop, row) == {"invalid_request": 5}
    assert row.counts()["succeeded"] == 115
    assert len(on_demand(laptop)) == 5
    assert row.tally.calls == 125, "what met a fault was called, too"


def test_what_a_batch_was_paid_for_is_never_told_as_an_answer_that_was_kept() -> None:
    lines = [chat_line(f"req-{number}", song(number % 10), temperature=0) for number in range(120)]
    laptop = laptop_with(contract=BATCH + "cache: {exact: 7d}\n")

    row = run(laptop, jsonl(lines))

    assert len(laptop.batches.asked) == 120
    assert (row.tally.calls, row.tally.cached) == (120, 0)
    told = [outcome["cost_usd"] for outcome in laptop.results(row.job_id, "outcomes.jsonl")]
    assert all(told), "each was paid for"


def test_a_batch_that_bedrock_has_forgotten_leaves_what_it_left() -> None:
    laptop = laptop_with()
    job_id, (submission,) = laptop.batch(chat_file(120))
    timelapse.run(laptop.submit(submission))
    laptop.pass_time(600)
    laptop.batches.runs.clear()

    assert timelapse.run(laptop.collect(submission)) == {"state": "done"}

    assert laptop.jobs.progress(job_id).calls == 120
    assert on_demand(laptop) == []


async def test_a_batch_that_runs_is_left_alone_and_the_job_gives_a_sign_of_life() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=50_000)
    job_id, (submission,) = laptop.batch(chat_file(120))
    await laptop.submit(submission)
    laptop.pass_time(1_000)
    before = laptop.jobs.reported_at(job_id)

    assert await laptop.collect(submission) == {"state": "waiting"}

    after = laptop.jobs.reported_at(job_id)
    assert before is not None
    assert after is not None
    assert after > before
    assert laptop.batches.told[-1][1] is BatchStatus.IN_PROGRESS


async def test_a_deadline_at_risk_stops_the_batch_and_asks_only_for_what_is_missing() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=30 * 3_600, stopping=120)
    job_id, (submission,) = laptop.batch(chat_file(120))

    assert await laptop.child(submission) == "done"
    laptop.close(job_id)

    row = laptop.row(job_id)
    assert row.counts()["succeeded"] == 120
    assert laptop.clock.time < NOON + timedelta(hours=24)
    assert laptop.seen.status == "Stopped"
    assert 50 < len(laptop.batches.asked) < 110
    assert len(laptop.batches.asked) + len(on_demand(laptop)) == 120


async def test_without_leave_to_ask_on_demand_a_batch_may_use_all_the_time_there_is() -> None:
    laptop = laptop_with(contract=FAIL)
    laptop.batches.behave(in_progress=30 * 3_600, stopping=120)
    job_id, (submission,) = laptop.batch(chat_file(120))

    assert await laptop.child(submission) == "stopped"
    laptop.close(job_id)

    counts = laptop.row(job_id).counts()
    assert laptop.clock.time > NOON + timedelta(hours=24)
    assert counts["succeeded"] == len(laptop.batches.asked) > 80
    assert counts["expired"] == 120 - counts["succeeded"]
    assert on_demand(laptop) == []


async def test_a_job_that_is_cancelled_stops_its_batch_and_keeps_what_was_answered() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=1_000, stopping=60)
    job_id, (submission,) = laptop.batch(chat_file(120))
    token, _ = await laptop.submit(submission)
    laptop.pass_time(700)

    laptop.cancel(job_id)

    assert laptop.tasks.told[token] == {"state": "ended"}, "it is looked at now"
    assert laptop.workflows.started == [job_id], "and closes by itself, when the batch has stopped"
    assert await laptop.collect(submission) == {"state": "waiting"}
    assert await laptop.child(submission) == "stopped"
    laptop.close(job_id)

    row = laptop.row(job_id)
    counts = row.counts()
    assert row.status is Status.INCOMPLETE
    assert laptop.seen.status == "Stopped"
    assert 20 < counts["succeeded"] == len(laptop.batches.asked) == row.tally.calls
    assert counts["succeeded"] + counts["cancelled"] == 120
    assert on_demand(laptop) == []


async def test_a_job_whose_execution_was_stopped_by_hand_keeps_what_its_batch_had_answered() -> (
    None
):
    laptop = laptop_with()
    laptop.batches.behave(in_progress=1_000, stopping=60)
    job_id, (submission,) = laptop.batch(chat_file(120))
    await laptop.submit(submission)
    laptop.pass_time(700)
    laptop.jobs.stop(job_id, Reason(code="cancelled", message="as the sweeper says it"))

    planned = laptop.plan(job_id)  # by the execution that the sweeper starts

    assert planned["state"] == "done"
    assert planned["plan"]["key"].endswith("submissions.jsonl")
    assert await laptop.child(submission) == "stopped"
    laptop.close(job_id)
    counts = laptop.row(job_id).counts()
    assert 20 < counts["succeeded"] == len(laptop.batches.asked)
    assert counts["succeeded"] + counts["cancelled"] == 120
    assert on_demand(laptop) == []


def test_a_job_that_is_stopped_before_its_batch_is_planned_runs_none() -> None:
    laptop = laptop_with()
    job_id = laptop.drop(chat_file(120), "inbox/batch/file.jsonl")
    laptop.jobs.stop(job_id, Reason(code="cancelled", message="enough"))

    assert laptop.plan(job_id) == {"state": "stopped"}


async def test_a_job_that_ends_because_its_workflow_failed_leaves_no_batch_running() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=10_000)
    job_id, (submission,) = laptop.batch(chat_file(120))
    await laptop.submit(submission)

    laptop.close(job_id, {"Error": "States.TaskFailed", "Cause": "whatever"})

    (run,) = laptop.batches.runs.values()
    assert run.status is BatchStatus.STOPPING
    assert laptop.row(job_id).status is Status.FAILED


async def test_a_batch_that_stops_at_once_is_collected_at_once() -> None:
    laptop = laptop_with()
    laptop.batches.behave(in_progress=1_000, stopping=0)
    job_id, (submission,) = laptop.batch(chat_file(120))
    await laptop.submit(submission)
    laptop.pass_time(700)
    laptop.cancel(job_id)
    stop = laptop.batches.stop

    def stop_at_once(arn: str) -> None:
        stop(arn)
        laptop.batches.pass_time(1)

    laptop.batches.stop = stop_at_once  # type: ignore[method-assign]

    assert await laptop.collect(submission) == {"state": "stopped", "reason": "cancelled"}
    assert laptop.jobs.progress(job_id).calls > 20


async def test_a_budget_that_ends_while_what_is_missing_is_asked_loses_no_answer() -> None:
    laptop = laptop_with({"do": "partial", "after": 60}, contract=BATCH + "budget: {usd: 0.04}\n")
    laptop.chunk_records = 40
    job_id, (submission,) = laptop.batch(chat_file(120))
    laptop.budgets.reserve(job_id, 9_000_000, limit=40_000_000, token="somebody")

    assert await laptop.child(submission) in {"done", "stopped"}
    laptop.close(job_id)

    counts = laptop.row(job_id).counts()
    assert counts["succeeded"] == 60 + len(on_demand(laptop))
    money = laptop.budgets.money(job_id)
    assert money.spent + money.reserved <= 40_000_000


async def test_what_a_batch_was_paid_for_is_booked_even_where_the_answer_got_lost() -> None:
    laptop = laptop_with(
        {"do": "drop", "match": "sing 1[0-9] "}, contract=FAIL + "budget: {usd: 9}\n"
    )
    job_id, (submission,) = laptop.batch(chat_file(120))

    assert await laptop.child(submission) == "done"

    read = laptop.seen.read
    assert read is not None
    assert not read.whole
    assert laptop.budgets.money(job_id) == Money(spent=120 * (2 * 60 + 240) // 2)


async def test_a_collecting_whose_time_is_up_goes_on_and_pays_for_nothing_twice() -> None:
    laptop = laptop_with({"do": "partial", "after": 80})
    job_id, (submission,) = laptop.batch(chat_file(120))
    await laptop.submit(submission)
    laptop.pass_time(600)
    told = []

    for _ in range(60):
        told.append(await laptop.collect(submission, time_left=hurrying(9_000, 60)))
        if told[-1] == {"state": "done"}:
            break

    assert {"state": "more"} in told
    assert laptop.jobs.progress(job_id).calls == 120
    assert len(on_demand(laptop)) == 40


class Deadly(MemoryObjects):
    """A bucket that is gone for a while when an answer is to be written."""

    lives = 3

    def create(self, key: str, content: bytes) -> None:
        if "/chunks/" in key and content.count(b"\n") > 3 and self.lives:
            self.lives -= 1
            raise Unavailable("gone")
        super().create(key, content)


async def test_a_bucket_that_is_gone_for_a_while_costs_no_answer() -> None:
    laptop = LaneLaptop(engine=ScriptedEngine(), objects=Deadly())
    job_id, (submission,) = laptop.batch(chat_file(120))

    assert await laptop.child(submission) == "done"

    assert laptop.jobs.progress(job_id).calls == 120
    assert len(laptop.batches.asked) == 120


def cut(model_input: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer, but cut the answers to some records."""
    answer = {**echoed(model_input)}
    if "sing 7 " in json.dumps(model_input):
        answer["stopReason"] = "max_tokens"
    return answer


def test_an_answer_that_was_cut_is_asked_once_more_with_a_larger_limit() -> None:
    laptop = laptop_with()
    laptop.batches.answer = cut

    row = run(laptop)

    assert row.counts()["succeeded"] == 120
    (again,) = on_demand(laptop)
    assert again.max_tokens == 4096
    outcome = laptop.results(row.job_id, "outcomes.jsonl")[7]
    assert (outcome["attempts"], outcome["tier"]) == (2, None)
    assert row.tally.calls == 121


def test_answers_go_through_the_filters_like_any_other() -> None:
    contract = BATCH + "filters: {output: [{terms: {words: [forbidden], then: block}}]}\n"
    laptop = laptop_with(contract=contract)
    lines = [chat_line(f"req-{number}", f"say {number}") for number in range(119)]

    row = run(laptop, jsonl([*lines, chat_line("last", "forbidden")]))

    assert row.counts() | {"succeeded": 119, "blocked": 1} == row.counts()
    assert row.tally.calls == 120


def test_an_answer_that_does_not_fit_its_schema_is_repaired_on_demand() -> None:
    contract = (
        BATCH
        + "response: {schema: {type: object, properties: {a: {type: integer}}, required: [a],"
        + " additionalProperties: false}, repair: 1}\nfilters: {output: [{schema: repair}]}\n"
    )
    laptop = laptop_with(contract=contract)
    lines = [chat_line(f"req-{number}", '{"a": 1}') for number in range(119)]

    row = run(laptop, jsonl([*lines, chat_line("last", "no JSON")]))

    assert row.counts() | {"succeeded": 119, "failed": 1} == row.counts()
    assert len(on_demand(laptop)) == 1, "the repair"
    assert row.tally.calls == 121


async def test_what_a_stopped_batch_answered_and_nobody_may_repair_fails_and_was_asked() -> None:
    contract = BATCH + "response: {repair: 1}\nfilters: {output: [{schema: repair}]}\n"
    laptop = laptop_with(contract=contract)
    laptop.batches.behave(in_progress=1_000, stopping=60)
    job_id, (submission,) = laptop.batch(chat_file(120))
    await laptop.submit(submission)
    laptop.pass_time(700)

    laptop.cancel(job_id)
    await laptop.collect(submission)
    assert await laptop.child(submission) == "stopped"
    laptop.close(job_id)

    outcomes = laptop.results(job_id, "outcomes.jsonl")
    answered = [each for each in outcomes if each["attempts"]]
    assert 20 < len(answered) == len(laptop.batches.asked)
    assert {each["error"]["code"] for each in answered} == {"schema_violation"}
    assert on_demand(laptop) == []


def test_a_redrive_hands_over_what_failed_and_nothing_else() -> None:
    laptop = laptop_with({"do": "partial", "after": 10, "times": 1}, contract=FAIL)
    first = run(laptop, chat_file(150))
    assert first.counts() | {"succeeded": 10, "failed": 140} == first.counts()

    assert laptop.redrive(first.job_id, only=["failed"]).new
    laptop.plan(first.job_id, redrive=1)
    row = laptop.to_the_end(first.job_id, 1)

    assert row.counts()["succeeded"] == 150
    assert [len(run.records) for run in laptop.batches.runs.values()] == [150, 140]
    assert {len(set(laptop.batches.asked)), len(laptop.batches.asked)} == {150}
    assert on_demand(laptop) == []
