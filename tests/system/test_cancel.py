"""A job is cancelled through the deployed template: its calls stop within seconds, and it has its receipt."""

import time

from batchwright.job import JobRow, Reason, Status
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until

RECORDS = 20_000


def midway(stack: StackUnderTest, key: str) -> JobRow:
    """Start a job that takes minutes; return it when it has settled some records."""
    stack.behave(latency_ms=3000)
    stack.drop(key, chat_file(RECORDS))
    row = stack.started(key)
    until(lambda: stack.jobs.progress(row.job_id).settled)
    return row


def reason_of(stack: StackUnderTest, job_id: str) -> Reason:
    return until(lambda: stack.jobs.stop_reason(job_id))


def test_a_job_that_is_cancelled_midway_stops_its_calls_and_publishes(
    stack: StackUnderTest,
) -> None:
    job_id = midway(stack, "inbox/cancelled.jsonl").job_id

    stack.say({"cancel": {"job": job_id, "redrive": 0}})
    assert reason_of(stack, job_id).code == "cancelled"
    stopped = time.time()
    row = stack.ended("inbox/cancelled.jsonl")

    assert row.status is Status.INCOMPLETE
    assert row.incomplete_reason == "cancelled"
    counts = row.counts()
    assert counts["succeeded"] > 0
    assert counts["cancelled"] > 0
    assert counts["succeeded"] + counts["cancelled"] == counts["total"] == RECORDS
    assert len(stack.results(row, "outcomes")) == RECORDS
    assert row.results is not None
    assert stack.exists(row.results["receipt"])
    assert stack.execution_ended(f"{job_id}-close") == "SUCCEEDED"
    assert stack.execution_ended(job_id) == "SUCCEEDED", "it finds the job closed"
    # The emulator shortens the workflow's grace, not the workers' looks: some may ask after the close here.
    last = max(call["at"] for call in stack.calls())
    assert last - stopped < 10, "workers look every few seconds"


def test_a_cancelled_job_is_redriven_and_asks_no_success_again(stack: StackUnderTest) -> None:
    key = "inbox/cancelled-and-redriven.jsonl"
    job_id = midway(stack, key).job_id
    stack.say({"cancel": {"job": job_id, "redrive": 0}})
    reason_of(stack, job_id)
    first = stack.ended(key)
    stack.execution_ended(job_id)
    stack.behave()

    stack.say({"redrive": {"job": job_id, "number": 1}})
    row = until(lambda: ended_redrive(stack, key, 1), seconds=120)

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == RECORDS
    assert len(stack.calls()) == RECORDS - first.counts()["succeeded"]
    output = stack.results(row, "output")
    assert [line["custom_id"] for line in output] == [f"req-{n}" for n in range(RECORDS)]


def ended_redrive(stack: StackUnderTest, key: str, number: int) -> JobRow | None:
    row = stack.row(key)
    return row if row and row.redrives == number and row.status.final else None


def test_a_cancellation_that_comes_too_late_is_told_and_makes_no_job(
    stack: StackUnderTest,
) -> None:
    key = "inbox/cancelled-late.jsonl"
    row = stack.run(key, chat_file(2))
    before = stack.job_ids()

    stack.say({"cancel": {"job": row.job_id, "redrive": 0}})

    until(lambda: any(row.job_id in line and "job_ended" in line for line in stack.logs("admit")))
    assert stack.row(key) == row
    assert stack.job_ids() == before
    assert stack.queue_depth("JobsDeadLetterQueueUrl") == (0, 0)
