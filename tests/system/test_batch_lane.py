"""A file through Bedrock's batch inference, on the deployed template, IAM enforced."""

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from batchwright.job import JobRow, Reason, Status
from batchwright.run import Run
from tests.lanelaptop import BATCH, tool_lines
from tests.laptop import chat_file, jsonl, song
from tests.system.conftest import Probe
from tests.system.stack_under_test import StackUnderTest, until
from tests.system.test_amends import allow

RECORDS = 300
TOLD = ("record_id", "status", "error", "model", "attempts", "verdict", "input_digest")


def paid(stack: StackUnderTest) -> Counter[str]:
    """How often a model was paid for, as a record of a batch or at once."""
    apis = Counter(str(call["api"]) for call in stack.calls())
    return Counter({api: apis[api] for api in ("Batch", "Converse") if apis[api]})


def told(stack: StackUnderTest, row: JobRow) -> list[tuple[Any, ...]]:
    return [tuple(outcome[name] for name in TOLD) for outcome in stack.results(row, "outcomes")]


def said(stack: StackUnderTest, row: JobRow) -> Mapping[str, str]:
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in stack.results(row, "output")
    }


def test_a_batch_gives_the_outcomes_that_asking_on_demand_gives(stack: StackUnderTest) -> None:
    stack.put_contract("batch", BATCH)
    stack.put_contract(
        "at-once", BATCH.replace("lane: bedrock_batch\n", "").replace("batch", "at-once")
    )

    lane = stack.run("inbox/batch/three-hundred.jsonl", chat_file(RECORDS), seconds=240)
    for_the_lane = paid(stack)
    stack.behave()
    at_once = stack.run("inbox/at-once/three-hundred.jsonl", chat_file(RECORDS), seconds=240)

    assert (lane.status, lane.lane) == (Status.COMPLETED, "bedrock_batch")
    assert (at_once.status, at_once.lane) == (Status.COMPLETED, "on_demand")
    assert for_the_lane == {"Batch": RECORDS}, "every record was paid for once, in the batch"
    assert paid(stack) == {"Converse": RECORDS}
    assert said(stack, lane) == {f"req-{number}": song(number) for number in range(RECORDS)}
    assert said(stack, lane) == said(stack, at_once)
    assert told(stack, lane) == told(stack, at_once)
    assert lane.tally.calls == RECORDS
    assert lane.tally.cost_usd == pytest.approx((at_once.tally.cost_usd or 0) / 2)
    assert stack.execution_ended(lane.job_id) == "SUCCEEDED"


def answered(stack: StackUnderTest, row: JobRow) -> Mapping[str, tuple[Any, ...]]:
    """What each record was answered: words, or calls without their ids, which are always others."""
    found = {}
    for line in stack.results(row, "output"):
        choice = line["response"]["body"]["choices"][0]
        calls = [call["function"] for call in choice["message"].get("tool_calls") or ()]
        said = (choice["finish_reason"], choice["message"]["content"], calls)
        found[line["custom_id"]] = said
    return found


def test_records_with_tools_have_the_outcomes_that_asking_on_demand_gives(
    stack: StackUnderTest,
) -> None:
    stack.put_contract("batch", BATCH)
    stack.put_contract(
        "at-once", BATCH.replace("lane: bedrock_batch\n", "").replace("batch", "at-once")
    )
    asks = jsonl(tool_lines(120))

    lane = stack.run("inbox/batch/tools.jsonl", asks, seconds=240)
    for_the_lane = paid(stack)
    stack.behave()
    at_once = stack.run("inbox/at-once/tools.jsonl", asks, seconds=240)

    assert (lane.status, lane.lane) == (Status.COMPLETED, "bedrock_batch")
    assert (at_once.status, at_once.lane) == (Status.COMPLETED, "on_demand")
    assert for_the_lane == {"Batch": 120}, "every record was paid for once, in the batch"
    assert paid(stack) == {"Converse": 120}
    said = answered(stack, lane)
    assert said == answered(stack, at_once)
    assert told(stack, lane) == told(stack, at_once)
    assert Counter(reason for reason, _, _ in said.values()) == {"tool_calls": 30, "stop": 90}
    assert lane.tally.cost_usd == pytest.approx((at_once.tally.cost_usd or 0) / 2)


