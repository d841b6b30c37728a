"""Workers that are killed, or may not run, under the deployed workflow: its retries bring the job to its end."""

import json
import os
import random
import signal
import time
from functools import partial

import pytest

from batchwright.aws.s3 import S3Objects
from batchwright.job import Status
from tests.chaos.processes import Blows, account
from tests.emulator.pids import PROC, alive
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until
from tests.system.test_jobs import history_of

LATENCY = 1.0
IN_FLIGHT = 400  # template.yaml's
CHUNKS = 2


def workers(stack: StackUnderTest) -> list[int]:
    """Return the processes in which ministack runs the workers of the stack."""
    name = f"AWS_LAMBDA_FUNCTION_NAME={stack.cloud.physical('InvokeFunction')}".encode()
    group = json.loads((stack.cloud.at / "ministack.json").read_text())["pid"]
    ours = [one.pid for one in alive().values() if one.group == group]
    return [pid for pid in ours if name in (PROC / str(pid) / "environ").read_bytes().split(b"\0")]


def _more_calls(stack: StackUnderTest, before: int) -> bool:
    return len(stack.calls()) > before


@pytest.mark.skipif(not PROC.exists(), reason="whose worker a process is, only /proc tells")
def test_a_job_whose_workers_are_killed_again_and_again_completes_by_the_workflows_retries(
    stack: StackUnderTest,
) -> None:
    stack.behave(latency_ms=1000 * LATENCY)
    stack.drop("inbox/killed.jsonl", chat_file(CHUNKS * 1000))
    blows = Blows()
    for _ in range(2):
        before = len(stack.calls())
        until(partial(_more_calls, stack, before))  # somebody works
        time.sleep(random.uniform(0, 2))
        for pid in workers(stack):
            os.kill(pid, signal.SIGKILL)
            blows.kills += 1

    row = stack.ended("inbox/killed.jsonl", seconds=120)

    assert row.status is Status.COMPLETED, history_of(stack, row.job_id)
    found = account(S3Objects(stack.s3, stack.bucket), stack.host, row, blows)
    assert (found.lost, found.doubled, found.not_succeeded, found.unasked) == (0, 0, 0, 0)
    most = blows.kills * (IN_FLIGHT + round(5 * IN_FLIGHT / LATENCY))
    assert 0 < found.paid_again <= most, "somebody who worked was killed"
    assert 0 <= found.hidden <= most


def test_a_stack_whose_workers_are_switched_off_waits_and_spends_nothing(
    stack: StackUnderTest,
) -> None:
    client, name = stack.cloud.client("lambda"), stack.cloud.physical("InvokeFunction")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        stack.drop("inbox/switched-off.jsonl", chat_file(10))
        row = stack.started("inbox/switched-off.jsonl")
        until(lambda: turned_away(stack, row.job_id) >= 2)
        assert stack.calls() == []
    finally:
        client.delete_function_concurrency(FunctionName=name)

    row = stack.ended("inbox/switched-off.jsonl")
    assert row.counts()["succeeded"] == len(stack.calls()) == 10


def turned_away(stack: StackUnderTest, job_id: str) -> int:
    """Return how often a chunk of the job found no worker."""
    sfn = stack.cloud.client("stepfunctions")
    execution = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    runs = sfn.list_map_runs(executionArn=f"{execution}:{job_id}")["mapRuns"]
    children = [
        child["executionArn"]
        for run in runs
        for child in sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    ]
    events = [
        event
        for child in children
        for event in sfn.get_execution_history(executionArn=child, maxResults=1000)["events"]
    ]
    refused = [event.get("taskFailedEventDetails", {}).get("error") for event in events]
    return refused.count("Lambda.TooManyRequestsException")
