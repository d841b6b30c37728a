"""The sweeper as it is deployed, with its own rights."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from batchwright.aws.ledger import DynamoDBLedger
from tests.fakes import MODEL
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until

BRIEF = f"""
name: brief
routes: [{{engine: bedrock, model: "{MODEL}"}}]
models: {{"*": "{MODEL}"}}
retention: {{results: 1h}}
"""
FAR_AHEAD = datetime(2100, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def by_hand(deployed: StackUnderTest) -> Iterator[None]:
    """Let the sweeper come when a test calls it, and not by itself a moment before."""
    events = deployed.cloud.client("events")
    every_five_minutes = deployed.cloud.physical("SweepFunctionEveryFiveMinutes")
    events.disable_rule(Name=every_five_minutes)
    try:
        yield
    finally:
        events.enable_rule(Name=every_five_minutes)


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


def test_the_deployed_sweeper_forgets_what_is_due(stack: StackUnderTest) -> None:
    stack.put_contract("brief", BRIEF)
    key = "inbox/brief/soon-forgotten.jsonl"
    row = stack.run(key, chat_file(3))
    assert row.results is not None
    (due,) = [due for due in stack.jobs.due(FAR_AHEAD) if due.job_id == row.job_id]
    stack.jobs.settle_due(due)
    stack.jobs.add_due(replace(due, at=LONG_AGO))

    said = stack.cloud.client("lambda").invoke(FunctionName=stack.cloud.physical("SweepFunction"))

    swept = json.loads(said["Payload"].read())
    assert "FunctionError" not in said, swept
    assert swept["forgotten"] == 1
    assert not stack.exists(key)
    assert not stack.exists(row.results["output"])
    assert not stack.exists(f"jobs/{row.job_id}/job.json")
    assert stack.exists(row.results["receipt"])
    ledger = DynamoDBLedger(stack.cloud.client("dynamodb"), stack.cloud.physical("LedgerTable"))
    entries = [json.loads(each.content) for each in ledger.entries()]
    assert [each["kind"] for each in entries if each["job"] == row.job_id] == ["close", "forget"]


def age(stack: StackUnderTest, job_id: str) -> None:
    """Let a job have changed last an hour ago, or longer."""
    stack.cloud.client("dynamodb").update_item(
        TableName=stack.outputs["JobsTableName"],
        Key={"job_id": {"S": job_id}, "sk": {"S": "job"}},
        UpdateExpression="SET updated_at = :long_ago",
        ExpressionAttributeValues={":long_ago": {"S": "2026-01-01T00:00:00.000Z"}},
    )
