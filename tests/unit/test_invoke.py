import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from batchwright.chunklog import ChunkLog
from batchwright.completion import Completion
from batchwright.errors import AccessDenied, Throttled, Unavailable
from batchwright.job import Status
from batchwright.outcome import Ending
from batchwright.places import chunk_prefix
from batchwright.request import Request
from tests.fakes import NOON, MemoryObjects, ScriptedEngine, echo, texts_of
from tests.laptop import Laptop, chat_file, chat_line, jsonl, song


async def test_every_record_of_a_chunk_is_asked_once() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    job_id, (chunk, *_) = laptop.planned(chat_file(10))

    assert await laptop.invoke(chunk) == {"state": "done"}

    assert len(engine.calls) == 10
    tally = laptop.jobs.progress(job_id)
    assert tally.counts[Ending.SUCCEEDED] == 10
    assert tally.calls == 10


async def test_many_requests_are_in_flight_but_no_more_than_allowed() -> None:
    engine = ScriptedEngine(takes=1)
    laptop = Laptop(engine=engine, chunk_records=100)
    _, (chunk,) = laptop.planned(chat_file(100))

    await laptop.invoke(chunk, in_flight=16)

    assert engine.most_open == 16


async def test_what_was_in_flight_together_is_written_together() -> None:
    laptop = Laptop(engine=ScriptedEngine(takes=1), chunk_records=1000)
    _, (chunk,) = laptop.planned(chat_file(1000))

    await laptop.invoke(chunk, in_flight=400)

    claim, *written = laptop.objects.keys(chunk_prefix(chunk.job_id, chunk.chunk))
    assert claim.endswith("/000000.jsonl")
    assert len(written) == 3


async def test_a_settled_chunk_is_not_asked_again() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    _, (chunk, *_) = laptop.planned(chat_file(10))
    await laptop.invoke(chunk)

    assert await laptop.invoke(chunk) == {"state": "done"}
    assert len(engine.calls) == 10


async def test_a_worker_without_time_asks_nothing_and_says_more() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    _, (chunk, *_) = laptop.planned(chat_file(10))

    assert await laptop.invoke(chunk, seconds=0) == {"state": "more"}
    assert engine.calls == []


class Slow(ScriptedEngine):
    """Answers the first few at once, and the rest never."""

    async def ask(self, request: Request, **_: object) -> Completion:
        self.calls.append(request)
        if len(self.calls) > 4:
            await asyncio.Event().wait()
        return echo(request)


async def test_what_was_answered_before_the_time_was_up_is_kept_and_the_rest_is_left() -> None:
    slow = Slow()
    laptop = Laptop(engine=slow)
    job_id, (chunk, *_) = laptop.planned(chat_file(10))

    assert await laptop.invoke(chunk, seconds=0.5, in_flight=2) == {"state": "more"}
    tally = laptop.jobs.progress(job_id)
    assert tally.counts[Ending.SUCCEEDED] == 4
    assert (tally.calls, tally.ambiguous_calls) == (6, 2)

    laptop.engine = ScriptedEngine()
    assert await laptop.invoke(chunk) == {"state": "done"}
    assert laptop.jobs.progress(job_id).calls == 12


async def test_a_throttled_worker_hands_the_waiting_to_the_workflow() -> None:
    def throttle(_request: Request, _call: int) -> Completion:
        raise Throttled("slow down", retry_after=42)

    laptop = Laptop(engine=ScriptedEngine(throttle))
    job_id, (chunk, *_) = laptop.planned(chat_file(10))

    assert await laptop.invoke(chunk) == {"state": "paused", "seconds": 42}

    tally = laptop.jobs.progress(job_id)
    assert tally.settled == 0
    assert tally.calls >= 1
    laptop.engine = ScriptedEngine()
    assert await laptop.invoke(chunk) == {"state": "done"}


@pytest.mark.parametrize("wished", [3 * 86_400.0, 1e9 - 1])
async def test_nobody_waits_past_the_jobs_deadline_whatever_a_service_wishes(wished: float) -> None:
    def throttle(_request: Request, _call: int) -> Completion:
        raise Throttled("tomorrow", retry_after=wished)

    laptop = Laptop(engine=ScriptedEngine(throttle))
    job_id, (chunk, *_) = laptop.planned(chat_file(10))
    laptop.clock.time += timedelta(hours=23)

    assert await laptop.invoke(chunk) == {"state": "paused", "seconds": 3600}

    laptop.clock.time += timedelta(hours=1)
    assert await laptop.invoke(chunk) == {"state": "stopped", "reason": "deadline"}
    laptop.close(job_id)
    assert laptop.row(job_id).counts()["expired"] == 10


