"""Money: nothing is asked that was not set aside before, and what was set aside comes back."""

import asyncio
import itertools
import re
from copy import replace
from dataclasses import dataclass, field
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.chunk import Chunk
from batchwright.completion import Completion
from batchwright.errors import (
    BudgetExceeded,
    ContextOverflow,
    RecordEnds,
    RecordInvalid,
    TimedOut,
    Unavailable,
)
from batchwright.job import Status
from batchwright.money import BILLIONTHS, Money
from batchwright.pace import PATIENCE, SHORTEST_REST, LeftForLater
from batchwright.purse import LONGEST_LIFE, Purse
from batchwright.request import Request
from tests import timelapse
from tests.fakes import MODEL, MemoryBudgets, ScriptedEngine, echo
from tests.laptop import Laptop, chat_line, jsonl
from tests.unit.test_asking import QuickPace

LIMIT = 1000


def purse(budgets: MemoryBudgets, pace: QuickPace | None = None, limit: int = LIMIT) -> Purse:
    tokens = itertools.count()
    name = id(budgets), next(PURSES)
    return Purse(
        budgets, "j", limit, pace or QuickPace(), new_token=lambda: f"{name}-{next(tokens)}"
    )


PURSES = itertools.count()


async def test_what_was_not_needed_comes_back() -> None:
    budgets = MemoryBudgets()
    mine = purse(budgets)

    await mine.reserve(100)
    mine.settle(100, 30)
    await mine.book()
    await mine.close()

    assert budgets.money("j") == Money(spent=30, reserved=0)


async def test_a_slice_is_fetched_for_many_calls_at_a_time() -> None:
    budgets = MemoryBudgets()
    mine = purse(budgets, limit=100_000)

    for _ in range(64):
        await mine.reserve(1)
        mine.settle(1, 1)

    assert budgets.money("j") == Money(spent=0, reserved=64)


async def test_the_last_of_the_budget_is_spent_to_the_last_call_that_fits() -> None:
    budgets = MemoryBudgets()
    mine = purse(budgets)
    for _ in range(10):
        await mine.reserve(100)
        mine.settle(100, 100)

    with pytest.raises(BudgetExceeded, match="budget"):
        await mine.reserve(100)

    await mine.close()
    assert budgets.money("j") == Money(spent=LIMIT, reserved=0)


async def test_money_that_others_have_set_aside_is_waited_for() -> None:
    budgets = MemoryBudgets()
    pace = Returning(give_back=lambda: budgets.settle("j", reserved=900, spent=10, token="back"))
    budgets.reserve("j", 900, limit=LIMIT, token="other")

    await purse(budgets, pace).reserve(500)

    assert pace.waits == [1.0]


async def test_who_waits_for_others_in_vain_rests_and_does_not_stop_the_job() -> None:
    budgets = MemoryBudgets()
    pace = QuickPace(answered_at=-PATIENCE - 1)
    budgets.reserve("j", 900, limit=LIMIT, token="other")

    with pytest.raises(LeftForLater):
        await purse(budgets, pace).reserve(500)

    assert pace.rest is not None
    assert pace.rest >= SHORTEST_REST / 2


async def test_a_worker_that_waits_for_its_own_calls_does_not_rest() -> None:
    budgets = MemoryBudgets()
    pace = QuickPace(answered_at=-PATIENCE - 1, most_waits=3)
    mine = purse(budgets, pace)
    await mine.reserve(900)

    with pytest.raises(LeftForLater):
        await mine.reserve(500)

    assert pace.rest is None


@dataclass
class Clock:
    """Seconds."""

    now: float = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(clock: Clock) -> MemoryBudgets:
    """Money whose clock is at hand."""
    return MemoryBudgets(lambda: clock.now)


async def test_what_has_not_moved_for_a_workers_life_was_set_aside_by_workers_that_are_dead(
    clock: Clock, watched: MemoryBudgets
) -> None:
    watched.reserve("j", 900, limit=LIMIT, token="a worker that was killed")
    clock.now = LONGEST_LIFE - 1
    with pytest.raises(LeftForLater):
        await purse(watched, QuickPace(answered_at=-PATIENCE - 1)).reserve(500)
    clock.now = LONGEST_LIFE + 1

    with pytest.raises(BudgetExceeded, match="workers that were killed"):
        await purse(watched).reserve(500)

    await purse(watched).reserve(100)  # what others do not hold is there


