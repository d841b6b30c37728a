"""Prompts that records share: one call warms the cache, the others read it, and the job tells what that saved."""

import asyncio
import json
from collections.abc import Mapping
from copy import replace
from dataclasses import dataclass, field
from typing import Any

import pytest

from batchwright.completion import Completion
from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid, RecordInvalid, Unavailable
from batchwright.job import JobRow
from batchwright.marking import is_marked
from batchwright.money import BILLIONTHS
from batchwright.pace import Pace
from batchwright.request import Request
from batchwright.route import Route
from batchwright.schedule import Change, Item
from batchwright.usage import Usage
from batchwright.warming import MET_BEFORE, MOST_KNOWN, PATIENCE, Warming
from batchwright.warmth import Warmth
from tests.fakes import MODEL, MemorySchedules, ScriptedEngine, echo
from tests.laptop import Laptop, converse_line, jsonl
from tests.unit.test_asking import QuickPace

LONG = "Sort the mail. " * 300
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def request(system: str = LONG, **body: Any) -> Request:
    said = [{"role": "user", "content": [{"text": "hello"}]}]
    return Request({"system": [{"text": system}], "messages": said, **body})


@dataclass
class Ward:
    """A worker's warming, and the calls that it lets through."""

    wish: Any = "auto"
    model: str = MODEL
    pace: Pace = field(default_factory=QuickPace)
    open_calls: list[Request] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    table: MemorySchedules = field(default_factory=MemorySchedules)

    def __post_init__(self) -> None:
        self.warming = Warming(self.pace, self.wish, Warmth(self.table, self.pace.now))

    async def ask(self, what: Request | None = None) -> bool:
        """Ask, and return whether it was marked."""
        async with self.warming.shared(what or request(), self.model) as sent:
            self.open_calls.append(sent)
            await self.answered.wait()
            self.open_calls.remove(sent)
            return is_marked(sent)

    async def asks(self, count: int, **body: Any) -> list[bool]:
        self.answered.set()
        return [await self.ask(request(**body)) for _ in range(count)]


async def settle() -> None:
    await asyncio.sleep(0.5)


async def test_what_was_met_a_few_times_is_marked_from_then_on() -> None:
    assert await Ward().asks(6) == [False] * MET_BEFORE + [True] * (6 - MET_BEFORE)


@pytest.mark.parametrize(
    ("ward", "body"),
    [
        (Ward(wish=False), {}),
        (Ward(model="us.meta.llama3-3-70b-instruct-v1:0"), {}),
        (Ward(), {"system": "Be short."}),
        (Ward(), {"system": LONG * 50}),
        (Ward(model="arn:aws:bedrock:us-east-1:1:application-inference-profile/x"), {}),
    ],
    ids=["not wished", "no cache", "too short", "more than is kept", "a model without a name"],
)
async def test_what_cannot_be_kept_is_never_marked(ward: Ward, body: dict[str, Any]) -> None:
    assert not any(await ward.asks(10, **body))


async def test_what_the_user_marked_is_left_alone() -> None:
    ward, own = Ward(), request()
    own.body["system"].append({"cachePoint": {"type": "default", "ttl": "1h"}})
    ward.answered.set()

    for _ in range(10):
        async with ward.warming.shared(own, MODEL) as sent:
            assert sent is own


async def test_who_wants_it_always_has_it_from_the_first_record_on() -> None:
    assert await Ward(wish=True).asks(2, system="Be short.") == [True, True]


async def test_the_first_that_is_marked_goes_alone_and_the_others_wait_for_its_answer() -> None:
    ward = Ward()
    tasks = [asyncio.create_task(ward.ask()) for _ in range(50)]
    await settle()
    assert list(map(is_marked, ward.open_calls)) == [True]

    ward.answered.set()

    assert all(await asyncio.gather(*tasks)), "who is met with so many others is shared"


def crew(count: int, table: MemorySchedules) -> list[Ward]:
    """Workers that begin at once, in the loop's own time."""
    now = asyncio.get_running_loop().time
    return [Ward(pace=Pace(now, lambda: 0.5, now()), table=table) for _ in range(count)]


async def test_of_all_workers_that_begin_at_once_one_writes_what_the_others_read() -> None:
    wards = crew(5, MemorySchedules())
    tasks = [asyncio.create_task(ward.ask()) for ward in wards for _ in range(20)]
    await asyncio.sleep(2)
    open_calls = [call for ward in wards for call in ward.open_calls]
    assert list(map(is_marked, open_calls)) == [True]

    for ward in wards:
        ward.answered.set()

    assert all(await asyncio.gather(*tasks))


async def test_where_the_worker_that_writes_has_died_another_does() -> None:
    dead, alive = crew(2, MemorySchedules())
    gone = [asyncio.create_task(dead.ask()) for _ in range(MET_BEFORE + 1)]
    await asyncio.sleep(1)
    assert any(map(is_marked, dead.open_calls))

    began = asyncio.get_running_loop().time()
    answered = await alive.asks(2)

    assert answered == [True, True]
    assert PATIENCE - 2 <= asyncio.get_running_loop().time() - began <= PATIENCE + 1
    dead.answered.set()
    await asyncio.gather(*gone)