async def test_a_denied_model_stops_the_job_with_one_reason() -> None:
    def deny(_request: Request, call: int) -> Completion:
        if call == 3:
            raise AccessDenied("no access to the model")
        return echo(_request)

    engine = ScriptedEngine(deny)
    laptop = Laptop(engine=engine)
    job_id, chunks = laptop.planned(chat_file(20))

    assert await laptop.invoke(chunks[0], in_flight=1) == {
        "state": "stopped",
        "reason": "access_denied",
    }
    assert len(engine.calls) == 4

    assert (await laptop.invoke(chunks[1]))["state"] == "stopped"
    assert len(engine.calls) == 4, "the other chunk sees the reason and asks nothing"

    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.status is Status.INCOMPLETE
    assert row.reason is not None
    assert row.reason.code == "access_denied"
    assert row.counts()["succeeded"] == 3
    assert row.counts()["failed"] == 17


async def test_a_job_past_its_deadline_asks_nothing_and_its_records_expire() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    job_id, (chunk, *_) = laptop.planned(chat_file(10))
    laptop.clock.time = NOON + timedelta(hours=24)

    assert await laptop.invoke(chunk) == {"state": "stopped", "reason": "deadline"}

    laptop.close(job_id)
    assert engine.calls == []
    assert laptop.row(job_id).counts()["expired"] == 10


async def test_bad_lines_of_the_chunk_fail_without_a_call() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine)
    content = chat_file(3) + b"{broken\n" + jsonl([chat_line("req-1", "again")])
    job_id, (chunk,) = laptop.planned(content)

    await laptop.invoke(chunk)

    assert len(engine.calls) == 3
    assert laptop.jobs.progress(job_id).counts[Ending.FAILED] == 2


async def test_two_workers_on_one_chunk_settle_every_record_once() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(engine=engine, chunk_records=300)
    job_id, (chunk,) = laptop.planned(chat_file(300))

    answers = await asyncio.gather(*(laptop.invoke(chunk) for _ in range(2)))

    assert {"state": "done"} in answers, "the first to claim leaves the chunk to the other"
    assert await laptop.invoke(chunk) == {"state": "done"}
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.counts()["succeeded"] == 300
    assert row.tally.calls == len(engine.calls), "calls that gained nothing are counted"
    assert len(engine.calls) >= 300


class HangsOn(ScriptedEngine):
    """Never answers one record."""

    async def ask(self, request: Request, **_: object) -> Completion:
        self.calls.append(request)
        if texts_of(request) == [song(1)]:
            await asyncio.Event().wait()
        return echo(request)


async def test_a_record_that_outlives_worker_after_worker_fails_alone_after_six_calls() -> None:
    engine = HangsOn()
    laptop = Laptop(engine=engine)
    job_id, (chunk,) = laptop.planned(chat_file(3))

    answers = [(await laptop.invoke(chunk, seconds=0.3))["state"] for _ in range(7)]

    assert answers == ["more"] * 6 + ["done"]
    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.counts()["succeeded"] == 2
    (failed,) = laptop.results(job_id, "errors.jsonl")
    assert failed["error"]["code"] == "timed_out"
    outcome = laptop.results(job_id, "outcomes.jsonl")[1]
    assert (outcome["attempts"], outcome["ambiguous_attempts"]) == (6, 6)
    assert row.tally.calls == len(engine.calls) == 8


async def test_an_exception_that_nobody_foresaw_ends_one_record_and_not_the_chunk() -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 1:
            raise ZeroDivisionError("canary")
        return echo(request)

    laptop = Laptop(engine=ScriptedEngine(script))
    job_id, (chunk,) = laptop.planned(chat_file(5))

    assert await laptop.invoke(chunk) == {"state": "done"}
    laptop.close(job_id)
    (failed,) = laptop.results(job_id, "errors.jsonl")
    assert failed["error"]["code"] == "unforeseen"
    assert "ZeroDivisionError at" in failed["error"]["message"]
    assert "canary" not in str(failed)
    log = ChunkLog(laptop.objects, job_id, 0, writer="reader")
    log.catch_up()
    assert log.efforts == {}, "a settled record is nobody's open work"
    (outcome,) = [each for each in laptop.results(job_id, "outcomes.jsonl") if each["error"]]
    assert (outcome["attempts"], outcome["ambiguous_attempts"]) == (1, 1), "it may have been billed"
    assert laptop.row(job_id).tally.ambiguous_calls == 1