async def test_what_is_held_for_batches_comes_back_however_long_they_take(
    clock: Clock, watched: MemoryBudgets
) -> None:
    watched.hold("j", 900, limit=LIMIT, name="batch")
    clock.now = 100 * LONGEST_LIFE

    with pytest.raises(LeftForLater):
        await purse(watched, QuickPace(answered_at=-PATIENCE - 1)).reserve(500)


async def test_who_waits_gives_back_what_would_do_for_another() -> None:
    budgets = MemoryBudgets()
    mine, other = purse(budgets, QuickPace(answered_at=-PATIENCE - 1)), purse(budgets)
    for each in (mine, other):
        await each.reserve(450)
        each.settle(450, 0)

    with pytest.raises(LeftForLater):
        await mine.reserve(600)
    await other.reserve(600)

    assert budgets.money("j").reserved >= 600


async def test_what_is_spent_is_not_waited_for_at_all() -> None:
    budgets = MemoryBudgets()
    pace = QuickPace()
    budgets.reserve("j", 900, limit=LIMIT, token="a")
    budgets.settle("j", reserved=900, spent=900, token="b")

    with pytest.raises(BudgetExceeded):
        await purse(budgets, pace).reserve(500)

    assert pace.waits == []


async def test_a_worker_that_stops_waits_no_longer() -> None:
    budgets = MemoryBudgets()
    pace = QuickPace()
    pace.stopping.set()
    budgets.reserve("j", 900, limit=LIMIT, token="other")

    with pytest.raises(LeftForLater):
        await purse(budgets, pace).reserve(500)


class Shaky(MemoryBudgets):
    """Books, and says that it is down; the next time it answers."""

    shaken = 0

    def settle(self, job_id: str, *, reserved: int, spent: int, token: str) -> None:
        super().settle(job_id, reserved=reserved, spent=spent, token=token)
        if self.shaken < 2:
            self.shaken += 1
            raise Unavailable("the table is down")


async def test_a_booking_whose_reply_was_lost_counts_once() -> None:
    budgets = Shaky()
    mine = purse(budgets)
    await mine.reserve(100)
    mine.settle(100, 40)

    for _ in range(3):
        await mine.book()
    await mine.close()

    assert budgets.money("j") == Money(spent=40, reserved=0)


class Lossy(MemoryBudgets):
    """Sets aside, and loses the first replies."""

    lost = 0

    def reserve(self, job_id: str, amount: int, *, limit: int, token: str) -> bool:
        granted = super().reserve(job_id, amount, limit=limit, token=token)
        if self.lost < 2:
            self.lost += 1
            raise Unavailable("the reply was lost")
        return granted


@pytest.mark.parametrize("then", [10, 100, 700])
async def test_what_was_set_aside_and_whose_reply_was_lost_is_set_aside_once(then: int) -> None:
    budgets = Lossy()
    mine = purse(budgets)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await mine.reserve(100)

    await mine.reserve(then)

    assert budgets.money("j").reserved == max(100, then)
    mine.settle(then, 5)
    await mine.close()
    assert budgets.money("j") == Money(spent=5, reserved=0)


async def test_it_is_given_back_even_if_nobody_asks_for_it_again() -> None:
    budgets = Lossy()
    mine = purse(budgets)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await mine.reserve(100)

    await mine.close()

    assert budgets.money("j") == Money()


async def test_a_worker_whose_budget_is_out_of_reach_leaves_all_the_same() -> None:
    budgets = Lossy()
    mine = purse(budgets)
    with pytest.raises(Unavailable):
        await mine.reserve(100)

    await mine.close()

    assert budgets.money("j") == Money(reserved=100), "who knows: it stays set aside"


async def test_what_is_set_aside_for_a_record_that_is_given_up_meanwhile_is_given_back() -> None:
    loop, asked, answers = asyncio.get_running_loop(), asyncio.Event(), Event()

    class Slow(MemoryBudgets):
        def reserve(self, job_id: str, amount: int, *, limit: int, token: str) -> bool:
            granted = super().reserve(job_id, amount, limit=limit, token=token)
            loop.call_soon_threadsafe(asked.set)
            answers.wait(60)
            return granted

    budgets = Slow()
    mine = purse(budgets)
    reserving = asyncio.create_task(mine.reserve(100))
    await asked.wait()
    reserving.cancel()
    await asyncio.wait([reserving])

    answers.set()
    await mine.close()

    assert budgets.money("j") == Money()


