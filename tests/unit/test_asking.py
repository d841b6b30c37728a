import asyncio
from collections.abc import Callable
from contextlib import suppress
from copy import replace
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.asking import Asker
from batchwright.breaker import FAILURES, Breakers
from batchwright.collected import Collected, Shelf
from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    BudgetExceeded,
    ContentFiltered,
    ContextOverflow,
    MalformedCompletion,
    RecordEnds,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Truncated,
    Unavailable,
)
from batchwright.gates import Gates, Leave
from batchwright.pace import LeftForLater, Pace
from batchwright.prices import cost_usd
from batchwright.purse import Payer, Unlimited
from batchwright.quotas import Quota
from batchwright.request import Request
from batchwright.retries import FLOOR, SHARE, SLICE
from batchwright.route import Route
from batchwright.segment import Effort
from batchwright.settling import Asked
from batchwright.usage import Usage
from tests.fakes import MODEL, MemoryCircuits, MemorySchedules, ScriptedEngine, echo

ROUTE = Route(model=MODEL)
MOST_CALLS = 6


@dataclass
class QuickPace(Pace):
    """Waits in no time, and remembers how long it would have been."""

    now: Callable[[], float] = lambda: 0.0
    chance: Callable[[], float] = lambda: 0.5
    answered_at: float = 0.0
    waits: list[float] = field(default_factory=list)

    most_waits: int = 10_000

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) > self.most_waits:
            self.stop()


@pytest.fixture
def pace() -> QuickPace:
    return QuickPace()


def request(text: str = "hello", max_tokens: int = 100) -> Request:
    return Request(
        {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": max_tokens},
        }
    )


class NoTurn(Leave):
    """Leave that nobody had to give."""

    def __init__(self) -> None:
        pass

    def settle(self, used_tokens: int) -> None:
        pass

    def throttled(self, retry_after: float | None) -> None:
        pass

    def failed(self) -> None:
        pass

    def unused(self) -> None:
        pass


class OpenGates(Gates):
    """Nobody waits for a turn: what a governor does is in test_gates.py."""

    def __init__(self, pace: Pace, schedules: MemorySchedules | None = None) -> None:
        schedules = schedules or MemorySchedules()
        super().__init__(
            schedules, pace, job="j", priority=5, limit=lambda _: Quota(), time=lambda: 0.0
        )

    def at(self, pace: Pace) -> Gates:
        return OpenGates(pace)

    def again(self, pace: Pace) -> Gates:
        return OpenGates(pace)

    async def enter(self, *_: object, **__: object) -> Leave:
        return NoTurn()


def asked() -> Asked:
    return Asked(model=MODEL, request_digest="r", key="k")


def failing(*faults: BatchwrightError | None) -> Callable[[Request, int], Completion]:
    def script(request: Request, call: int) -> Completion:
        fault = faults[call] if call < len(faults) else None
        if fault is not None:
            raise fault
        return echo(request)

    return script


def breakers(pace: Pace) -> Breakers:
    circuits = MemoryCircuits(lambda: 0.0)
    return Breakers(
        circuits=circuits, holder="w", now=pace.now, time=lambda: 0.0, chance=pace.chance
    )


def asker(
    engine: ScriptedEngine,
    pace: Pace,
    payer: Payer | None = None,
    *,
    tight: bool = False,
    schedules: MemorySchedules | None = None,
    collected: Collected | None = None,
) -> Asker:
    return Asker(
        engine,
        pace,
        payer or Unlimited(),
        OpenGates(pace, schedules),
        breakers(pace),
        Contract(
            name="c",
            routes=(ROUTE,),
            max_attempts=MOST_CALLS,
            reservations="tight" if tight else "full",
        ),
        time_left=lambda: 100.0,
        collected=collected,
    )


async def ask(
    engine: ScriptedEngine, pace: Pace | None = None, what: Request | None = None
) -> Asked:
    pace = pace or QuickPace()
    result = asked()
    try:
        await asker(engine, pace).ask(what or request(), ROUTE, result, "j")
    except BatchwrightError as fault:
        fault.add_note(str(result.calls))
        raise
    return result


