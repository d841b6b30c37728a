"""A workflow that could not close its job is redriven by Step Functions itself, and goes on from its close."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from batchwright.job import Status
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until


def arn_of(stack: StackUnderTest, job_id: str) -> str:
    return stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:") + f":{job_id}"


def redrive(stack: StackUnderTest, job_id: str) -> None:
    stack.cloud.client("stepfunctions").redrive_execution(executionArn=arn_of(stack, job_id))


def history(stack: StackUnderTest, job_id: str) -> list[dict[str, Any]]:
    sfn = stack.cloud.client("stepfunctions")
    asked = sfn.get_execution_history(executionArn=arn_of(stack, job_id), maxResults=1000)
    events: list[dict[str, Any]] = asked["events"]
    return events


def times(stack: StackUnderTest, job_id: str, state: str) -> int:
    entered = [event.get("stateEnteredEventDetails", {}) for event in history(stack, job_id)]
    return sum(details.get("name") == state for details in entered)


def failed_job(stack: StackUnderTest, key: str) -> str:
    """Drop a file while nothing can be published; return its job when the workflow has failed."""
    stack.drop(key, chat_file(5))
    row = stack.started(key)
    assert stack.execution_ended(row.job_id) == "FAILED"
    return row.job_id


def test_a_close_that_failed_is_redriven_and_nothing_is_asked_again(stack: StackUnderTest) -> None:
    key = "inbox/close-fails.jsonl"
    with stack.cloud.without("CloseRole", "s3:PutObject"):
        job_id = failed_job(stack, key)
        row = stack.row(key)
        assert row is not None
        assert row.status is Status.CLOSING, "nobody is told that it ended"
        assert not stack.exists(f"results/{job_id}/receipt.json")

    redrive(stack, job_id)

    assert stack.execution_ended(job_id) == "SUCCEEDED"
    ended = stack.ended(key)
    assert ended.status is Status.COMPLETED
    assert ended.counts()["succeeded"] == 5
    assert ended.results is not None
    assert stack.exists(ended.results["receipt"])
    assert len(stack.calls()) == 5
    assert times(stack, job_id, "Plan") == times(stack, job_id, "Run chunks") == 1


def test_a_redrive_that_fails_can_be_redriven(stack: StackUnderTest) -> None:
    key = "inbox/close-fails-twice.jsonl"
    with stack.cloud.without("CloseRole", "s3:PutObject"):
        job_id = failed_job(stack, key)
        redrive(stack, job_id)
        assert stack.execution_ended(job_id) == "FAILED"

    redrive(stack, job_id)

    assert stack.execution_ended(job_id) == "SUCCEEDED"
    assert stack.ended(key).status is Status.COMPLETED
    told = [event["type"] for event in history(stack, job_id)]
    assert told.count("ExecutionRedriven") == 2
    assert told.count("ExecutionFailed") == 2


def test_only_what_failed_is_redriven(stack: StackUnderTest) -> None:
    row = stack.run("inbox/close-succeeds.jsonl", chat_file(1))
    until(lambda: stack.execution_status(row.job_id) == "SUCCEEDED")

    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        redrive(stack, row.job_id)
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        redrive(stack, "nobody")
