"""A job that must stop while a worker is in the middle of it."""

import asyncio
from collections.abc import Callable
from copy import replace
from datetime import timedelta

import pytest

from batchwright.completion import Completion
from batchwright.job import Reason, Status
from batchwright.request import Request
from batchwright.steps.invoke import GRACE
from tests.fakes import MODEL, NOON, ScriptedEngine, echo
from tests.laptop import Laptop, chat_file

CANCELLED = Reason(code="cancelled", message="somebody wished it")
SHORT = f"""
name: short
routes: [{{engine: bedrock, model: "{MODEL}"}}]
models: {{"*": "{MODEL}"}}
deadline: 30m
"""


def cancel(laptop: Laptop, job_id: str) -> None:
    laptop.jobs.stop(job_id, CANCELLED)


def let_the_deadline_pass(laptop: Laptop, _job_id: str) -> None:
    laptop.clock.time = NOON + timedelta(minutes=31)


@pytest.mark.parametrize(
    ("stop", "code", "ending"),
    [(cancel, "cancelled", "cancelled"), (let_the_deadline_pass, "deadline", "expired")],
)
async def test_a_worker_stops_within_seconds_and_what_it_settled_stays(
    stop: Callable[[Laptop, str], None], code: str, ending: str
) -> None:
    engine = ScriptedEngine(takes=0.02)
    laptop = Laptop(engine=engine, chunk_records=2000)
    laptop.put_contract("short", SHORT)
    job_id = laptop.drop(chat_file(2000), "inbox/short/file.jsonl")
    laptop.plan(job_id)
    chunk = laptop.chunks(job_id)[0]
    worker = asyncio.create_task(laptop.invoke(chunk, in_flight=2))
    await asyncio.sleep(0.5)

    stop(laptop, job_id)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await worker

    assert answer == {"state": "stopped", "reason": code}
    assert loop.time() - began < 8
    assert (await laptop.invoke(chunk))["state"] == "stopped"
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    counts = row.counts()
    assert counts["succeeded"] == len(engine.calls) < 2000
    assert counts[ending] == 2000 - counts["succeeded"]
    assert len(laptop.results(job_id, "output.jsonl")) == counts["succeeded"]


async def test_calls_that_would_take_long_are_given_up_soon_after_the_stop_and_counted() -> None:
    laptop = Laptop(engine=ScriptedEngine(takes=600))
    job_id = laptop.drop(chat_file(10))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    worker = asyncio.create_task(laptop.invoke(chunk, in_flight=3))
    await asyncio.sleep(0.2)

    cancel(laptop, job_id)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await worker

    assert answer["state"] == "stopped"
    assert GRACE <= loop.time() - began < GRACE + 8
    tally = laptop.jobs.progress(job_id)
    assert (tally.calls, tally.ambiguous_calls) == (3, 3)


class CutsThenHangs(ScriptedEngine):
    """Cuts the first answer to every request off, and gives no second."""

    async def ask(self, request: Request, **_: object) -> Completion:
        self.calls.append(request)
        if len(self.calls) % 2 == 0:
            await asyncio.Event().wait()
        return replace(echo(request), stop_reason="max_tokens")


async def test_what_was_spent_on_a_record_that_was_left_open_stands_in_its_outcome() -> None:
    laptop = Laptop(engine=CutsThenHangs())
    laptop.put_contract("short", SHORT)
    job_id = laptop.drop(chat_file(1), "inbox/short/file.jsonl")
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    worker = asyncio.create_task(laptop.invoke(chunk))
    await asyncio.sleep(0.2)
    cancel(laptop, job_id)
    await worker

    laptop.close(job_id)

    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    assert (outcome["status"], outcome["model"]) == ("cancelled", None)
    assert (outcome["attempts"], outcome["ambiguous_attempts"]) == (2, 1)
    assert outcome["usage"]["output_tokens"] == 6
    tally = laptop.row(job_id).tally
    assert tally.usage.output_tokens == 6, "the job tells what it paid for"
    assert tally.cost_usd == outcome["cost_usd"]
    assert tally.cost_usd is not None
    assert tally.cost_usd > 0


async def test_a_contract_that_changes_in_mid_job_changes_nothing_of_it() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine, chunk_records=5)
    laptop.put_contract("short", SHORT + "max_attempts: 3\n")
    job_id = laptop.drop(chat_file(10), "inbox/short/file.jsonl")
    laptop.plan(job_id)
    first, second = laptop.chunks(job_id)
    await laptop.invoke(first)

    laptop.put_contract("short", SHORT.replace("30m", "7d").replace(MODEL, "amazon.nova-lite-v1:0"))
    laptop.models = ("amazon.nova-lite-v1:0",)
    await laptop.invoke(second)
    laptop.close(job_id)

    outcomes = laptop.results(job_id, "outcomes.jsonl")
    assert {outcome["model"] for outcome in outcomes} == {MODEL}
    assert len({outcome["contract_digest"] for outcome in outcomes}) == 1
    assert laptop.drop(chat_file(10), "inbox/short/file.jsonl") != job_id, "new terms, new job"
