"""Actions are taken away from the deployed roles one by one: each time the job fails closed, and nothing is lost."""

import json

import pytest

from batchwright.job import JobRow, Status
from tests.fakes import MODEL
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until

ADMIT = [
    "s3:GetObject",
    "s3:PutObject",
    "dynamodb:PutItem",
    "states:StartExecution",
    "kms:GenerateDataKey",
]
QUEUE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "kms:Decrypt"]
STEPS = [
    (role, action)
    for role, actions in {
        "PlanRole": ["s3:GetObjectVersion"],
        "InvokeRole": ["s3:GetObjectVersion"],
        "CloseRole": [],  # of a job that ended well it reads the input no more
    }.items()
    for action in (
        "s3:GetObject",
        "s3:PutObject",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        *actions,
    )
]
WORKFLOW = ["lambda:InvokeFunction", "s3:GetObject", "kms:Decrypt"]


# Of what is put below uploads/; the file names another model.
CONTRACT = {"name": "uploads", "routes": [{"model": MODEL}], "models": {"*": MODEL}}


def place(*parts: str) -> str:
    return f"inbox/rights-{'-'.join(parts).replace(':', '-')}.jsonl"


@pytest.mark.parametrize("action", ADMIT)
def test_admit_without_a_right_admits_nothing_and_keeps_the_message(
    stack: StackUnderTest, action: str
) -> None:
    key = place("admit", action)
    failures = count_failures(stack, "admit")
    with stack.cloud.without("AdmitRole", action):
        stack.drop(key, chat_file(1))
        until(lambda: count_failures(stack, "admit") > failures)
        assert stack.queue_depth("JobsQueueUrl") == (0, 1), "it comes back when its time is up"
        assert stack.calls() == []
    stack.purge()

    stack.drop(key, chat_file(1))  # what the redelivery would do, without its two minutes
    assert stack.ended(key).counts()["succeeded"] == 1


def test_admit_without_the_right_to_older_versions_keeps_the_message_of_one(
    stack: StackUnderTest,
) -> None:
    # Nothing tells of what is put here.
    key = "uploads/rights-of-an-older-version.jsonl"
    stack.put_contract("uploads", json.dumps(CONTRACT))
    stack.drop(key, chat_file(1))
    older = stack.s3.head_object(Bucket=stack.bucket, Key=key)["VersionId"]
    stack.drop(key, chat_file(2))
    put = {"bucket": {"name": stack.bucket}, "object": {"key": key, "version-id": older}}
    failures = count_failures(stack, "admit")
    with stack.cloud.without("AdmitRole", "s3:GetObjectVersion"):
        stack.say({"source": "aws.s3", "detail-type": "Object Created", "detail": put})
        until(lambda: count_failures(stack, "admit") > failures)
        assert stack.queue_depth("JobsQueueUrl") == (0, 1), "it comes back when its time is up"
        assert stack.calls() == []
    stack.purge()

    stack.say({"source": "aws.s3", "detail-type": "Object Created", "detail": put})
    assert stack.ended(key).counts()["succeeded"] == 1


@pytest.mark.parametrize("action", QUEUE)
def test_a_queue_that_may_not_be_read_keeps_its_messages(
    stack: StackUnderTest, action: str
) -> None:
    key = place("queue", action)
    with stack.cloud.without("AdmitRole", action):
        stack.drop(key, chat_file(1))
        until(lambda: stack.queue_depth("JobsQueueUrl") == (1, 0))
        assert stack.row(key) is None

    assert stack.ended(key).counts()["succeeded"] == 1


@pytest.mark.parametrize(("role", "action"), STEPS)
def test_a_step_without_a_right_fails_closed(stack: StackUnderTest, role: str, action: str) -> None:
    key = place(role, action)
    with stack.cloud.without(role, action):
        stack.drop(key, chat_file(3))
        row = stack.started(key)
        stack.execution_ended(row.job_id)

    fails_closed(stack, stack.started(key))


@pytest.mark.parametrize("action", WORKFLOW)
def test_a_workflow_without_a_right_fails_closed(stack: StackUnderTest, action: str) -> None:
    key = place("workflow", action)
    with stack.cloud.without("JobStateMachineRole", action):
        stack.drop(key, chat_file(3))
        row = stack.started(key)
        stack.execution_ended(row.job_id)

    fails_closed(stack, stack.started(key))
    assert stack.calls() == [], "nothing was spent"


def fails_closed(stack: StackUnderTest, row: JobRow) -> None:
    """The job says that it did not complete, and why; or it has not ended, and nothing was published."""
    assert row.status is not Status.COMPLETED
    if row.status.final:
        assert row.reason is not None
        assert row.results is not None
        assert stack.exists(row.results["receipt"])
    else:
        assert stack.execution_status(row.job_id) == "FAILED"
        assert not stack.exists(f"results/{row.job_id}/receipt.json")


def count_failures(stack: StackUnderTest, name: str) -> int:
    return sum("handler failed" in line for line in stack.logs(name))