async def test_what_another_worker_warmed_is_read_from_the_first_record_on_and_looked_up_once() -> (
    None
):
    table = MemorySchedules()
    first, second = crew(2, table)
    await first.asks(MET_BEFORE + 1)
    before = table.reads, table.writes

    tasks = [asyncio.create_task(second.ask()) for _ in range(20)]
    await asyncio.sleep(0.5)
    assert len(second.open_calls) == 20, "nobody goes alone"

    second.answered.set()
    assert all(await asyncio.gather(*tasks))
    reads, writes = before
    assert (table.reads, table.writes) == (reads + 1, writes)


async def test_what_was_shared_lately_is_warmed_again_by_the_first_who_comes() -> None:
    now = [0.0]
    pace, table = QuickPace(now=lambda: now[0]), MemorySchedules()
    await Ward(pace=pace, table=table).asks(MET_BEFORE + 1)

    now[0] = 3_000.0
    assert await Ward(pace=pace, table=table).asks(1) == [True]

    now[0] += 3_601.0
    assert await Ward(pace=pace, table=table).asks(1) == [False], "nobody asked it for an hour"


async def test_prompts_that_nobody_shares_are_looked_up_once_a_worker() -> None:
    ward = Ward()
    ward.answered.set()

    assert not any([await ward.ask(request(f"{number} {LONG}")) for number in range(20)])

    assert (ward.table.reads, ward.table.writes) == (1, 0)


async def test_without_the_table_every_worker_warms_for_itself() -> None:
    (ward,) = crew(1, BrokenTable())

    assert await ward.asks(MET_BEFORE + 2) == [False] * MET_BEFORE + [True, True]


class BrokenTable(MemorySchedules):
    """Does not answer."""

    def read(self, model: str) -> Item:  # noqa: ARG002
        raise Unavailable("the table is away")

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:  # noqa: ARG002
        raise Unavailable("the table is away")


async def test_another_prompt_does_not_wait() -> None:
    ward = Ward(wish=True)
    tasks = [
        asyncio.create_task(ward.ask(request(text * 300))) for text in ("Sort it. ", "Read it. ")
    ]
    await settle()

    assert len(ward.open_calls) == 2
    ward.answered.set()
    await asyncio.gather(*tasks)


async def test_if_the_first_fails_the_others_go() -> None:
    warming = Warming(QuickPace(), True, Warmth(MemorySchedules(), lambda: 0.0))
    both = asyncio.Event()

    async def fail() -> None:
        async with warming.shared(request(), MODEL):
            await both.wait()
            raise RecordInvalid("invalid_request", "no")

    async def ask() -> bool:
        async with warming.shared(request(), MODEL) as sent:
            return is_marked(sent)

    first, others = asyncio.create_task(fail()), [asyncio.create_task(ask()) for _ in range(3)]
    await settle()
    both.set()

    with pytest.raises(RecordInvalid):
        await first
    assert await asyncio.gather(*others) == [True] * 3