class Late(MemoryBudgets):
    """Books nothing before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_book = Event()

    def settle(self, job_id: str, *, reserved: int, spent: int, token: str) -> None:
        self.may_book.wait()
        super().settle(job_id, reserved=reserved, spent=spent, token=token)


async def test_what_is_booked_while_another_booking_is_told_is_told_too() -> None:
    budgets = Late()
    mine = purse(budgets)
    await mine.reserve(100)
    mine.settle(100, 40)
    first = asyncio.create_task(mine.book())
    await asyncio.sleep(0)
    await mine.reserve(10)
    mine.settle(10, 5)
    second = asyncio.create_task(mine.close())
    await asyncio.sleep(0)

    budgets.may_book.set()
    await asyncio.gather(first, second)

    assert budgets.money("j") == Money(spent=45, reserved=0)


@given(
    st.integers(1, 2000),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 300), st.floats(0, 1)), max_size=60),
)
@settings(max_examples=60, deadline=None)
def test_many_workers_never_spend_more_than_the_budget_and_give_all_of_it_back(
    limit: int, calls: list[tuple[int, int, float]]
) -> None:
    budgets = MemoryBudgets()

    async def work() -> int:
        purses = [
            purse(budgets, QuickPace(answered_at=-PATIENCE - 1), limit=limit) for _ in range(4)
        ]
        spent = 0
        for worker, amount, part in calls:
            try:
                await purses[worker].reserve(amount)
            except (BudgetExceeded, LeftForLater):
                continue
            assert spent + amount <= limit, "it could cost that much"
            cost = int(amount * part)
            purses[worker].settle(amount, cost)
            spent += cost
        for each in purses:
            await each.close()
        return spent

    spent = timelapse.run(work())

    assert budgets.money("j") == Money(spent=spent, reserved=0)


@dataclass
class Returning(QuickPace):
    """While somebody waits, somebody else gives back."""

    give_back: object = field(default=None)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        assert callable(self.give_back)
        self.give_back()


CONTRACT = f"""
name: cheap
routes: [{{engine: bedrock, model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
budget: {{usd: %s}}
"""


def lines(count: int) -> bytes:
    return jsonl([chat_line(f"req-{number}", "x" * 400) for number in range(count)])


def budgeted(usd: str, engine: ScriptedEngine) -> tuple[Laptop, str]:
    laptop = Laptop(engine=engine, chunk_records=50)
    laptop.put_contract("cheap", CONTRACT % usd)
    return laptop, laptop.drop(lines(200), "inbox/cheap/file.jsonl")


def test_a_job_stops_before_its_budget_is_passed_and_keeps_what_it_paid_for() -> None:
    engine = ScriptedEngine()
    laptop, job_id = budgeted("0.002", engine)

    row = laptop.finish(job_id)

    money = laptop.budgets.money(job_id)
    assert money.reserved == 0
    assert 0 < money.spent <= 0.002 * BILLIONTHS
    assert row.status is Status.INCOMPLETE
    assert row.incomplete_reason == "budget:usd"
    counts = row.counts()
    assert counts["succeeded"] == len(engine.calls)
    assert counts["succeeded"] + counts["cancelled"] == 200
    assert row.tally.cost_usd is not None
    assert row.tally.cost_usd * BILLIONTHS <= money.spent
    assert money.spent >= 0.9 * 0.002 * BILLIONTHS, "the rest would not have paid another call"
    receipt = laptop.objects.read(f"results/{job_id}/receipt.json")
    assert b'"incomplete_reason": "budget:usd"' in receipt


def test_a_job_within_its_budget_does_not_notice_it() -> None:
    laptop, job_id = budgeted("1", ScriptedEngine())

    row = laptop.finish(job_id)

    assert row.counts()["succeeded"] == 200
    assert laptop.budgets.money(job_id).reserved == 0


def test_a_call_without_an_answer_is_booked_at_what_it_may_have_cost() -> None:
    def hang(_request: Request, call: int) -> Completion:
        if call == 0:
            raise TimedOut("no answer")
        return echo(_request)

    laptop = Laptop(engine=ScriptedEngine(hang), chunk_records=50)
    laptop.put_contract("cheap", CONTRACT % "1")
    row = laptop.run(lines(1), "inbox/cheap/file.jsonl")

    money = laptop.budgets.money(row.job_id)
    assert row.tally.cost_usd is not None
    assert money.spent > 1.5 * row.tally.cost_usd * BILLIONTHS
    assert money.reserved == 0


@pytest.mark.parametrize(
    "refusal", [RecordInvalid("invalid_request", "no"), ContextOverflow("too long a prompt")]
)
def test_a_refused_call_costs_nothing(refusal: RecordEnds) -> None:
    def refuse(_request: Request, _call: int) -> Completion:
        raise refusal

    laptop, job_id = budgeted("1", ScriptedEngine(refuse))

    laptop.finish(job_id)

    assert laptop.budgets.money(job_id) == Money()


def test_an_answer_that_filled_the_context_is_paid_for() -> None:
    def fill(request: Request, _call: int) -> Completion:
        return replace(echo(request), stop_reason="model_context_window_exceeded")

    laptop, job_id = budgeted("1", ScriptedEngine(fill))

    laptop.finish(job_id)

    money = laptop.budgets.money(job_id)
    assert money.reserved == 0
    assert money.spent > 0


@pytest.mark.parametrize(("limit", "told"), [(25 * BILLIONTHS, "$25.00"), (200_000, "$0.000200")])
async def test_a_budget_is_told_to_the_digit_that_counts(limit: int, told: str) -> None:
    with pytest.raises(BudgetExceeded, match=re.escape(f"the budget of {told} has")):
        await purse(MemoryBudgets(), limit=limit).reserve(limit + 1)


LONG = CONTRACT.replace("max_tokens: 100", "max_tokens: 2000")


@dataclass
class Crew:
    """Workers side by side, each of which the workflow calls again as often as it asks for it."""

    laptop: Laptop

    async def run(self, job_id: str) -> set[str]:
        """Work on all chunks of a job; return how they ended."""
        return set(await asyncio.gather(*map(self._settle, self.laptop.chunks(job_id))))

    async def _settle(self, chunk: Chunk) -> str:
        while (  # noqa: ASYNC110 - as long as the workflow waits
            answer := await self.laptop.invoke(chunk, in_flight=20)
        )["state"] in GOES_ON:
            await asyncio.sleep(answer.get("seconds", 0))
        state: str = answer["state"]
        return state


GOES_ON = {"more", "paused"}


@pytest.mark.parametrize("takes", [5.0, 60.0])
async def test_a_job_that_costs_a_hundredth_of_its_budget_does_not_end_for_want_of_money(
    takes: float,
) -> None:
    engine = ScriptedEngine(takes=takes)
    laptop = Laptop(engine=engine, chunk_records=20)
    laptop.put_contract("cheap", LONG % "0.005")
    file = jsonl([chat_line(f"req-{number}", "hello") for number in range(80)])
    job_id = laptop.drop(file, "inbox/cheap/file.jsonl")
    laptop.plan(job_id)
    crew = Crew(laptop)

    ends = await crew.run(job_id)

    assert ends == {"done"}
    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == 80
    assert laptop.row(job_id).tally.calls == 80, "who waits for money throws nothing away"
    money = laptop.budgets.money(job_id)
    assert money.reserved == 0
    assert money.spent < 0.005 * BILLIONTHS / 50
    assert engine.most_open < 80, "there was no money for all at once"


async def test_where_dead_workers_hold_the_money_the_job_ends_with_what_is_left_and_says_so() -> (
    None
):
    engine = ScriptedEngine()
    laptop, job_id = budgeted("0.002", engine)
    laptop.plan(job_id)
    limit = int(0.002 * BILLIONTHS)
    laptop.budgets.reserve(job_id, limit, limit=limit, token="a worker that was killed")
    began = asyncio.get_running_loop().time()

    ends = await Crew(laptop).run(job_id)

    assert ends == {"stopped"}
    waited = asyncio.get_running_loop().time() - began
    assert LONGEST_LIFE < waited < LONGEST_LIFE + 2 * SHORTEST_REST
    laptop.close(job_id)
    reason = laptop.row(job_id).reason
    assert reason is not None
    assert "workers that were killed" in reason.message
    assert engine.calls == []