async def test_an_answer_is_one_call() -> None:
    result = await ask(ScriptedEngine())

    assert result.calls == 1
    assert result.completion is not None
    assert result.completion.text == "hello"
    assert result.usage == Usage(input_tokens=2, output_tokens=2)


async def test_throttles_are_waited_out_however_many(pace: QuickPace) -> None:
    engine = ScriptedEngine(failing(*[Throttled("slow down")] * 20))

    result = await ask(engine, pace)

    assert result.calls == 21
    assert len(pace.waits) == 20


async def test_the_waits_grow_with_full_jitter_up_to_a_cap(pace: QuickPace) -> None:
    await ask(ScriptedEngine(failing(*[Unavailable("down")] * 6)), pace)

    assert pace.waits == [0.25, 0.5, 1.0, 2.0, 2.5, 2.5]


async def test_a_service_that_fails_on_a_record_is_asked_six_times_and_no_more(
    pace: QuickPace,
) -> None:
    engine = ScriptedEngine(failing(*[ServiceFault("500")] * 99))

    with pytest.raises(ServiceFault):
        await ask(engine, pace)

    assert len(engine.calls) == MOST_CALLS


@pytest.mark.parametrize(
    "refusal",
    [RecordInvalid("invalid_request", "too many tokens"), ContextOverflow("prompt and answer")],
    ids=["limit", "context"],
)
async def test_a_model_that_takes_no_larger_limit_leaves_the_cut_answer(
    refusal: RecordEnds,
) -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 1:
            raise refusal
        return echo(request)

    result = asked()
    with pytest.raises(Truncated):
        await asker(ScriptedEngine(script), QuickPace()).ask(
            request("x" * 700, max_tokens=100), ROUTE, result, "j"
        )

    assert result.completion is not None
    assert result.usage.output_tokens == 100


async def test_of_two_answers_that_ended_too_soon_the_longer_is_left() -> None:
    def script(request: Request, call: int) -> Completion:
        cut = echo(request)
        return replace(cut, stop_reason="model_context_window_exceeded") if call else cut

    result = asked()
    with pytest.raises(Truncated):
        await asker(ScriptedEngine(script), QuickPace()).ask(
            request("x" * 2000, max_tokens=100), ROUTE, result, "j"
        )

    assert result.completion is not None
    assert result.completion.usage.output_tokens == 200


async def test_a_prompt_that_is_too_long_from_the_first_is_no_cut_answer() -> None:
    engine = ScriptedEngine(failing(ContextOverflow("the prompt")))

    with pytest.raises(ContextOverflow):
        await ask(engine)

    assert len(engine.calls) == 1


async def test_retry_after_is_honoured(pace: QuickPace) -> None:
    await ask(ScriptedEngine(failing(Throttled("slow down", retry_after=4))), pace)

    assert pace.waits == [4]


async def test_a_long_retry_after_is_waited_for_by_the_workflow() -> None:
    pace = QuickPace()

    with pytest.raises(LeftForLater):
        await ask(ScriptedEngine(failing(Throttled("slow down", retry_after=60))), pace)

    assert pace.rest == 60
    assert pace.stopping.is_set()


async def test_a_service_that_fails_and_says_for_how_long_is_waited_for_by_the_workflow() -> None:
    pace = QuickPace()

    with pytest.raises(LeftForLater):
        await ask(ScriptedEngine(failing(ServiceFault("502", retry_after=60))), pace)

    assert pace.rest == 60


async def test_a_worker_without_any_answer_rests() -> None:
    pace = QuickPace(now=lambda: 11.0, chance=lambda: 1.0)

    with pytest.raises(LeftForLater):
        await ask(ScriptedEngine(failing(Throttled("slow down"))), pace)

    assert pace.rest == 60


async def test_calls_without_a_whole_answer_are_bounded_and_counted(pace: QuickPace) -> None:
    engine = ScriptedEngine(failing(*[TimedOut("no answer")] * 99))

    with pytest.raises(TimedOut):
        await ask(engine, pace)

    assert len(engine.calls) == MOST_CALLS
    assert len(pace.waits) == MOST_CALLS - 1