async def test_nobody_waits_long_for_a_first_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchwright.warming.PATIENCE", 0.05)
    ward = Ward(wish=True)
    tasks = [asyncio.create_task(ward.ask()) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert len(ward.open_calls) == 3

    late = asyncio.create_task(ward.ask())
    await settle()
    assert len(ward.open_calls) == 4, "who comes later does not wait again"
    ward.answered.set()
    await asyncio.gather(late, *tasks)


async def test_a_worker_that_stops_keeps_nobody_waiting() -> None:
    ward = Ward(wish=True)
    tasks = [asyncio.create_task(ward.ask()) for _ in range(3)]
    await settle()

    ward.pace.stop()
    await settle()

    assert len(ward.open_calls) == 3
    ward.answered.set()
    await asyncio.gather(*tasks)


async def test_what_was_not_read_for_five_minutes_is_warmed_again() -> None:
    now = [0.0]
    ward = Ward(wish=True, pace=QuickPace(now=lambda: now[0]))
    await ward.asks(1)
    now[0] = 299.0
    await ward.asks(1)
    now[0] = 598.0
    ward.answered.clear()
    tasks = [asyncio.create_task(ward.ask()) for _ in range(2)]
    await settle()
    assert len(ward.open_calls) == 2, "the last reading keeps it for five minutes more"
    ward.answered.set()
    await asyncio.gather(*tasks)

    now[0] = 899.0
    ward.answered.clear()
    tasks = [asyncio.create_task(ward.ask()) for _ in range(2)]
    await settle()
    assert len(ward.open_calls) == 1
    ward.answered.set()
    await asyncio.gather(*tasks)


async def test_no_more_prompts_are_remembered_than_were_met_lately() -> None:
    ward = Ward()
    ward.answered.set()
    for number in range(3 * MOST_KNOWN):
        await ward.ask(request(f"{number} {LONG}"))

    assert len(ward.warming._known) == MOST_KNOWN


@dataclass
class KeepingEngine(ScriptedEngine):
    """Keeps what is marked, as the model's service does."""

    kept: set[str] = field(default_factory=set)

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        warm = {*self.kept}
        answer = await super().ask(request, route=route, timeout=timeout, metadata=metadata)
        if not is_marked(request):
            return answer
        text = request.body["system"][0]["text"]
        self.kept.add(text)
        tokens = len(text) // 4
        plain = answer.usage.input_tokens - tokens
        kind = "cache_read_tokens" if text in warm else "cache_write_tokens"
        used = {"input_tokens": plain, "output_tokens": answer.usage.output_tokens, kind: tokens}
        return replace(answer, usage=Usage(**used))


CONTRACT = f'name: c\nroutes: [{{model: "{SONNET}"}}]\nmodels: {{"*": "{SONNET}"}}\n'


def run(more: str = "") -> tuple[Laptop, KeepingEngine, JobRow]:
    engine = KeepingEngine(echo)
    laptop = Laptop(engine=engine, models=(SONNET,), chunk_records=100)
    laptop.put_contract("c", CONTRACT + more)
    lines = [converse_line(str(n), f"mail {n}", system=[{"text": LONG}]) for n in range(100)]
    return laptop, engine, laptop.run(jsonl(lines), "inbox/c/file.jsonl")


def test_a_job_of_one_system_prompt_reads_it_from_the_cache_and_tells_what_that_saved() -> None:
    laptop, engine, row = run()
    other, _, plain = run("cache: {prompt: false}\n")

    assert row.counts()["succeeded"] == 100
    prefix = len(LONG) // 4
    assert row.tally.usage.cache_write_tokens == prefix
    # What begins while the worker looks whether others have the prompt kept is met: how many do is the thread's.
    marked = sum(map(is_marked, engine.calls))
    assert 100 - MET_BEFORE <= marked <= 100
    assert row.tally.usage.cache_read_tokens == (marked - 1) * prefix
    assert row.tally.cost_usd is not None
    assert plain.tally.cost_usd is not None
    assert row.tally.saved_usd == pytest.approx(plain.tally.cost_usd - row.tally.cost_usd)
    assert row.tally.saved_usd > 0.5 * plain.tally.cost_usd
    assert plain.tally.saved_usd == 0.0
    receipt = json.loads(laptop.objects.read(f"results/{row.job_id}/receipt.json"))
    assert receipt["saved_usd"] == row.tally.saved_usd
    saved = [each["saved_usd"] for each in laptop.results(row.job_id, "outcomes.jsonl")]
    assert sum(saved) == pytest.approx(row.tally.saved_usd)
    assert min(saved) < 0 < max(saved), "who warms pays more"
    output = "output.jsonl"
    answers = [each["modelOutput"]["output"] for each in laptop.results(row.job_id, output)]
    assert answers == [
        each["modelOutput"]["output"] for each in other.results(plain.job_id, output)
    ]


def test_a_mark_is_no_part_of_a_requests_digest() -> None:
    asked = {}
    for more in ("", "cache: {exact: 7d, any_temperature: true}\n"):
        laptop, _, row = run(more)
        asked[more] = laptop.results(row.job_id, "outcomes.jsonl")
        again = laptop.run(
            jsonl(
                [converse_line(str(n), f"mail {n}", system=[{"text": LONG}]) for n in range(101)]
            ),
            "inbox/c/other.jsonl",
        )
        assert again.tally.cached == (100 if more else 0)

    assert all(
        len({each["request_digest"] for each in outcomes}) == 100 for outcomes in asked.values()
    )


def test_a_budget_holds_and_what_a_cache_saved_is_there_to_be_spent() -> None:
    laptop, _, row = run("budget: {usd: 0.2}\n")
    money = laptop.budgets.money(row.job_id)
    bare, _, plain = run("budget: {usd: 0.2}\ncache: {prompt: false}\n")

    assert row.tally.cost_usd is not None
    assert row.tally.cost_usd * BILLIONTHS <= money.spent <= 0.2 * BILLIONTHS
    assert bare.budgets.money(plain.job_id).spent <= 0.2 * BILLIONTHS
    assert row.counts()["succeeded"] > 1.5 * plain.counts()["succeeded"]


def test_what_is_kept_for_an_hour_has_no_price_that_usage_would_tell() -> None:
    laptop = Laptop(engine=KeepingEngine(echo), models=(SONNET,))
    laptop.put_contract("c", CONTRACT)
    system = [{"text": LONG}, {"cachePoint": {"type": "default", "ttl": "1h"}}]

    row = laptop.run(jsonl([converse_line("r", "mail", system=system)]), "inbox/c/file.jsonl")

    assert row.tally.cost_usd is None
    assert row.tally.saved_usd == 0.0


@pytest.mark.parametrize(
    ("wish", "guess"),
    [
        ("maybe", ""),
        ("Auto", r"; did you mean auto\?"),
        ("2", ", and YAML reads this as a number: .*"),
    ],
)
def test_a_wish_that_is_none_is_refused(wish: str, guess: str) -> None:
    told = rf"'c': cache\.prompt: true, false or 'auto' is wanted{guess} \(line 4\)$"
    with pytest.raises(ContractInvalid, match=told):
        read_contract(f"{CONTRACT}cache: {{prompt: {wish}}}\n".encode(), name="c")