def test_what_a_batch_leaves_is_asked_on_demand(stack: StackUnderTest) -> None:
    stack.put_contract("batch", BATCH)
    stack.behave(batch={"faults": [{"do": "partial", "after": 200}]})

    row = stack.run("inbox/batch/partial.jsonl", chat_file(250), seconds=240)

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == 250
    assert paid(stack) == {"Batch": 200, "Converse": 50}, "nothing was paid for twice"


def test_a_job_that_is_cancelled_while_its_batch_runs_ends_with_a_receipt(
    stack: StackUnderTest,
) -> None:
    stack.put_contract("batch", BATCH)
    stack.behave(batch={"in_progress": 600.0})
    key = "inbox/batch/cancelled.jsonl"
    stack.drop(key, chat_file(120))
    job_id = stack.started(key).job_id
    until(lambda: stack.exists(f"jobs/{job_id}/batches/000000/input.jsonl"), seconds=120)

    stack.say({"cancel": {"job": job_id, "redrive": 0}})

    row = stack.ended(key, seconds=120)
    counts = row.counts()
    assert row.status in {Status.INCOMPLETE, Status.FAILED}
    assert counts["cancelled"] > 0
    assert counts["cancelled"] + counts["succeeded"] == 120
    assert paid(stack)["Batch"] == counts["succeeded"] == row.tally.calls


def test_what_a_batch_had_answered_is_read_when_its_execution_was_stopped_by_hand(
    stack: StackUnderTest,
) -> None:
    stack.put_contract("batch", BATCH)
    stack.behave(batch={"in_progress": 60.0}, latency_ms=0)
    key = "inbox/batch/aborted.jsonl"
    stack.drop(key, chat_file(120))
    job_id = stack.started(key).job_id
    until(lambda: paid(stack)["Batch"] > 10, seconds=240)
    machine, sfn = stack.outputs["StateMachineArn"], stack.cloud.client("stepfunctions")
    execution = machine.replace(":stateMachine:", ":execution:")
    sfn.stop_execution(executionArn=f"{execution}:{job_id}")

    # As the sweeper does, when the job has been silent for long enough.
    stack.jobs.stop(job_id, Reason(code="cancelled", message="stopped by hand"))
    run = Run(job_id=job_id, restart=1)
    sfn.start_execution(stateMachineArn=machine, name=run.name, input=json.dumps(run.to_json()))

    row = stack.ended(key, seconds=240)
    counts = row.counts()
    assert row.incomplete_reason == "cancelled"
    assert 10 < counts["succeeded"] == paid(stack)["Batch"] == row.tally.calls
    assert counts["cancelled"] + counts["succeeded"] == 120
    assert stack.execution_ended(run.name) == "SUCCEEDED"


# What a function that may not answer tasks tries with its own; see tests/emulator/amends/tokens.py.
TRY = """
import boto3
answer = boto3.client("stepfunctions").send_task_success(taskToken="{}", output="1")
"""


def test_a_task_whose_function_may_not_answer_it_fails_at_once(
    stack: StackUnderTest,
    probe: Probe,  # noqa: ARG001 - it is the function
) -> None:
    sfn, iam = stack.cloud.client("stepfunctions"), stack.cloud.client("iam")
    name = f"waits-{uuid.uuid4().hex}"
    trust = {"Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=allow(trust))["Role"]["Arn"]
    may = allow({"Action": "lambda:InvokeFunction", "Resource": "*"})
    iam.put_role_policy(RoleName=name, PolicyName="invoke", PolicyDocument=may)
    code = TRY.strip().replace("'", "\\'")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {
            "FunctionName": "probe",
            "Payload": {"code.$": f"States.Format('{code}', $$.Task.Token)"},
        },
        "TimeoutSeconds": 100,
        "End": True,
    }
    machine = sfn.create_state_machine(
        name=name,
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": task}}),
        roleArn=role,
    )
    arn = sfn.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]

    told = until(lambda: failed(sfn.describe_execution(executionArn=arn)), seconds=60)

    assert "AccessDenied" in told["cause"]


def failed(told: dict[str, Any]) -> dict[str, Any] | None:
    return told if told["status"] == "FAILED" else None
