"""The way of a job through the deployed template, IAM enforced, by both doors."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from batchwright.job import Status
from tests.fakes import MODEL
from tests.laptop import chat_file, chat_line, converse_line, jsonl, song
from tests.system.stack_under_test import StackUnderTest, until

TAGS = f"""
name: tags
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 50}}]
prompt: {{system: "Tag it.", user: "{{{{ name }}}}: {{{{ text }}}}"}}
response:
  schema:
    {{type: object, properties: {{tag: {{type: string}}}}, required: [tag], additionalProperties: false}}
"""
MAPPED = f"""
name: mapped
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 300, temperature: 0}}]
models: {{gpt-4o-mini: "{MODEL}"}}
"""
ENDINGS = {"succeeded", "failed", "blocked", "review", "expired", "cancelled", "pending"}


def test_a_file_of_openai_batch_comes_back_as_openai_gives_it(stack: StackUnderTest) -> None:
    row = stack.run("inbox/openai.jsonl", chat_file(30))

    assert row.status is Status.COMPLETED
    output = stack.results(row, "output")
    assert [line["custom_id"] for line in output] == [f"req-{n}" for n in range(30)]
    for number, line in enumerate(output):
        chat = ChatCompletion.model_validate(line["response"]["body"], strict=True)
        assert chat.choices[0].message.content == song(number)
    assert stack.results(row, "errors") == []
    assert len(stack.results(row, "outcomes")) == 30
    assert row.results is not None
    assert stack.exists(row.results["receipt"])


def test_a_picture_that_a_line_names_is_fetched_from_the_bucket(stack: StackUnderTest) -> None:
    picture = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde"
    stack.drop("uploads/cup.png", picture)

    def shown(custom_id: str, name: str) -> dict[str, Any]:
        place = {"type": "image_url", "image_url": {"url": f"s3://{stack.bucket}/{name}"}}
        said = {"type": "text", "text": "What is it?"}
        return chat_line(custom_id, "", messages=[{"role": "user", "content": [place, said]}])

    lines = [shown("there", "uploads/cup.png"), shown("gone", "uploads/gone.png")]
    lines.append(shown("elsewhere", "results/secret.png"))
    row = stack.run("inbox/pictures.jsonl", jsonl(lines))

    (answer,) = stack.results(row, "output")
    assert answer["custom_id"] == "there"
    assert answer["response"]["body"]["usage"]["prompt_tokens"] > 1600, "the host saw a picture"
    codes = {line["custom_id"]: line["error"]["code"] for line in stack.results(row, "errors")}
    assert codes == {"gone": "attachment_missing", "elsewhere": "foreign_key"}


def test_a_file_of_bedrock_converse_comes_back_as_batch_inference_gives_it(
    stack: StackUnderTest,
) -> None:
    content = jsonl([converse_line(f"r{n}", f"say {n}") for n in range(5)])

    row = stack.run("inbox/converse.jsonl", content)

    output = stack.results(row, "output")
    assert [line["recordId"] for line in output] == [f"r{n}" for n in range(5)]
    said = output[3]["modelOutput"]["output"]["message"]["content"]
    assert said == [{"text": "say 3"}]
    assert output[3]["modelOutput"]["usage"]["totalTokens"] == 4


def test_a_table_is_asked_row_by_row_with_the_contracts_prompt(stack: StackUnderTest) -> None:
    stack.put_contract("tags", TAGS)

    row = stack.run(
        "inbox/tags/lamps.csv", b'id,name,text\r\na,Lamp,"dim,\nwarm"\r\nb,Desk,oak\r\n'
    )

    assert row.contract == "tags"
    output = stack.results(row, "output")
    assert [line["id"] for line in output] == ["a", "b"]
    assert output[0]["row"] == {"id": "a", "name": "Lamp", "text": "dim,\nwarm"}
    assert output[0]["output"]


def test_a_contract_says_whom_to_ask_for_a_name_in_the_file(stack: StackUnderTest) -> None:
    stack.put_contract("mapped", MAPPED)
    lines = [chat_line("a", "hello"), chat_line("b", "hello", model="gpt-5")]

    row = stack.run("inbox/mapped/a.jsonl", jsonl(lines))

    assert row.counts()["succeeded"] == 1
    (refused,) = stack.results(row, "errors")
    assert refused["error"]["code"] == "model_not_found"
    assert [call["model"] for call in stack.calls()] == [MODEL]


def test_a_message_names_an_object(stack: StackUnderTest) -> None:
    key = "uploads/named.jsonl"
    stack.drop(key, chat_file(3))
    assert stack.row(key) is None, "only the inbox starts jobs by itself"

    stack.say({"input": f"s3://{stack.bucket}/{key}"})

    assert stack.ended(key).counts()["succeeded"] == 3


def test_a_message_carries_records(stack: StackUnderTest) -> None:
    stack.say({"records": [chat_line("carried-1", "one"), chat_line("carried-2", "two")]})

    def carried() -> list[dict[str, Any]] | None:
        for row in stack.jobs.recent(50):
            if row.status.final and row.input and row.input.endswith("/input.jsonl"):
                output = stack.results(row, "output")
                if output[0]["custom_id"] == "carried-1":
                    return output
        return None

    assert [line["custom_id"] for line in until(carried)] == ["carried-1", "carried-2"]


def test_two_thousand_records_are_two_thousand_calls_and_the_counts_add_up(
    stack: StackUnderTest,
) -> None:
    stack.behave(latency_ms=200)

    row = stack.run("inbox/two-thousand.jsonl", chat_file(2000), seconds=120)

    calls = stack.calls()
    counts = row.counts()
    assert counts["total"] == counts["succeeded"] == 2000
    assert counts["total"] == sum(counts[ending] for ending in ENDINGS)
    own = [call for call in calls if call["metadata"].get("job_id") == row.job_id]
    assert len(own) == row.tally.calls == 2000
    assert len({call["metadata"]["idempotency_key"] for call in calls}) == 2000
    assert row.tally.usage.input_tokens == sum(call["input_tokens"] for call in calls)
    assert row.tally.usage.output_tokens == sum(call["output_tokens"] for call in calls)
    assert row.tally.cost_usd == pytest.approx(
        (row.tally.usage.input_tokens * 0.06 + row.tally.usage.output_tokens * 0.24) / 1e6
    )
    assert row.chunks == 2
    custom_ids = [line["custom_id"] for line in stack.results(row, "output")]
    assert custom_ids == [f"req-{n}" for n in range(2000)]


def test_the_same_file_twice_is_one_job_and_is_paid_once(stack: StackUnderTest) -> None:
    first = stack.run("inbox/twice.jsonl", chat_file(4))
    event = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": stack.bucket}, "object": {"key": "inbox/twice.jsonl"}},
    }
    stack.drop("inbox/twice.jsonl", chat_file(4))
    for _ in range(5):
        stack.say(event)
    stack.run("inbox/after-twice.jsonl", chat_file(1))

    found = [
        row
        for row in stack.jobs.recent(1000)
        if row.input == f"s3://{stack.bucket}/inbox/twice.jsonl"
    ]
    assert [row.job_id for row in found] == [first.job_id]
    assert len(stack.calls()) == 5


def test_throttles_lose_nothing(stack: StackUnderTest) -> None:
    stack.behave(faults=[{"do": "throttle", "rate": 0.5}, {"do": "503", "times": 10}], seed=7)

    row = stack.run("inbox/throttled.jsonl", chat_file(60))

    assert row.counts()["succeeded"] == 60
    assert row.tally.calls == len(stack.calls()) > 60


def test_a_model_that_only_throttles_is_waited_for_by_the_workflow(stack: StackUnderTest) -> None:
    stack.behave(faults=[{"do": "throttle"}])
    stack.drop("inbox/patient.jsonl", chat_file(3))
    until(lambda: any('"paused"' in line for line in stack.logs("invoke")), seconds=90)

    stack.behave()

    assert stack.ended("inbox/patient.jsonl").counts()["succeeded"] == 3


@contextmanager
def living(stack: StackUnderTest, function: str, *, seconds: int) -> Iterator[None]:
    """Let every run of a function be short."""
    client, name = stack.cloud.client("lambda"), stack.cloud.physical(function)
    before = client.get_function_configuration(FunctionName=name)["Timeout"]
    client.update_function_configuration(FunctionName=name, Timeout=seconds)
    try:
        yield
    finally:  # all later tests run on the same cloud
        client.update_function_configuration(FunctionName=name, Timeout=before)


def a_short_life(stack: StackUnderTest, function: str, *, least: int) -> int:
    """Return seconds that are few, and enough to start in, however busy the machine is."""
    client, name = stack.cloud.client("lambda"), stack.cloud.physical(function)
    with living(stack, function, seconds=300):
        began = time.monotonic()
        client.invoke(FunctionName=name, Payload=b"{}")  # it starts, and finds nothing to do
        started = time.monotonic() - began
    return max(least, round(6 * started))


def test_a_worker_whose_time_is_up_is_followed_by_another(stack: StackUnderTest) -> None:
    life = a_short_life(stack, "InvokeFunction", least=5)
    stack.behave(latency_ms=220 * life)
    before = told_more(stack, "invoke")

    with living(stack, "InvokeFunction", seconds=life):
        row = stack.run("inbox/long.jsonl", chat_file(1000))

    followed = told_more(stack, "invoke") - before
    assert row.counts()["succeeded"] == 1000
    assert row.chunks == 1
    assert followed > 0
    assert row.tally.calls == len(stack.calls())
    assert row.tally.calls <= 1000 + 200 * followed, "at most those in flight are asked again"


def test_a_file_that_one_run_cannot_plan_is_planned_by_several(stack: StackUnderTest) -> None:
    records = 1_100_000  # twice what a fast machine plans in such a life
    before = told_more(stack, "plan")
    line = json.dumps(chat_line("req-@", "x", model="us.meta.llama9-v1:0")).encode() + b"\n"
    content = b"".join(line.replace(b"@", b"%d" % number) for number in range(records))
    life = a_short_life(stack, "PlanFunction", least=8)

    with living(stack, "PlanFunction", seconds=life):
        row = stack.run("inbox/long-plan.jsonl", content, seconds=600)

    assert told_more(stack, "plan") - before > 0
    assert row.reason is not None
    assert row.reason.code == "no_valid_record"
    assert row.problems == records


def told_more(stack: StackUnderTest, step: str) -> int:
    return "\n".join(stack.logs(step)).count('"state":"more"')


def test_a_record_that_the_model_refuses_fails_alone(stack: StackUnderTest) -> None:
    faults = [
        {"match": f"^{song(3)}$", "do": "400"},
        {"match": f"^{song(4)}$", "do": "filtered"},
        {"match": f"^{song(5)}$", "do": "empty"},
        {"match": f"^{song(6)}$", "do": "cut", "times": 1},
    ]
    stack.behave(faults=faults)

    row = stack.run("inbox/faulty.jsonl", chat_file(10))

    assert row.status is Status.COMPLETED
    counts = row.counts()
    assert (counts["succeeded"], counts["failed"], counts["blocked"]) == (7, 2, 1)
    codes = {line["custom_id"]: line["error"]["code"] for line in stack.results(row, "errors")}
    assert codes == {
        "req-3": "invalid_request",
        "req-4": "content_filtered",
        "req-5": "malformed_completion",
    }
    assert row.tally.ambiguous_calls == 1


def test_a_model_that_may_not_be_asked_stops_the_job_with_one_reason(
    stack: StackUnderTest,
) -> None:
    stack.behave(faults=[{"do": "403"}])

    row = stack.run("inbox/denied.jsonl", chat_file(20))

    assert row.status is Status.FAILED
    assert row.reason is not None
    assert row.reason.code == "access_denied"
    assert row.counts()["failed"] == 20
    assert row.results is not None
    assert stack.exists(row.results["receipt"])


def test_a_job_tells_what_became_of_it_to_who_listens(stack: StackUnderTest) -> None:
    sqs, sns = stack.cloud.client("sqs"), stack.cloud.client("sns")
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    queue = sqs.create_queue(QueueName="listener", Attributes={"Policy": policy})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(
        TopicArn=stack.outputs["JobEventsTopicArn"], Protocol="sqs", Endpoint=arn["QueueArn"]
    )
    row = stack.run("inbox/heard.jsonl", chat_file(1))
    heard: list[str] = []

    def all_heard() -> bool:
        said = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in said:
            detail = json.loads(json.loads(message["Body"])["Message"])["detail"]
            if detail["job_id"] == row.job_id:
                heard.append(detail["status"])
        return len(heard) >= 3

    until(all_heard)
    assert sorted(heard) == ["completed", "received", "running"]


def test_what_is_asked_and_answered_stays_in_the_bucket(stack: StackUnderTest) -> None:
    canary = "canary-4711"
    stack.behave(faults=[{"match": "refuse", "do": "400"}])
    lines = [chat_line(f"{canary}-{n}", f"{canary} number {n}") for n in range(5)]
    lines.append(chat_line(canary, f"{canary} refuse"))
    bad = json.dumps({"custom_id": canary, "method": canary, canary: canary}).encode()

    row = stack.run(
        "inbox/stays-in-the-bucket.jsonl", jsonl(lines) + bad + b"\n{" + canary.encode() + b"\n"
    )

    assert canary in json.dumps(stack.results(row, "output"))
    for name in ("admit", "plan", "invoke", "close"):
        written = stack.logs(name)
        assert any(row.job_id in line for line in written), name
        assert canary not in "\n".join(written)
    table = stack.cloud.client("dynamodb").scan(TableName=stack.outputs["JobsTableName"])
    assert canary not in json.dumps(table["Items"])
    history = history_of(stack, row.job_id)
    assert canary not in history
    assert "Run chunks" in history


def history_of(stack: StackUnderTest, job_id: str) -> str:
    arn = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    sfn = stack.cloud.client("stepfunctions")
    events = sfn.get_execution_history(executionArn=f"{arn}:{job_id}", maxResults=1000)["events"]
    return json.dumps(events, default=str)


def test_the_state_of_the_workflow_is_pointers_of_a_few_kilobytes(stack: StackUnderTest) -> None:
    row = stack.run("inbox/pointers.jsonl", chat_file(3000))

    arn = stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    sfn = stack.cloud.client("stepfunctions")
    events = sfn.get_execution_history(executionArn=f"{arn}:{row.job_id}", maxResults=1000)
    payloads = [
        str(value)
        for event in events["events"]
        for detail in event.values()
        if isinstance(detail, dict)
        for name, value in detail.items()
        if name in {"input", "output"}
    ]
    assert len(payloads) > 5
    assert max(len(payload) for payload in payloads) < 2000
