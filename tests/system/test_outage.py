"""Models that are down, under the deployed workflow: what waits, and what goes on."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from batchwright.aws.circuits import DynamoDBCircuits
from batchwright.breaker import FAILURES
from batchwright.circuit import Circuit
from batchwright.job import JobRow, Status
from batchwright.prices import cost_usd
from batchwright.usage import Usage
from tests.fakes import MODEL
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest, until

IN_FLIGHT = 400  # template.yaml's
CHUNK = 1000
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
DOWN = [{"do": "503", "model": MODEL}]
FALLS_BACK = f"""
name: falls-back
routes: [{{model: "{MODEL}", max_tokens: 100}}, {{model: "{HAIKU}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
fallback: [unavailable]
"""


@dataclass(frozen=True)
class Told:
    """What the state table tells every worker of the model."""

    circuits: DynamoDBCircuits

    @property
    def circuit(self) -> Circuit:
        return self.circuits.state(f"bedrock#{MODEL}")

    def open(self) -> Circuit | None:
        found = self.circuit
        return found if found.opened_at is not None and found.holder is None else None

    def half_open(self) -> bool:
        return self.circuit.holder is not None

    def closed(self) -> bool:
        return self.circuit == Circuit()


@pytest.fixture
def told(stack: StackUnderTest) -> Told:
    table = stack.cloud.physical("StateTable")
    return Told(DynamoDBCircuits(stack.cloud.client("dynamodb"), table))


def left(stack: StackUnderTest, row: JobRow, answer: str) -> Counter[int]:
    """Return how many workers of each chunk have left with this answer."""
    lines = [json.loads(line) for line in stack.logs("invoke") if row.job_id in line]
    return Counter(line["chunk"] for line in lines if line.get("answer", {}).get("state") == answer)


def refused(stack: StackUnderTest) -> list[dict[str, Any]]:
    return [call for call in stack.calls() if call["status"] == 503]


def answered(stack: StackUnderTest) -> list[dict[str, Any]]:
    return [call for call in stack.calls() if call["status"] == 200]


def test_a_model_that_goes_down_is_left_alone_by_all_workers_and_asked_by_all_when_one_found_it_back(
    stack: StackUnderTest, told: Told
) -> None:
    chunks, key = 3, "inbox/outage.jsonl"
    stack.behave(latency_ms=300)
    stack.drop(key, chat_file(chunks * CHUNK))
    row = stack.started(key)
    until(lambda: len(answered(stack)) > 100)

    stack.host.behave(faults=DOWN)

    def paused() -> Counter[int]:
        return left(stack, row, "paused")

    # Of every worker what was in flight when the model went down, some of it twice before ten had failed in a row.
    until(lambda: len(paused()) == chunks)
    known = until(told.open).failures
    before = len(refused(stack))
    assert FAILURES < known <= FAILURES + 5
    assert before <= chunks * IN_FLIGHT * 1.5
    # Since then one call after every pause, of one of all who wait for its end.
    until(lambda: until(told.open).failures > known)
    by_then = paused()
    until(lambda: len(paused() - by_then) == chunks)
    tries = len(refused(stack)) - before
    assert 0 < tries <= until(told.open).failures - known
    asked = len(answered(stack))

    stack.host.behave(faults=[], latency_ms=2000)
    until(told.half_open)
    until(told.closed)
    stack.host.behave(latency_ms=0)
    ended = stack.ended(key)

    assert ended.status is Status.COMPLETED
    assert ended.counts()["succeeded"] == chunks * CHUNK
    first, second = sorted(call["at"] for call in answered(stack)[asked:])[:2]
    assert second > first + 1.5, "one tried, and until it was answered nobody else"
    paid = Counter(call["metadata"]["idempotency_key"] for call in answered(stack))
    outcomes = stack.results(ended, "outcomes")
    assert {each["idempotency_key"] for each in outcomes} == set(paid)
    assert len(outcomes) == paid.total() == chunks * CHUNK
    assert ended.tally.calls == len(stack.calls())


def test_while_a_model_is_down_the_next_one_answers_and_when_it_is_back_it_does_again(
    stack: StackUnderTest, told: Told
) -> None:
    chunks, key = 5, "inbox/falls-back/outage.jsonl"
    stack.put_contract("falls-back", FALLS_BACK)
    stack.behave(latency_ms=2000, faults=DOWN)
    stack.drop(key, chat_file(chunks * CHUNK))
    until(told.open)
    # The pause is over when the fifth worker begins: the others take six seconds.
    stack.host.behave(faults=[])

    row = stack.ended(key)

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == chunks * CHUNK
    assert len(refused(stack)) <= chunks * IN_FLIGHT
    assert row.tally.calls == len(stack.calls())
    assert left(stack, row, "paused") == Counter(), "nobody waited"
    outcomes = stack.results(row, "outcomes")
    assert {(each["route"], each["model"]) for each in outcomes} == {(0, MODEL), (1, HAIKU)}
    paid = Counter((call["model"], call["metadata"]["idempotency_key"]) for call in answered(stack))
    assert paid == Counter((each["model"], each["idempotency_key"]) for each in outcomes)
    costs = [cost_usd(each["model"], Usage(**each["usage"])) for each in outcomes]
    assert [each["cost_usd"] for each in outcomes] == costs
    assert row.tally.cost_usd == pytest.approx(sum(filter(None, costs)))
