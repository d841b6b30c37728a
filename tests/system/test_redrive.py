"""A job is redriven through the deployed template, IAM enforced."""

import json
from typing import Any

import pytest

from batchwright.job import JobRow, Status
from tests.canary import CANARY
from tests.laptop import chat_file, song
from tests.system.stack_under_test import StackUnderTest, until


def redriven(stack: StackUnderTest, key: str, *only: str) -> JobRow:
    """Redrive the job of a file and wait for the end."""
    row = stack.ended(key)
    number = row.redrives + 1
    stack.execution_ended(row.job_id)
    stack.say({"redrive": {"job": row.job_id, "number": number, "only": [*only]}})

    def ended() -> JobRow | None:
        found = stack.row(key)
        return found if found and found.redrives == number and found.status.final else None

    return until(ended)


def receipt(stack: StackUnderTest, row: JobRow) -> dict[str, Any]:
    assert row.results is not None
    found = stack.s3.get_object(Bucket=stack.bucket, Key=row.results["receipt"])
    told: dict[str, Any] = json.loads(found["Body"].read())
    return told


def test_a_job_that_the_model_refused_is_redriven_when_it_may_be_asked(
    stack: StackUnderTest,
) -> None:
    key = "inbox/denied-and-redriven.jsonl"
    stack.behave(faults=[{"do": "403"}])
    denied = stack.run(key, chat_file(20))
    assert denied.status is Status.FAILED
    stack.behave()

    row = redriven(stack, key)

    assert row.job_id == denied.job_id
    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == 20
    assert len(stack.calls()) == 20
    assert receipt(stack, row)["redrive"]["number"] == 1
    assert receipt(stack, denied)["reason"]["code"] == "access_denied"
    assert row.results is not None
    assert row.results["output"] == f"results/{row.job_id}/redrives/01/output.jsonl"
    assert stack.execution_ended(f"{row.job_id}-redrive-1") == "SUCCEEDED"


def test_only_what_failed_is_asked_again_once_and_twice(stack: StackUnderTest) -> None:
    key = "inbox/failed-and-redriven.jsonl"
    stack.behave(faults=[{"match": f"^sing [34] {CANARY}$", "do": "400"}])
    first = stack.run(key, chat_file(10))
    assert first.counts()["failed"] == 2
    stack.behave(faults=[{"match": f"^{song(4)}$", "do": "400"}])

    second = redriven(stack, key, "failed")
    asked = len(stack.calls())
    stack.behave()
    third = redriven(stack, key, "failed")

    assert (second.counts()["succeeded"], second.counts()["failed"]) == (9, 1)
    assert asked == 2
    assert third.counts()["succeeded"] == 10
    assert len(stack.calls()) == 1
    assert third.tally.calls == 13
    output = stack.results(third, "output")
    assert [line["custom_id"] for line in output] == [f"req-{n}" for n in range(10)]
    assert len(stack.results(first, "errors")) == 2, "what was published stays"


def test_a_redrive_whose_message_comes_again_asks_nothing(stack: StackUnderTest) -> None:
    key = "inbox/redriven-again.jsonl"
    stack.behave(faults=[{"match": f"^{song(1)}$", "do": "400"}])
    stack.run(key, chat_file(3))
    stack.behave()
    row = redriven(stack, key, "failed")
    calls = len(stack.calls())

    told = admissions(stack, row)

    for _ in range(2):
        stack.say({"redrive": {"job": row.job_id, "number": 1, "only": ["failed"]}})
    until(lambda: admissions(stack, row) == told + 2)

    assert stack.row(key) == row
    assert len(stack.calls()) == calls


def test_a_dead_letter_that_is_moved_back_after_its_job_ended_asks_nothing(
    stack: StackUnderTest,
) -> None:
    key = "inbox/moved-back.jsonl"
    row = stack.run(key, chat_file(3))
    calls, told = len(stack.calls()), admissions(stack, row)
    head = stack.s3.head_object(Bucket=stack.bucket, Key=key)
    dropped = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {
            "bucket": {"name": stack.bucket},
            "object": {"key": key, "version-id": head["VersionId"]},
        },
    }
    queue = stack.cloud.client("sqs")
    dead = stack.outputs["JobsDeadLetterQueueUrl"]
    queue.send_message(QueueUrl=dead, MessageBody=json.dumps(dropped))
    (letter,) = until(lambda: queue.receive_message(QueueUrl=dead).get("Messages"))

    # What an SQS redrive to the source does.
    stack.say(letter["Body"])
    queue.delete_message(QueueUrl=dead, ReceiptHandle=letter["ReceiptHandle"])
    until(lambda: admissions(stack, row) > told)
    until(lambda: stack.queue_depth("JobsQueueUrl") == (0, 0))

    assert len(stack.calls()) == calls
    assert stack.row(key) == row
    assert stack.queue_depth("JobsDeadLetterQueueUrl") == (0, 0)


def admissions(stack: StackUnderTest, row: JobRow) -> int:
    return sum(row.job_id in line for line in stack.logs("admit"))


@pytest.mark.parametrize(
    ("job", "code"), [("0" * 32, "job_unknown"), (None, "wrong_number")], ids=["unknown", "number"]
)
def test_a_redrive_that_cannot_be_is_told_and_makes_no_job(
    stack: StackUnderTest, job: str | None, code: str
) -> None:
    job_id = job or stack.run("inbox/not-redriven.jsonl", chat_file(1)).job_id
    before = stack.job_ids()

    stack.say({"redrive": {"job": job_id, "number": 7}})

    until(lambda: any(job_id in line and code in line for line in stack.logs("admit")))
    assert stack.job_ids() == before
    assert stack.queue_depth("JobsDeadLetterQueueUrl") == (0, 0)
