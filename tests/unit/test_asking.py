import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from batchwright.asking import Asker
from batchwright.completion import Completion
from batchwright.contract import Route
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContentFiltered,
    ContextOverflow,
    MalformedCompletion,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Truncated,
    Unavailable,
)
from batchwright.gates import Gates
from batchwright.pace import LeftForLater, Pace
from batchwright.prices import cost_usd
from batchwright.purse import Payer, Unlimited
from batchwright.request import Request
from batchwright.segment import Effort
from batchwright.settling import Asked
from batchwright.usage import Usage
from tests.fakes import MODEL, MemorySchedules, ScriptedEngine, echo

ROUTE = Route(model=MODEL)
MOST_CALLS = 6


@dataclass
class QuickPace(Pace):
    """Waits in no time, and remembers how long it would have been."""

    now: Callable[[], float] = lambda: 0.0
    chance: Callable[[], float] = lambda: 0.5
    answered_at: float = 0.0
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


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


def asked() -> Asked:
    return Asked(model=MODEL, request_digest="r", key="k")


def failing(*faults: BatchwrightError | None) -> Callable[[Request, int], Completion]:
    def script(request: Request, call: int) -> Completion:
        fault = faults[call] if call < len(faults) else None
        if fault is not None:
            raise fault
        return echo(request)

    return script


def asker(engine: ScriptedEngine, pace: Pace, payer: Payer | None = None) -> Asker:
    gates = Gates(MemorySchedules(), pace, job="j", priority=5, time=time.time)
    return Asker(
        engine, pace, payer or Unlimited(), gates, max_attempts=MOST_CALLS, time_left=lambda: 100.0
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


async def test_a_model_that_takes_no_larger_limit_leaves_the_cut_answer() -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 1:
            raise RecordInvalid("invalid_request", "too many tokens")
        return echo(request)

    result = asked()
    with pytest.raises(Truncated):
        await asker(ScriptedEngine(script), QuickPace()).ask(
            request("x" * 700, max_tokens=100), ROUTE, result, "j"
        )

    assert result.completion is not None
    assert result.usage.output_tokens == 100


async def test_retry_after_is_honoured(pace: QuickPace) -> None:
    await ask(ScriptedEngine(failing(Throttled("slow down", retry_after=4))), pace)

    assert pace.waits == [4]


async def test_a_long_retry_after_is_waited_for_by_the_workflow() -> None:
    pace = QuickPace()

    with pytest.raises(LeftForLater):
        await ask(ScriptedEngine(failing(Throttled("slow down", retry_after=60))), pace)

    assert pace.rest == 60
    assert pace.stopping.is_set()


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
    class Hanging(ScriptedEngine):
        async def ask(self, *args: object, **kwargs: object) -> Completion:
            await asyncio.Event().wait()
            raise AssertionError(args, kwargs)

    pace = QuickPace()
    task = asyncio.create_task(ask(Hanging(), pace))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert pace.take_calls() == (1, 1)
    assert pace.take_calls() == (0, 0)


HURRY = 20


def hurried() -> Pace:
    """A pace whose seconds are short ones."""
    began = time.monotonic()

    class Hurried(Pace):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds / HURRY)

    return Hurried(
        now=lambda: (time.monotonic() - began) * HURRY, chance=lambda: 0.5, answered_at=0.0
    )


async def test_while_a_model_is_down_the_records_wait_and_one_at_a_time_tries_until_it_is_back() -> (
    None
):
    pace = hurried()

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

    pace, engine = hurried(), ScriptedEngine(down)
    one = asker(engine, pace)

    ends = await asyncio.gather(
        *(one.ask(request(), ROUTE, asked(), "j") for _ in range(20)), return_exceptions=True
    )

    assert {type(end) for end in ends} == {LeftForLater}
    assert pace.rest is not None
    assert len(engine.calls) <= 25, "each once, and a few probes"


async def test_an_answer_that_an_earlier_worker_paid_for_is_in_the_cost() -> None:
    result = asked()
    result.go_on_from(Effort(calls=1, usage=Usage(input_tokens=1_000_000), cost_usd=3.0))

    await asker(ScriptedEngine(), QuickPace()).ask(request(), ROUTE, result, "j")

    paid = cost_usd(MODEL, Usage(input_tokens=2, output_tokens=2))
    assert paid is not None
    assert result.effort().cost_usd == result.cost_usd == pytest.approx(3.0 + paid)
