"""Whole jobs whose filters ask services: what a service's limits, its faults and its end do to a job."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from batchwright.completion import Completion
from batchwright.errors import ServiceFault, Throttled
from batchwright.filters import Means
from batchwright.filters.services import Json
from batchwright.filters.streak import MOST_FAILURES
from batchwright.finding import Stage
from batchwright.job import JobRow
from batchwright.request import Request
from tests.emulator.host.looks import Look
from tests.fakes import MODEL, ScriptedEngine, echo
from tests.laptop import Laptop, chat_line, jsonl
from tests.lookers import DENIED, ScriptedComprehend, ScriptedFunctions, ScriptedGuardrails

GUARDRAIL = {"guardrail": {"id": "abc", "version": 1, "then": "block"}}
ARN = "arn:aws:lambda:us-east-1:123456789012:function:codenames"
FUNCTION = {"function": {"arn": ARN, "then": "redact"}}
IN_FLIGHT = 8  # of the laptop's workers


def laptop_with(filters: dict[str, Any], means: Means, **world: Any) -> Laptop:
    laptop = Laptop(means=means, chunk_records=1000, **world)
    contract = {
        "name": "looked",
        "routes": [{"model": MODEL, "max_tokens": 100}],
        "models": {"*": MODEL},
        "filters": filters,
    }
    laptop.put_contract("looked", json.dumps(contract))
    return laptop


def run(laptop: Laptop, *texts: str) -> JobRow:
    lines = [chat_line(f"r{number}", text) for number, text in enumerate(texts)]
    return laptop.run(jsonl(lines), "inbox/looked/file.jsonl")


def outcomes(laptop: Laptop, row: JobRow) -> list[dict[str, Any]]:
    return laptop.results(row.job_id, "outcomes.jsonl")


class Narrow(ScriptedGuardrails):
    """Refuses whom it has no place for."""

    refused = 0

    async def apply(
        self, guardrail: str, version: int, source: Stage, content: Sequence[Json]
    ) -> Json:
        if self.open_calls >= 2:
            self.refused += 1
            await asyncio.sleep(0)
            raise Throttled("AWS says ThrottlingException")
        return await super().apply(guardrail, version, source, content)


def test_a_service_that_is_too_narrow_for_a_worker_loses_nothing() -> None:
    service = Narrow()
    laptop = laptop_with({"output": [GUARDRAIL]}, Means(guardrails=service))
    row = run(laptop, *["calm"] * 100)
    assert row.counts()["succeeded"] == 100
    assert service.refused > 0
    assert service.most_open <= 2


def test_both_stages_are_looked_at_and_services_see_what_is_left() -> None:
    guardrails = ScriptedGuardrails([Look(match="secret", kind="WORD")])
    comprehend = ScriptedComprehend()
    filters = {
        "input": [{"comprehend": {"kinds": ["email"], "then": "redact"}}],
        "output": [{"comprehend": {"kinds": ["email"], "then": "redact"}}, GUARDRAIL],
    }
    laptop = laptop_with(filters, Means(guardrails=guardrails, comprehend=comprehend))
    row = run(laptop, "to a@b.example", "a secret")
    first, second = outcomes(laptop, row)
    assert (first["status"], second["status"]) == ("succeeded", "blocked")
    assert [(each["stage"], each["kind"]) for each in first["findings"]] == [("input", "email")]
    assert sorted(guardrails.texts) == ["a secret", "to [EMAIL_1]"]


@pytest.mark.parametrize("stage", ["input", "output"])
def test_a_right_that_is_missing_stops_the_job_before_it_has_paid_for_much(stage: str) -> None:
    engine = ScriptedEngine()
    service = ScriptedGuardrails(faults=[DENIED] * 1000)
    laptop = laptop_with({stage: [GUARDRAIL]}, Means(guardrails=service), engine=engine)
    row = run(laptop, *["calm"] * 200)
    assert row.reason is not None
    assert row.reason.code == "access_denied"
    assert len(engine.calls) <= (0 if stage == "input" else 2 * IN_FLIGHT)
    assert "succeeded" not in {each["status"] for each in outcomes(laptop, row)}


def test_a_filter_that_always_fails_stops_the_job_before_it_has_paid_for_much() -> None:
    def fail(_: Any) -> Any:
        raise ServiceFault("it answered with an error")

    engine = ScriptedEngine()
    means = Means(functions=ScriptedFunctions(fail))
    laptop = laptop_with({"output": [FUNCTION]}, means, engine=engine)
    row = run(laptop, *["calm"] * 300)
    counts = row.counts()
    assert row.reason is not None
    assert row.reason.code == "filter_broken"
    assert counts["review"] < MOST_FAILURES
    assert len(engine.calls) <= MOST_FAILURES + 2 * IN_FLIGHT
    assert row.tally.settled == 300


def test_a_judge_that_never_gives_a_verdict_stops_the_job() -> None:
    def say_no(request: Request, call: int) -> Completion:
        return echo(request, call)  # its question is no verdict

    judge = {"judge": {"model": MODEL, "criteria": "calm", "max_tokens": 2000, "structured": False}}
    engine = ScriptedEngine(say_no)
    laptop = laptop_with({"output": [judge]}, Means(), engine=engine)
    row = run(laptop, *["calm"] * 300)
    assert row.reason is not None
    assert row.reason.code == "filter_broken"
    assert "failed 50 times in a row" in row.reason.message
    assert len(engine.calls) <= 2 * MOST_FAILURES + 4 * IN_FLIGHT


def test_a_function_hears_whose_texts_they_are_at_both_stages() -> None:
    functions = ScriptedFunctions(lambda _: {"findings": []})
    laptop = laptop_with({"input": [FUNCTION], "output": [FUNCTION]}, Means(functions=functions))
    row = run(laptop, "calm")
    (outcome,) = outcomes(laptop, row)
    asked, answered = functions.asked
    assert (asked["stage"], answered["stage"]) == ("input", "output")
    assert {each["job_id"] for each in functions.asked} == {row.job_id}
    assert answered["key"] == outcome["idempotency_key"]
    assert len(asked["key"]) == len(answered["key"])


def test_no_text_is_in_the_reason_of_a_job_that_a_filter_stopped() -> None:
    means = Means(functions=ScriptedFunctions(lambda event: event["texts"]))
    laptop = laptop_with({"output": [FUNCTION]}, means)
    row = run(laptop, *["the-canary"] * 100)
    assert row.reason is not None
    assert "canary" not in row.reason.message
    told = [json.dumps(each["error"]) for each in outcomes(laptop, row)]
    assert not any("canary" in each for each in told)


async def test_a_worker_whose_time_is_up_while_a_filter_waits_leaves_the_record_to_the_next() -> (
    None
):
    service = ScriptedGuardrails(seconds=60)
    laptop = laptop_with({"output": [GUARDRAIL]}, Means(guardrails=service))
    job_id = laptop.drop(jsonl([chat_line("r", "calm")]), "inbox/looked/file.jsonl")
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    assert await laptop.invoke(chunk, seconds=0.5) == {"state": "more"}
    service.seconds = 0
    assert await laptop.invoke(chunk) == {"state": "done"}
    laptop.close(job_id)
    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    assert (outcome["status"], outcome["attempts"]) == ("succeeded", 2)
    assert laptop.row(job_id).tally.calls == 2
