"""A first answer is paid for: where it takes a second call to finish a record, no worker drops it and asks anew."""

import asyncio
from collections import Counter

import orjson
import pytest

from batchwright.completion import Completion
from batchwright.errors import Throttled
from batchwright.job import Status
from batchwright.request import Request
from batchwright.usage import Usage
from tests import timelapse
from tests.fakes import MODEL, ScriptedEngine, echo
from tests.laptop import Laptop, chat_line, jsonl

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
REPAIRED = {
    "response": {"schema": SCHEMA, "repair": 1},
    "filters": {"output": [{"schema": "repair"}]},
}


def contract(rpm: int = 6000, **more: object) -> str:
    route = {"model": MODEL, "max_tokens": 100, "rpm": rpm}
    return orjson.dumps({"name": "c", "routes": [route], "models": {"*": MODEL}, **more}).decode()


def said(text: str, stop_reason: str = "end_turn") -> Completion:
    usage = Usage(input_tokens=100, output_tokens=100)
    return Completion(content=[{"text": text}], stop_reason=stop_reason, usage=usage, latency_ms=5)


class TakesTwo:
    """Cuts the first answer to every record, or has no JSON in it; counts the calls for each."""

    def __init__(self) -> None:
        self.firsts: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()

    def __call__(self, request: Request, _: int) -> Completion:
        messages = request.body["messages"]
        record = messages[0]["content"][0]["text"]
        if len(messages) > 1 or (request.max_tokens or 0) > 100:
            self.seconds[record] += 1
            return said('{"a": 1}')
        self.firsts[record] += 1
        return said("no JSON") if "textFormat" in str(request.body) else said("{", "max_tokens")


async def worked(laptop: Laptop, job_id: str) -> None:
    """Take the workflow's turns for all chunks at once, as long as they take."""

    async def child(number: int) -> None:
        rested = 0.0
        while True:
            answer = await laptop.invoke(laptop.chunks(job_id)[number], rested=rested)
            if answer["state"] in ("done", "stopped"):
                return
            await asyncio.sleep(rested := answer.get("seconds", 0))

    await asyncio.gather(*map(child, range(len(laptop.chunks(job_id)))))


@pytest.mark.parametrize("more", [{"reservations": "full"}, REPAIRED], ids=["cut", "repaired"])
def test_where_turns_come_late_every_first_answer_is_paid_for_once(more: dict[str, object]) -> None:
    script = TakesTwo()
    laptop = Laptop(engine=ScriptedEngine(script, takes=3.0), chunk_records=10)
    laptop.put_contract("c", contract(10, **more))
    lines = [chat_line(f"r{number}", f"record {number}") for number in range(30)]
    job_id = laptop.drop(jsonl(lines), "inbox/c/file.jsonl")
    laptop.plan(job_id)

    timelapse.run(worked(laptop, job_id))
    laptop.close(job_id)

    assert laptop.row(job_id).counts()["succeeded"] == 30
    assert {*script.firsts.values()} == {1}
    assert {*script.seconds.values()} == {1}
    assert laptop.row(job_id).tally.calls == 60


def test_a_second_call_that_is_told_to_wait_for_long_waits_and_the_others_rest() -> None:
    calls: Counter[str] = Counter()

    def script(request: Request, call: int) -> Completion:
        if request.max_tokens == 100:
            calls["firsts"] += 1
        elif calls["refused"] < 3:
            calls["refused"] += 1
            raise Throttled("slow down", retry_after=60)
        return echo(request, call)

    laptop = Laptop(engine=ScriptedEngine(script))
    laptop.put_contract("c", contract(reservations="full"))
    row = laptop.run(jsonl([chat_line("r0", "x" * 700)]), "inbox/c/file.jsonl")

    assert row.counts()["succeeded"] == 1
    assert calls == {"firsts": 1, "refused": 3}


def test_a_cut_answer_for_whose_second_call_there_is_no_money_is_told_as_cut() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    laptop.put_contract("c", contract(reservations="full", budget={"usd": 0.0002}))
    lines = [chat_line("r0", "word " * 300, max_tokens=100)]
    row = laptop.run(jsonl(lines), "inbox/c/file.jsonl")

    (outcome,) = laptop.results(row.job_id, "outcomes.jsonl")
    assert row.status is Status.COMPLETED
    assert (outcome["status"], outcome["attempts"]) == ("failed", 1)
    assert outcome["error"]["code"] == "truncated"
    assert "budget" in outcome["error"]["message"]
    (line,) = laptop.results(row.job_id, "errors.jsonl")
    assert "word word" in str(line["response"]), "what was paid for is shown"
