"""An asynchronous endpoint through the deployed template, IAM enforced: its queue, its notifications, its failures."""

from typing import Any

import pytest

from batchwright.job import JobRow, Status
from tests.laptop import chat_line, jsonl, song
from tests.system.stack_under_test import StackUnderTest, until

OWN = "batchwright-own"
RECORDS = 300
FILE = jsonl([chat_line(f"q{number}", song(number)) for number in range(RECORDS)])
ASYNC = "lane: sagemaker_async\n"


@pytest.fixture
def own(stack: StackUnderTest) -> StackUnderTest:
    """The stack, and an endpoint that stands beside it and writes where the stack reads."""
    serve(stack)
    return stack


def serve(stack: StackUnderTest, **more: Any) -> None:
    told = {
        "output": f"s3://{stack.bucket}/endpoints/output",
        "failure": f"s3://{stack.bucket}/endpoints/failure",
        "success_topic": stack.outputs["EndpointsSucceededTopicArn"],
        "error_topic": stack.outputs["EndpointsFailedTopicArn"],
        "instances": 4,
    }
    faults, latency_ms = more.pop("faults", []), more.pop("latency_ms", 0)
    endpoints = {"named": {OWN: told | more}, "faults": faults}
    stack.behave(endpoints=endpoints, latency_ms=latency_ms)


def contract(name: str, lane: str, more: str = "") -> str:
    route = f"{{engine: sagemaker, endpoint: {OWN}, max_tokens: 100{more}}}"
    return f"name: {name}\nroutes: [{route}]\nmodels: {{'*': {OWN}}}\n{lane}"


def facts(stack: StackUnderTest, row: JobRow) -> list[tuple[Any, ...]]:
    """What became of each record, however it was asked."""
    names = ("record_id", "status", "stop_reason", "attempts", "model", "usage")
    return [tuple(str(each[name]) for name in names) for each in stack.results(row, "outcomes")]


def said(stack: StackUnderTest, row: JobRow) -> dict[str, str]:
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in stack.results(row, "output")
    }


def test_three_hundred_records_fare_in_the_queue_as_they_do_on_demand(own: StackUnderTest) -> None:
    own.put_contract("queued", contract("queued", ASYNC))
    queued = own.run("inbox/queued/questions.jsonl", FILE, seconds=180)
    paid = own.calls()
    own.put_contract("polled", contract("polled", ""))
    polled = own.run("inbox/polled/questions.jsonl", FILE, seconds=180)

    assert queued.status is polled.status is Status.COMPLETED
    assert queued.lane == "sagemaker_async"
    assert facts(own, queued) == facts(own, polled)
    assert said(own, queued) == said(own, polled) == {f"q{n}": song(n) for n in range(RECORDS)}
    assert {(call["api"], call["model"]) for call in paid} == {("InvokeEndpointAsync", OWN)}
    labels = {call["metadata"]["inferenceId"] for call in paid}
    assert len(paid) == len(labels) == RECORDS
    assert all(label.startswith(f"bw-{queued.job_id}-00-") for label in labels)


def test_a_payload_carries_a_chunks_records_line_by_line(own: StackUnderTest) -> None:
    serve(own, takes_jsonl=True)
    own.put_contract("lines", contract("lines", ASYNC, ", payload: jsonl"))

    row = own.run("inbox/lines/questions.jsonl", FILE, seconds=180)

    assert said(own, row) == {f"q{n}": song(n) for n in range(RECORDS)}
    assert len({call["metadata"]["inferenceId"] for call in own.calls()}) == 3


def test_what_fails_expires_or_leaves_no_answer_has_one_outcome_all_the_same(
    own: StackUnderTest,
) -> None:
    serve(
        own,
        faults=[
            {"do": "expire", "times": 3},
            {"do": "fail", "code": 500, "times": 3},
            {"do": "lose_output", "times": 3},
            {"do": "double_notification", "times": 20},
        ],
    )
    own.put_contract("faulty", contract("faulty", ASYNC))

    row = own.run("inbox/faulty/questions.jsonl", FILE, seconds=180)

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == RECORDS
    assert said(own, row) == {f"q{n}": song(n) for n in range(RECORDS)}


def test_a_job_that_is_cancelled_settles_what_its_endpoint_still_answers_and_counts_its_calls(
    own: StackUnderTest,
) -> None:
    serve(own, latency_ms=200, instances=1, per_instance=4)
    own.put_contract("stopped", contract("stopped", ASYNC))
    own.drop("inbox/stopped/questions.jsonl", FILE)
    until(lambda: len(own.calls()) > 4, seconds=240)
    job_id = own.started("inbox/stopped/questions.jsonl").job_id

    own.say({"cancel": {"job": job_id, "redrive": 0}})
    row = own.ended("inbox/stopped/questions.jsonl", seconds=240)

    counts, paid = row.counts(), len(own.calls())
    assert row.incomplete_reason == "cancelled"
    assert 100 <= counts["succeeded"] == paid < RECORDS, "what was handed over was waited for"
    assert counts["succeeded"] + counts["cancelled"] == RECORDS
    assert row.tally.calls == paid
    assert own.execution_ended(job_id) == "SUCCEEDED", "it closed by itself"