async def test_a_worker_makes_calls_again_for_a_share_of_its_records_and_then_rests(
    pace: QuickPace,
) -> None:
    engine = ScriptedEngine(failing(*[ServiceFault("500")] * 9999))
    one = asker(engine, pace)

    ended = await asyncio.gather(
        *(one.ask(request(), ROUTE, asked(), "j") for _ in range(100)), return_exceptions=True
    )

    again = len(engine.calls) - 100
    assert FLOOR <= again <= FLOOR + SHARE * 100
    assert {type(each) for each in ended} <= {ServiceFault, LeftForLater}
    assert pace.rest == pytest.approx(0.75 * pace.shortest_rest)


async def test_the_workers_of_a_job_share_what_it_may_ask_again() -> None:
    engine, table = ScriptedEngine(failing(*[ServiceFault("500")] * 9999)), MemorySchedules()
    workers = [asker(engine, QuickPace(), schedules=table) for _ in range(5)]

    await asyncio.gather(
        *(each.ask(request(), ROUTE, asked(), "j") for each in workers for _ in range(20)),
        return_exceptions=True,
    )

    again = len(engine.calls) - 100
    assert FLOOR <= again <= FLOOR + SHARE * 100


async def test_what_an_earlier_worker_left_in_flight_takes_no_retries(pace: QuickPace) -> None:
    one = asker(ScriptedEngine(), pace)
    for _ in range(4 * FLOOR):
        left = asked()
        left.counted_calls = 1
        await one.ask(request(), ROUTE, left, "j")

    assert pace.rest is None


async def test_throttles_and_calls_that_a_breaker_forbids_take_no_retries(pace: QuickPace) -> None:
    throttled = ScriptedEngine(failing(*[Throttled("slow down")] * 3 * FLOOR))
    assert (await ask(throttled, pace)).calls == 3 * FLOOR + 1

    down = asker(ScriptedEngine(failing(*[Unavailable("503")] * 9999)), pace)
    result = asked()
    pace.most_waits = 9 * FLOOR
    with pytest.raises(LeftForLater):
        await down.ask(request(), ROUTE, result, "j")

    assert result.calls == FAILURES
    assert down._retries._left == pytest.approx(SLICE + SHARE - (FAILURES - 1))


async def test_where_another_model_may_be_asked_nobody_waits_for_retries(pace: QuickPace) -> None:
    one = asker(ScriptedEngine(failing(*[Unavailable("503")] * 9)), pace)
    one._retries._left = 0

    with pytest.raises(Unavailable):
        await one.ask(request(), ROUTE, asked(), "j", falls_back_on=(Unavailable,))
    assert pace.rest is None


async def test_a_turn_is_settled_with_what_the_call_took_of_the_quota() -> None:
    """Input, what is written into a cache, and five times the output; and nothing of what a cache held."""
    settled: list[int] = []

    class Turn(NoTurn):
        def settle(self, used_tokens: int) -> None:
            settled.append(used_tokens)

    class CountingGates(OpenGates):
        async def enter(self, *_: object, **__: object) -> Leave:
            return Turn()

    usage = Usage(input_tokens=10, output_tokens=3, cache_read_tokens=500, cache_write_tokens=7)
    engine = ScriptedEngine(lambda request, _: replace(echo(request), usage=usage))
    pace, route = QuickPace(), Route(model="us.anthropic.claude-sonnet-4-20250514-v1:0")
    contract = Contract(name="c", routes=(route,))
    one = Asker(
        engine,
        pace,
        Unlimited(),
        CountingGates(pace),
        breakers(pace),
        contract,
        time_left=lambda: 100.0,
    )

    await one.ask(request(), route, asked(), "j")

    assert settled == [10 + 7 + 5 * 3]


async def test_a_cut_answer_is_asked_for_once_more_with_twice_the_limit() -> None:
    engine = ScriptedEngine()

    result = await ask(engine, what=request("x" * 700, max_tokens=100))

    assert [call.max_tokens for call in engine.calls] == [100, 200]
    assert result.usage.output_tokens == 100 + 175


async def test_an_answer_that_is_cut_twice_ends_the_record() -> None:
    engine = ScriptedEngine()

    with pytest.raises(Truncated):
        await ask(engine, what=request("x" * 4000, max_tokens=100))

    assert len(engine.calls) == 2


