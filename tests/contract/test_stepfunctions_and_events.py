"""Starting jobs, and saying what became of them, as AWS takes it."""

import json
from typing import Any

import boto3
import pytest

from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.stepfunctions import StepFunctionsWorkflows
from batchwright.errors import Unavailable
from batchwright.job import Status
from batchwright.run import Run, RunState
from tests.contract.cutting import cut

DEFINITION = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})


@pytest.mark.usefixtures("aws")
def test_a_job_is_started_under_its_own_name_and_only_once() -> None:
    sfn = boto3.client("stepfunctions")
    arn = sfn.create_state_machine(
        name="job", definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/job"
    )["stateMachineArn"]
    workflows = StepFunctionsWorkflows(sfn, arn)

    run = Run(job_id="a" * 32)
    assert workflows.state(run) is None
    workflows.start(run)
    workflows.start(run)

    (execution,) = sfn.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == "a" * 32
    described = sfn.describe_execution(executionArn=execution["executionArn"])
    told = {"job_id": "a" * 32, "redrive": 0, "begin": "plan"}
    assert json.loads(described["input"]) == told
    assert workflows.state(run) is RunState.RUNNING

    sfn.stop_execution(executionArn=execution["executionArn"])

    assert workflows.state(run) is RunState.ABORTED


def test_a_state_that_was_cut_on_its_way_is_not_believed(aws: None) -> None:  # noqa: ARG001 - no credentials of anybody
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:job"
    workflows = StepFunctionsWorkflows(cut(boto3.client("stepfunctions")), arn)

    with pytest.raises(Unavailable, match="cut"):
        workflows.state(Run(job_id="a" * 32))


def listener(detail_type: str) -> str:
    """Return the URL of a queue that gets our events of one type."""
    events, sqs = boto3.client("events"), boto3.client("sqs")
    queue: str = sqs.create_queue(QueueName="listener")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {"source": ["batchwright"], "detail-type": [detail_type]}
    events.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="jobs", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])
    return queue


def heard(queue: str) -> Any:
    (message,) = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    return json.loads(message["Body"])["detail"]


@pytest.mark.usefixtures("aws")
def test_a_change_of_a_job_arrives_where_somebody_listens() -> None:
    queue = listener("Job State Change")

    events = EventBridgeEvents(boto3.client("events"), "box")
    events.job_changed("j", Status.COMPLETED, {"counts": {"total": 1}})

    assert heard(queue) == {
        "job_id": "j",
        "status": "completed",
        "bucket": "box",
        "counts": {"total": 1},
    }


@pytest.mark.usefixtures("aws")
def test_a_job_that_stalled_is_told_where_somebody_listens() -> None:
    queue = listener("Job Stalled")

    events = EventBridgeEvents(boto3.client("events"), "box")
    events.job_stalled("j", Status.RUNNING, minutes=31, did="restarted")

    assert heard(queue) == {
        "job_id": "j",
        "status": "running",
        "bucket": "box",
        "minutes": 31,
        "did": "restarted",
    }
