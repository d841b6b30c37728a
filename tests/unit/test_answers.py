"""The exact cache: whole jobs that ask what was asked before."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from time import sleep
from typing import Any

import pytest

from batchwright import answers
from batchwright.answers import MOST_FAULTS, Answers
from batchwright.cache import Cache
from batchwright.completion import Completion
from batchwright.contractfile import read_contract
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContractInvalid,
    ServiceFault,
    Unavailable,
)
from batchwright.job import JobRow, Status
from batchwright.places import CACHE
from batchwright.request import Request
from tests.fakes import MODEL, MemoryObjects, ScriptedEngine, StoppedClock, echo
from tests.laptop import Laptop, chat_line, converse_line, jsonl

CACHED = f"""
name: cached
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
cache: {{exact: 7d}}
"""
EXACT = {"temperature": 0}
INBOX = "inbox/cached/"


def laptop_with(
    contract: str = CACHED, objects: MemoryObjects | None = None, **world: Any
) -> Laptop:
    engine = world.pop("engine", ScriptedEngine())
    laptop = Laptop(engine=engine, objects=objects or MemoryObjects(), **world)
    laptop.put_contract("cached", contract)
    return laptop


def asked(laptop: Laptop) -> int:
    assert isinstance(laptop.engine, ScriptedEngine)
    return len(laptop.engine.calls)


def file(count: int = 3, **body: Any) -> bytes:
    said = {name: value for name, value in (EXACT | body).items() if value is not None}
    return jsonl([chat_line(f"r{n}", f"say {n}", **said) for n in range(count)])


def run(laptop: Laptop, content: bytes, name: str) -> JobRow:
    return laptop.run(content, f"{INBOX}{name}.jsonl")


def kept(laptop: Laptop) -> list[str]:
    return [*laptop.objects.keys(CACHE)]


def test_what_was_answered_before_is_answered_again_without_a_call() -> None:
    laptop = laptop_with()

    first, second = run(laptop, file(), "one"), run(laptop, file(), "two")

    assert asked(laptop) == 3
    assert second.status is Status.COMPLETED
    assert second.counts()["succeeded"] == 3
    assert (first.tally.cached, first.tally.calls) == (0, 3)
    assert (second.tally.cached, second.tally.calls, second.tally.cost_usd) == (3, 0, 0.0)
    lines = [laptop.results(row.job_id, "output.jsonl") for row in (first, second)]
    said = [[line["response"]["body"]["choices"] for line in each] for each in lines]
    assert said[0] == said[1]


def test_the_outcome_of_a_cached_record_says_so_and_cost_nothing() -> None:
    laptop = laptop_with()
    paid, free = (
        laptop.results(run(laptop, file(1), name).job_id, "outcomes.jsonl")[0]
        for name in ("one", "two")
    )

    assert (paid["cached"], paid["attempts"], paid["cost_usd"] > 0) == (False, 1, True)
    assert (free["cached"], free["attempts"], free["cost_usd"]) == (True, 0, 0.0)
    assert set(free["usage"].values()) == {0}
    assert free["latency_ms"] is None
    assert free["stop_reason"] == "end_turn"
    assert free["request_digest"] == paid["request_digest"]
    assert free["idempotency_key"] != paid["idempotency_key"], "it names a record of a job"


def test_a_cached_record_is_free_though_nobody_knows_the_price_of_its_model() -> None:
    unknown = CACHED.replace(MODEL, "amazon.nova-lite-v9:0")
    laptop = laptop_with(unknown, models=("amazon.nova-lite-v9:0",))

    first, second = run(laptop, file(), "one"), run(laptop, file(), "two")

    assert (first.tally.cost_usd, second.tally.cost_usd) == (None, 0.0)


@pytest.mark.parametrize(
    "drawn", [{"temperature": 0.5}, {"temperature": None}], ids=["drawn by chance", "nothing said"]
)
def test_an_answer_that_was_drawn_by_chance_is_neither_kept_nor_found(
    drawn: dict[str, Any],
) -> None:
    laptop = laptop_with()
    content = file(**drawn)

    run(laptop, content, "one")
    run(laptop, content, "two")

    assert asked(laptop) == 6
    assert kept(laptop) == []


def test_the_route_may_say_temperature_zero_for_requests_that_say_nothing() -> None:
    laptop = laptop_with(CACHED.replace("max_tokens: 100", "max_tokens: 100, temperature: 0"))
    content = file(temperature=None)

    run(laptop, content, "one")
    run(laptop, content, "two")

    assert asked(laptop) == 3


def test_a_contract_may_allow_any_temperature() -> None:
    laptop = laptop_with(CACHED.replace("exact: 7d", "exact: 7d, any_temperature: true"))
    content = file(temperature=0.9)

    run(laptop, content, "one")
    run(laptop, content, "two")

    assert asked(laptop) == 3


def test_an_answer_that_is_too_old_is_asked_for_again_and_kept_anew() -> None:
    laptop = laptop_with()
    run(laptop, file(), "one")

    laptop.clock.time += timedelta(days=7) - timedelta(seconds=1)
    run(laptop, file(), "two")
    assert asked(laptop) == 3

    laptop.clock.time += timedelta(seconds=1)
    assert run(laptop, file(), "three").tally.cached == 0
    assert run(laptop, file(), "four").tally.cached == 3
    assert asked(laptop) == 6


def test_another_contract_and_a_changed_request_are_asked() -> None:
    laptop = laptop_with()
    run(laptop, file(), "one")

    run(laptop, file(max_tokens=99), "longer")
    assert asked(laptop) == 6

    laptop.put_contract("cached", CACHED.replace("7d", "8d"))
    run(laptop, file(), "three")
    assert asked(laptop) == 9

    laptop.put_contract("other", CACHED.replace("name: cached", "name: other"))
    laptop.run(file(), "inbox/other/four.jsonl")
    assert asked(laptop) == 12


def test_without_a_cache_in_the_contract_nothing_is_kept() -> None:
    laptop = laptop_with(CACHED.replace("cache:", "#"))

    run(laptop, file(), "one")
    run(laptop, file(), "two")

    assert asked(laptop) == 6
    assert kept(laptop) == []


def withheld(_request: Request, _call: int) -> Completion:
    done = echo(_request)
    return Completion(
        content=done.content,
        stop_reason="content_filtered",
        usage=done.usage,
        latency_ms=1,
    )


def failing(_request: Request, _call: int) -> Completion:
    raise ServiceFault("it broke")


@pytest.mark.parametrize("script", [withheld, failing])
def test_what_is_no_success_is_not_kept(script: Callable[[Request, int], Completion]) -> None:
    laptop = laptop_with(CACHED + "max_attempts: 1\n", engine=ScriptedEngine(script))

    run(laptop, file(), "one")

    assert kept(laptop) == []


def test_a_cut_answer_is_not_kept() -> None:
    laptop = laptop_with()
    content = jsonl([chat_line("long", "say " * 9000, **EXACT)])

    row = run(laptop, content, "one")

    assert laptop.results(row.job_id, "errors.jsonl")[0]["error"]["code"] == "truncated"
    assert kept(laptop) == []


def bad_head(content: bytes) -> bytes:
    return b"{" + content


def cut(content: bytes) -> bytes:
    return content[:-9]


def changed(content: bytes) -> bytes:
    return content.replace(b"say", b"lie")


def of_a_later_version(content: bytes) -> bytes:
    return content.replace(b'"at"', b'"when"')


def nothing(_content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("spoil", [bad_head, cut, changed, of_a_later_version, nothing])
def test_an_answer_that_is_torn_or_was_changed_is_asked_for_again(
    spoil: Callable[[bytes], bytes],
) -> None:
    laptop = laptop_with()
    run(laptop, file(1), "one")
    (key,) = kept(laptop)
    content = laptop.objects.read(key)
    assert spoil(content) != content
    laptop.objects.write(key, spoil(content))

    row = run(laptop, file(1), "two")

    assert asked(laptop) == 2
    assert row.counts()["succeeded"] == 1
    assert run(laptop, file(1), "three").tally.cached == 1, "it was kept anew"


def test_an_answer_that_lies_under_another_ones_key_is_none() -> None:
    laptop = laptop_with()
    run(laptop, file(2), "one")
    one, other = kept(laptop)
    laptop.objects.write(one, laptop.objects.read(other))

    run(laptop, file(2), "two")

    assert asked(laptop) == 3


class NoCache(MemoryObjects):
    """A bucket that does not answer under cache/."""

    def __init__(self, fault: BatchwrightError | RuntimeError) -> None:
        super().__init__()
        self.fault = fault
        self.tries = 0

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        self._refuse(key)
        return super().read(key, span=span)

    def write(self, key: str, content: bytes) -> None:
        self._refuse(key)
        super().write(key, content)

    def _refuse(self, key: str) -> None:
        if key.startswith(CACHE):
            self.tries += 1
            raise self.fault


@pytest.mark.parametrize(
    "fault",
    [Unavailable("no"), AccessDenied("no"), RuntimeError("no")],
    ids=lambda f: type(f).__name__,
)
def test_a_bucket_that_does_not_answer_costs_no_record_its_answer(
    fault: BatchwrightError | RuntimeError,
) -> None:
    objects = NoCache(fault)
    laptop = laptop_with(objects=objects, chunk_records=100)

    row = run(laptop, file(60), "one")

    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == 60
    assert asked(laptop) == 60
    assert MOST_FAULTS <= objects.tries < 60, "a worker soon leaves such a cache alone"


class Sleepy(MemoryObjects):
    """A bucket that takes its time."""

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        sleep(0.3)
        return super().read(key, span=span)


async def test_a_slow_bucket_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "PATIENCE", 0.02)
    cache = Answers(Sleepy(), StoppedClock(), Cache(exact="1h"))
    request = Request({"messages": [], "inferenceConfig": EXACT})

    assert await asyncio.wait_for(cache.find(request, "ab"), 0.2) is None
    assert cache.faults == 1
    await cache.close()


def test_answers_that_come_all_at_once_are_kept_though_keeping_takes_its_time() -> None:
    laptop = laptop_with(objects=SlowToKeep(), chunk_records=150)

    run(laptop, file(150), "one")

    assert len(kept(laptop)) == 150


class SlowToKeep(MemoryObjects):
    """A bucket that takes as long for an answer as S3 does."""

    def write(self, key: str, content: bytes) -> None:
        sleep(0.02 if key.startswith(CACHE) else 0)
        super().write(key, content)


def test_a_cached_record_touches_no_budget() -> None:
    laptop = laptop_with(CACHED + "budget: {usd: 1}\n")
    run(laptop, file(), "one")

    second = run(laptop, file(), "two")

    assert second.tally.cached == 3
    assert second.job_id not in laptop.budgets.held


def test_a_redrive_finds_what_was_answered_since() -> None:
    engine = ScriptedEngine(failing)
    laptop = laptop_with(CACHED + "max_attempts: 1\n", engine=engine)
    failed = run(laptop, file(), "one")
    assert failed.counts()["failed"] == 3
    engine.script = echo
    run(laptop, file(), "two")

    redriven = laptop.run_again(failed.job_id, "failed")

    assert redriven.counts()["succeeded"] == 3
    assert (redriven.tally.cached, redriven.tally.calls) == (3, 3), "its own calls stay counted"
    assert asked(laptop) == 6


def test_a_tool_call_comes_back_as_it_was() -> None:
    def calls_a_tool(request: Request, _call: int) -> Completion:
        call = {"toolUseId": "t1", "name": "look", "input": {"at": ["ü", 1.5, None]}}
        return Completion(
            content=[{"toolUse": call}],
            stop_reason="tool_use",
            usage=echo(request).usage,
            latency_ms=3,
        )

    laptop = laptop_with(engine=ScriptedEngine(calls_a_tool))
    content = jsonl([converse_line("r", "look", inferenceConfig={"maxTokens": 9, **EXACT})])

    first, second = (run(laptop, content, name) for name in ("one", "two"))

    assert second.tally.cached == 1
    said, again = (laptop.results(row.job_id, "output.jsonl") for row in (first, second))
    assert said == again


def test_the_receipt_counts_the_cached_records() -> None:
    laptop = laptop_with()
    run(laptop, file(), "one")

    row = run(laptop, file(), "two")

    receipt = json.loads(laptop.objects.read(f"results/{row.job_id}/receipt.json"))
    assert receipt["cached"] == 3


@pytest.mark.parametrize(
    ("family", "body", "deterministic"),
    [
        (None, {"inferenceConfig": {"temperature": 0}}, True),
        (None, {"inferenceConfig": {"temperature": 0.0}}, True),
        (None, {"inferenceConfig": {"temperature": 0.1}}, False),
        (None, {}, False),
        ("anthropic", {"temperature": 0}, True),
        ("anthropic", {}, False),
        ("nova", {"inferenceConfig": {"temperature": 0}}, True),
        ("nova", {"temperature": 0}, False),
        ("titan_text", {"textGenerationConfig": {"temperature": 0}}, True),
        ("titan_text", {"inputText": "a"}, False),
        ("llama", {"temperature": 0}, True),
        ("mistral", {"temperature": 1}, False),
        ("cohere", {"temperature": 0}, True),
        ("openai", {"temperature": 0}, True),
        ("titan_embed", {"inputText": "a"}, True),
        ("cohere_embed", {"texts": ["a"]}, True),
    ],
)
def test_every_family_says_its_temperature_in_its_own_place(
    family: str | None, body: dict[str, Any], deterministic: bool
) -> None:
    assert Request(body, family).deterministic is deterministic


@pytest.mark.parametrize("span", ["31d", "721h", "0d", "7", "always", ""])
def test_a_cache_that_is_kept_for_longer_than_the_bucket_keeps_it_is_refused(span: str) -> None:
    with pytest.raises(ContractInvalid, match=r"cache\.exact"):
        read_contract(CACHED.replace("7d", f"'{span}'").encode(), name="cached")


def test_a_cache_of_prompts_alone_keeps_no_answers() -> None:
    laptop = laptop_with(CACHED.replace("exact: 7d", "prompt: true"))

    run(laptop, file(), "one")
    second = run(laptop, file(), "two")

    assert (second.tally.cached, second.tally.calls, kept(laptop)) == (0, 3, [])


def test_whose_answers_are_kept_is_said_only_where_any_are() -> None:
    contract = CACHED.replace("exact: 7d", "any_temperature: true")

    with pytest.raises(ContractInvalid, match="any_temperature: it needs exact"):
        read_contract(contract.encode(), name="cached")
