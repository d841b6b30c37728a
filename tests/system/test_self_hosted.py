"""A model server of one's own through the deployed template, IAM enforced: its key, its answers, its failures.

Its key is the canary: where the cloud keeps anything, it must not sing.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from batchwright.job import JobRow, Status
from tests.canary import CANARY
from tests.fakes import MODEL
from tests.laptop import chat_line, jsonl, song
from tests.system.stack_under_test import StackUnderTest

OWN = "qwen3-4b"
RECORDS = 300
FILE = jsonl([chat_line(f"q{number}", song(number)) for number in range(RECORDS)])


@pytest.fixture(scope="module")
def secret(deployed: StackUnderTest) -> Iterator[str]:
    """The key of the server, where the stack may read it."""
    client = deployed.cloud.client("secretsmanager")
    arn = client.create_secret(Name="batchwright-llm", SecretString=CANARY)["ARN"]
    yield arn
    client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def own(stack: StackUnderTest, secret: str) -> StackUnderTest:
    """The stack, a server that wants the key, and a contract that leads there."""
    stack.behave(api_key=CANARY, served=[OWN])
    stack.put_contract("own", contract("own", server(stack, secret)))
    return stack


def server(stack: StackUnderTest, secret: str, base_url: str | None = None) -> str:
    where = base_url or stack.host.base_url
    return (
        f"{{engine: openai, model: {OWN}, base_url: '{where}', secret: '{secret}', max_tokens: 100,"
        " price: {input: 0.2, output: 0.4}}"
    )


def contract(name: str, *routes: str, fallback: str = "[]", model: str = OWN) -> str:
    listed = "".join(f"  - {route}\n" for route in routes)
    return f"name: {name}\nroutes:\n{listed}fallback: {fallback}\nmodels: {{'*': '{model}'}}\n"


def facts(stack: StackUnderTest, row: JobRow) -> list[tuple[Any, ...]]:
    """What became of each record, whoever answered."""
    names = ("record_id", "status", "stop_reason", "attempts")
    return [
        (*(each[name] for name in names), each["usage"]["output_tokens"])
        for each in stack.results(row, "outcomes")
    ]


def said(stack: StackUnderTest, row: JobRow) -> dict[str, str]:
    return {
        line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
        for line in stack.results(row, "output")
    }


def test_three_hundred_records_fare_as_they_do_on_demand(own: StackUnderTest) -> None:
    row = own.run("inbox/own/questions.jsonl", FILE)
    calls = own.calls()
    own.put_contract(
        "theirs", contract("theirs", f"{{model: '{MODEL}', max_tokens: 100}}", model=MODEL)
    )
    theirs = own.run("inbox/theirs/questions.jsonl", FILE)

    assert row.status is theirs.status is Status.COMPLETED
    assert row.counts() == theirs.counts()
    assert row.counts()["succeeded"] == RECORDS
    assert facts(own, row) == facts(own, theirs)
    assert said(own, row) == said(own, theirs) == {f"q{n}": song(n) for n in range(RECORDS)}
    assert {(call["api"], call["model"], call["status"]) for call in calls} == {
        ("chat.completions", OWN, 200)
    }
    keys = {each["idempotency_key"] for each in own.results(row, "outcomes")}
    assert len(calls) == len(keys) == RECORDS
    assert {call["metadata"]["idempotency_key"] for call in calls} == keys
    usage = row.tally.usage
    assert row.tally.cost_usd == pytest.approx(
        (usage.input_tokens * 0.2 + usage.output_tokens * 0.4) / 1e6
    )


def test_a_server_that_has_not_the_model_is_stood_in_for_by_bedrock(
    own: StackUnderTest, secret: str
) -> None:
    bedrock = f"{{model: '{MODEL}', max_tokens: 100}}"
    routes = (server(own, secret), bedrock)
    own.put_contract("gone", contract("gone", *routes, fallback="[denied]"))
    own.host.behave(served=[])

    row = own.run("inbox/gone/questions.jsonl", jsonl([chat_line("a", "hi"), chat_line("b", "ho")]))

    assert row.status is Status.COMPLETED
    assert {each["model"] for each in own.results(row, "outcomes")} == {MODEL}
    assert {each["route"] for each in own.results(row, "outcomes")} == {1}


def test_a_server_that_the_stack_may_not_ask_gets_nothing(own: StackUnderTest, secret: str) -> None:
    elsewhere = server(own, secret, f"{own.host.url}/v2")
    own.put_contract("elsewhere", contract("elsewhere", elsewhere))

    row = own.run("inbox/elsewhere/questions.jsonl", jsonl([chat_line("a", "hi")]))

    assert row.status is not Status.COMPLETED
    assert row.reason is not None
    assert row.reason.code == "access_denied"
    assert "EndpointUrls" in row.reason.message
    assert own.calls() == []


def test_a_secret_that_the_stack_may_not_read_stops_the_job(own: StackUnderTest) -> None:
    client = own.cloud.client("secretsmanager")
    foreign = client.create_secret(Name="somebody-elses", SecretString=CANARY)["ARN"]
    own.put_contract("foreign", contract("foreign", server(own, foreign)))

    row = own.run("inbox/foreign/questions.jsonl", jsonl([chat_line("a", "hi")]))

    assert row.reason is not None
    assert row.reason.code == "access_denied"
    assert "EndpointSecretArns" in row.reason.message
    assert own.calls() == []