async def test_a_throttle_in_between_does_not_cost_the_larger_limit(pace: QuickPace) -> None:
    engine = ScriptedEngine(failing(Throttled("slow down")))

    result = await ask(engine, pace, request("x" * 700, max_tokens=100))

    assert [call.max_tokens for call in engine.calls] == [100, 100, 200]
    assert result.calls == 3
    assert len(pace.waits) == 1


def ending(stop_reason: str, content: list[dict[str, str]] | None = None) -> Completion:
    return Completion(
        content=[{"text": "x"}] if content is None else content,
        stop_reason=stop_reason,
        usage=Usage(input_tokens=1, output_tokens=1),
        latency_ms=1,
    )


@pytest.mark.parametrize(
    ("stop_reason", "kind"),
    [
        ("content_filtered", ContentFiltered),
        ("guardrail_intervened", ContentFiltered),
        ("model_context_window_exceeded", ContextOverflow),
        ("malformed_model_output", MalformedCompletion),
        ("malformed_tool_use", MalformedCompletion),
        ("a_reason_of_next_year", MalformedCompletion),
    ],
)
async def test_only_what_is_known_to_be_an_answer_is_one(
    stop_reason: str, kind: type[BatchwrightError]
) -> None:
    with pytest.raises(kind):
        await ask(ScriptedEngine(lambda _request, _call: ending(stop_reason)))


async def test_an_empty_answer_is_none() -> None:
    with pytest.raises(MalformedCompletion):
        await ask(ScriptedEngine(lambda _request, _call: ending("end_turn", [])))


async def test_a_refusal_that_holds_for_all_is_not_repeated() -> None:
    engine = ScriptedEngine(failing(AccessDenied("no")))

    with pytest.raises(AccessDenied):
        await ask(engine)

    assert len(engine.calls) == 1


async def test_nobody_is_asked_once_the_worker_stops() -> None:
    pace = QuickPace()
    pace.stopping.set()
    engine = ScriptedEngine()

    with pytest.raises(LeftForLater):
        await ask(engine, pace)

    assert engine.calls == []
    assert pace.take_calls() == (0, 0)


async def test_a_call_that_is_given_up_is_counted_as_ambiguous() -> None:
    called = asyncio.Event()

    class Hanging(ScriptedEngine):
        async def ask(self, *args: object, **kwargs: object) -> Completion:
            called.set()
            await asyncio.Event().wait()
            raise AssertionError(args, kwargs)

    pace = QuickPace()
    task = asyncio.create_task(ask(Hanging(), pace))
    await called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert pace.take_calls() == (1, 1)
    assert pace.take_calls() == (0, 0)


async def test_what_is_given_up_before_its_call_is_no_call_and_costs_nothing() -> None:
    booked = []

    class Costly(Unlimited):
        def most_for(self, request: Request, route: Route) -> int:  # noqa: ARG002 - a Payer's
            return 7

        def settle(self, amount: int, spent: int) -> None:
            booked.append((amount, spent))

    pace, result = QuickPace(), asked()
    task = asyncio.create_task(
        asker(ScriptedEngine(), pace, Costly()).ask(request(), ROUTE, result, "j")
    )
    await asyncio.sleep(0)  # it hears from the other workers whether the model is down
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert booked == [(7, 0)]
    assert pace.take_calls() == (0, 0)
    assert result.calls == result.counted_calls == result.ambiguous_calls == 0