async def test_what_was_paid_for_a_record_before_such_an_exception_is_told() -> None:
    def script(request: Request, call: int) -> Completion:
        if call == 1:
            raise ZeroDivisionError
        return echo(request)

    laptop = Laptop(engine=ScriptedEngine(script))
    line = chat_line(
        "req-0", 100 * "a word cut short ", max_tokens=100
    )  # it is asked for once more
    job_id, (chunk,) = laptop.planned(jsonl([line]))

    await laptop.invoke(chunk)

    laptop.close(job_id)
    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    tally = laptop.row(job_id).tally
    assert outcome["error"]["code"] == "unforeseen"
    assert (outcome["attempts"], outcome["ambiguous_attempts"]) == (2, 1)
    assert outcome["usage"]["output_tokens"] == tally.usage.output_tokens == 100
    assert outcome["cost_usd"] == tally.cost_usd
    assert outcome["cost_usd"] > 0


async def test_so_is_what_earlier_workers_spent_on_it() -> None:
    class Ends(HangsOn):
        async def ask(self, request: Request, **told: object) -> Completion:
            if self.calls:
                raise ZeroDivisionError
            return await super().ask(request, **told)

    laptop = Laptop(engine=Ends())
    job_id, (chunk,) = laptop.planned(jsonl([chat_line("req-0", song(1))]))

    assert await laptop.invoke(chunk, seconds=0.3) == {"state": "more"}
    assert await laptop.invoke(chunk) == {"state": "done"}

    laptop.close(job_id)
    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    assert outcome["error"]["code"] == "unforeseen"
    assert outcome["attempts"] == laptop.row(job_id).tally.calls == 2


class ShutBucket(MemoryObjects):
    """Takes no segment while it is shut."""

    def __init__(self, shut: range, *, applied: bool = False) -> None:
        super().__init__()
        self.shut = shut
        self.applied = applied
        self.tries = 0

    def create(self, key: str, content: bytes) -> None:
        if "/chunks/" not in key:
            super().create(key, content)
            return
        self.tries += 1
        down = self.tries - 1 in self.shut
        if not down or self.applied:
            super().create(key, content)
        if down:
            raise Unavailable("the bucket is down")


async def test_a_worker_that_cannot_claim_asks_nothing_and_fails() -> None:
    engine = ScriptedEngine()
    laptop = Laptop(objects=ShutBucket(range(99)), engine=engine)
    _, (chunk, *_) = laptop.planned(chat_file(10))

    with pytest.raises(Unavailable):
        await laptop.invoke(chunk)

    assert engine.calls == []


@pytest.mark.parametrize("applied", [False, True], ids=["never written", "written, reply lost"])
async def test_answers_that_cannot_be_written_are_kept_and_written_once(applied: bool) -> None:
    engine = ScriptedEngine()
    laptop = Laptop(objects=ShutBucket(range(1, 3), applied=applied), engine=engine)
    job_id, (chunk, *_) = laptop.planned(chat_file(10))

    assert await laptop.invoke(chunk) == {"state": "done"}

    assert len(engine.calls) == 10
    tally = laptop.jobs.progress(job_id)
    assert (tally.counts[Ending.SUCCEEDED], tally.calls) == (10, 10)


async def test_while_nothing_can_be_written_nothing_is_asked() -> None:
    engine = ScriptedEngine(takes=0.01)
    bucket = ShutBucket(range(1, 99))
    laptop = Laptop(objects=bucket, engine=engine, chunk_records=1000)
    _, (chunk,) = laptop.planned(chat_file(1000))

    with pytest.raises(Unavailable):
        await laptop.invoke(chunk, seconds=4, in_flight=8)

    assert len(engine.calls) < 500, "a segment's, and some more until the fault was seen"


class CountingBucket(MemoryObjects):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        self.asked += 1
        return super().read(key, span=span)

    def create(self, key: str, content: bytes) -> None:
        self.asked += 1
        super().create(key, content)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        self.asked += 1
        return super().keys(prefix, after=after)


async def test_a_thousand_records_cost_a_dozen_requests_to_the_bucket() -> None:
    bucket = CountingBucket()
    laptop = Laptop(objects=bucket, chunk_records=1000)
    _, (chunk,) = laptop.planned(chat_file(1000))
    bucket.asked = 0

    await laptop.invoke(chunk)

    assert bucket.asked <= 12


def test_an_outcome_tells_how_long_its_record_waited() -> None:
    def refusing(request: Request, call: int) -> Completion:
        if call == 0:
            raise Throttled("slow down", retry_after=0.3)
        return echo(request, call)

    laptop = Laptop(engine=ScriptedEngine(refusing))
    job_id = laptop.run(chat_file(1)).job_id
    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    assert 300 <= outcome["waited_ms"] < 30_000
    assert outcome["attempts"] == 2
