"""The sweeper as it is deployed, with its own rights."""

import json

import pytest

from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until

pytestmark = pytest.mark.timeout(400)


def test_the_deployed_sweeper_takes_up_a_job_that_was_never_started(stack: StackUnderTest) -> None:
    key = "inbox/never-started.jsonl"
    with stack.cloud.without("AdmitRole", "states:StartExecution"):
        stack.drop(key, chat_file(3))
        row = stack.started(key)
        until(lambda: any("handler failed" in line for line in stack.logs("admit")))
    stack.purge()
    age(stack, row.job_id)

    said = stack.cloud.client("lambda").invoke(FunctionName=stack.cloud.physical("SweepFunction"))

    swept = json.loads(said["Payload"].read())
    assert "FunctionError" not in said, swept
    assert swept["restarted"] >= 1
    assert stack.ended(key).counts()["succeeded"] == 3


def age(stack: StackUnderTest, job_id: str) -> None:
    """Let a job have changed last an hour ago, or longer."""
    stack.cloud.client("dynamodb").update_item(
        TableName=stack.outputs["JobsTableName"],
        Key={"job_id": {"S": job_id}, "sk": {"S": "job"}},
        UpdateExpression="SET updated_at = :long_ago",
        ExpressionAttributeValues={":long_ago": {"S": "2026-01-01T00:00:00.000Z"}},
    )