def timed() -> Pace:
    """A pace by the loop's own time, from its beginning."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return Pace(now=lambda: loop.time() - began, chance=lambda: 0.5, answered_at=0.0)


async def test_while_a_model_is_down_the_records_wait_and_one_at_a_time_tries_until_it_is_back() -> (
    None
):
    pace = timed()

    def down_for_three_seconds(request: Request, _call: int) -> Completion:
        if pace.now() < 3:
            raise Unavailable("down")
        return echo(request)

    engine = ScriptedEngine(down_for_three_seconds)
    records = [asked() for _ in range(50)]
    one = asker(engine, pace)

    await asyncio.gather(*(one.ask(request(), ROUTE, each, "j") for each in records))

    assert all(each.completion for each in records)
    probes = len(engine.calls) - 2 * len(records)
    assert probes <= 2, "besides each record's first call and its answer"
    assert sum(each.calls for each in records) == len(engine.calls)


async def test_a_model_that_stays_down_gives_the_worker_a_rest_after_few_calls() -> None:
    def down(_request: Request, _call: int) -> Completion:
        raise Unavailable("down")

    pace, engine = timed(), ScriptedEngine(down)
    one = asker(engine, pace)

    ends = await asyncio.gather(
        *(one.ask(request(), ROUTE, asked(), "j") for _ in range(20)), return_exceptions=True
    )

    assert {type(end) for end in ends} == {LeftForLater}
    assert pace.rest is not None
    assert len(engine.calls) <= 25, "each once, and a few probes"


async def test_a_call_of_a_lane_is_counted_though_nobody_foresaw_what_its_answer_looks_like() -> (
    None
):
    def read(*_: object) -> None:
        raise ZeroDivisionError

    shelf, pace, result = Shelf(), QuickPace(), asked()
    shelf.put(result.index, b"odd")
    one = asker(ScriptedEngine(), pace, collected=Collected(shelf, read))

    with pytest.raises(ZeroDivisionError):
        await one.ask(request(), ROUTE, result, "j")

    shelf.close()
    assert result.calls == pace.calls["made"] == 1


async def test_an_answer_that_an_earlier_worker_paid_for_is_in_the_cost() -> None:
    result = asked()
    result.go_on_from(Effort(calls=1, usage=Usage(input_tokens=1_000_000), cost_usd=3.0))

    await asker(ScriptedEngine(), QuickPace()).ask(request(), ROUTE, result, "j")

    paid = cost_usd(MODEL, Usage(input_tokens=2, output_tokens=2))
    assert paid is not None
    assert result.effort().cost_usd == result.cost_usd == pytest.approx(3.0 + paid)


def wordy(words: int) -> Request:
    return request("x" * 4 * words, max_tokens=2000)


async def after(
    lengths: list[int], what: Request, route: Route = ROUTE, *, tight: bool = True
) -> tuple[ScriptedEngine, Asked]:
    """Ask when answers of such lengths have been seen."""
    engine, pace = ScriptedEngine(), QuickPace()
    one = asker(engine, pace, tight=tight)
    for length in lengths:
        await one.ask(wordy(length), route, asked(), "j")
    engine.calls.clear()
    result = asked()
    await one.ask(what, route, result, "j")
    return engine, result


def limits(engine: ScriptedEngine) -> list[int | None]:
    return [each.max_tokens for each in engine.calls]


async def test_little_more_is_reserved_than_answers_were_long() -> None:
    engine, result = await after([50] * 300, wordy(50))

    assert limits(engine) == [72]
    assert result.calls == 1


async def test_where_reservations_are_full_the_request_goes_as_it_is() -> None:
    engine, _ = await after([50] * 300, wordy(50), tight=False)

    assert limits(engine) == [2000]


async def test_an_answer_that_is_cut_at_the_tight_limit_is_asked_for_with_the_whole() -> None:
    engine, result = await after([50] * 300, wordy(500))

    assert limits(engine) == [72, 2000]
    assert result.completion is not None
    assert result.completion.stop_reason == "end_turn"
    assert (result.calls, result.counted_calls) == (2, 0)
    assert result.usage.output_tokens == 72 + 500, "both were paid for"


async def test_nor_does_a_worker_rest_that_has_paid_for_the_cut_one() -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 301:
            raise Throttled("slow down", retry_after=60)
        return echo(request)

    engine, pace = ScriptedEngine(script), QuickPace()
    one = asker(engine, pace, tight=True)
    for _ in range(300):
        await one.ask(wordy(50), ROUTE, asked(), "j")
    result = asked()
    await one.ask(wordy(500), ROUTE, result, "j")

    assert limits(engine)[300:] == [72, 2000, 2000]
    assert result.usage.output_tokens == 72 + 500
    assert pace.rest == 60, "the workflow still waits with all the others"


async def test_an_answer_that_is_cut_at_the_tight_limit_is_kept_where_money_ends() -> None:
    class Poor(Unlimited):
        async def reserve(self, amount: int) -> None:
            if amount > 0:
                raise BudgetExceeded("no room")

        def most_for(self, request: Request, route: Route) -> int:  # noqa: ARG002 - a Payer's
            return (request.max_tokens or 0) - 72

    one = asker(ScriptedEngine(), QuickPace(), Poor(), tight=True)
    for _ in range(300):
        one._gates.lengths(ROUTE).add(50)
    result = asked()

    with pytest.raises(Truncated, match="budget"):
        await one.ask(wordy(500), ROUTE, result, "j")

    assert result.completion is not None
    assert result.usage.output_tokens == 72


async def test_an_answer_that_is_cut_at_the_whole_limit_too_gets_one_of_twice_the_size() -> None:
    engine, result = await after([50] * 300, request("x" * 4 * 500, max_tokens=300))

    assert limits(engine) == [72, 300, 600]
    assert result.completion is not None
    assert result.completion.text == "x" * 4 * 500


async def test_what_a_cut_call_of_a_tool_looks_like_is_no_fault_of_the_model() -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 300:
            return replace(
                echo(request),
                stop_reason="malformed_tool_use",
                usage=Usage(output_tokens=request.max_tokens or 0),
            )
        return echo(request)

    engine = ScriptedEngine(script)
    one = asker(engine, QuickPace(), tight=True)
    for _ in range(301):
        await one.ask(wordy(50), ROUTE, asked(), "j")

    assert limits(engine)[300:] == [72, 2000]


async def test_a_route_says_what_is_reserved_at_least() -> None:
    route = Route(model=MODEL, reserve_at_least=700)

    assert limits((await after([50] * 300, wordy(50), route))[0]) == [700]


THINKS: list[tuple[str, Request]] = [
    (
        "converse",
        Request(
            {
                "inferenceConfig": {"maxTokens": 2000},
                "additionalModelRequestFields": {"thinking": {"type": "enabled"}},
            }
        ),
    ),
    (
        "claude",
        Request({"messages": [], "max_tokens": 2000, "thinking": {"type": "enabled"}}, "anthropic"),
    ),
    (
        "nova",
        Request(
            {"inferenceConfig": {"maxTokens": 2000, "reasoningConfig": {"type": "enabled"}}}, "nova"
        ),
    ),
    ("vectors", Request({"inputText": "x"}, "titan_embed")),
    ("no limit", Request({"messages": []})),
]


@pytest.mark.parametrize("what", [each for _, each in THINKS], ids=[name for name, _ in THINKS])
def test_what_divides_its_limit_or_has_none_is_left_alone(what: Request) -> None:
    assert not what.trimmable


@given(st.lists(st.integers(1, 1500), max_size=60), st.integers(1, 1000), st.integers(1, 2500))
async def test_no_answer_is_shorter_for_a_tight_limit(
    lengths: list[int], least: int, most: int
) -> None:
    engine = ScriptedEngine()
    one = asker(engine, QuickPace(), tight=True)
    route = Route(model=MODEL, reserve_at_least=least)
    for length in lengths:
        engine.calls.clear()
        result = asked()
        with suppress(Truncated):
            await one.ask(request("x" * 4 * length, max_tokens=most), route, result, "j")

        sent = [limit or 0 for limit in limits(engine)]
        assert result.completion is not None
        assert result.completion.text == "x" * 4 * min(length, max(most, min(2 * most, 8192)))
        assert min(least, most) <= sent[0] <= most
        assert most in sent or sent[0] >= length
        assert result.calls == len(sent) <= 3
        assert result.usage.output_tokens == sum(min(length, limit) for limit in sent)


async def test_an_answer_as_long_as_its_tight_limit_was_cut_even_if_the_model_does_not_say_so() -> (
    None
):
    def script(request: Request, _call: int) -> Completion:
        return replace(echo(request), stop_reason="end_turn")

    engine = ScriptedEngine(script)
    one = asker(engine, QuickPace(), tight=True)
    for length in (*[50] * 300, 200):
        result = asked()
        await one.ask(wordy(length), ROUTE, result, "j")

    assert limits(engine)[300:] == [72, 2000]
    assert result.completion is not None
    assert result.completion.text == "x" * 4 * 200
