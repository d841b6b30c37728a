"""What becomes of a chunk whose workers die."""

import pytest

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.completion import Completion
from batchwright.errors import Throttled
from batchwright.job import Status
from batchwright.request import Request
from batchwright.segment import Effort
from tests.fakes import MemoryObjects, ScriptedEngine, echo, texts_of
from tests.laptop import Laptop, chat_file, chat_line, jsonl

POISON = "the record that kills"
MOST_RETRIES = 12


class Killed(BaseException):
    """The process is gone: nothing after it is run."""


def kill_at_poison(request: Request, _call: int) -> Completion:
    if POISON in texts_of(request):
        raise Killed
    return echo(request)


def file_with(poisoned: set[int], count: int) -> bytes:
    texts = [POISON if number in poisoned else f"say {number}" for number in range(count)]
    return jsonl([chat_line(f"req-{number}", text) for number, text in enumerate(texts)])


async def until_done(laptop: Laptop, chunk: Chunk) -> int:
    """Call workers as the workflow does; return how many died."""
    for deaths in range(MOST_RETRIES + 1):
        try:
            assert await laptop.invoke(chunk) == {"state": "done"}
        except BaseExceptionGroup as group:
            assert group.subgroup(Killed)  # noqa: PT017 - what else is in it is not expected
        else:
            return deaths
    raise AssertionError("the workflow gives up")


@pytest.mark.parametrize("count", [1, 2, 17, 200])
async def test_a_record_that_kills_its_worker_fails_alone_and_the_rest_goes_on(count: int) -> None:
    laptop = Laptop(engine=ScriptedEngine(kill_at_poison), chunk_records=count)
    job_id, (chunk,) = laptop.planned(file_with({count // 2}, count))

    assert 2 <= await until_done(laptop, chunk) <= 6

    laptop.close(job_id)
    row = laptop.row(job_id)
    assert row.status is Status.COMPLETED
    assert row.counts()["succeeded"] == count - 1
    (failed,) = laptop.results(job_id, "errors.jsonl")
    assert failed["custom_id"] == f"req-{count // 2}"
    assert failed["error"]["code"] == "worker_killed"


async def test_what_others_had_answered_is_not_asked_again_but_for_what_was_in_flight() -> None:
    engine = ScriptedEngine(kill_at_poison)
    laptop = Laptop(engine=engine, chunk_records=100)
    _, (chunk,) = laptop.planned(file_with({99}, 100))

    deaths = await until_done(laptop, chunk)

    asked = [text for request in engine.calls for text in texts_of(request)]
    assert asked.count(POISON) == deaths
    assert all(asked.count(f"say {number}") <= deaths for number in range(99))


async def test_three_records_that_kill_are_all_isolated() -> None:
    laptop = Laptop(engine=ScriptedEngine(kill_at_poison), chunk_records=60)
    job_id, (chunk,) = laptop.planned(file_with({3, 30, 57}, 60))

    await until_done(laptop, chunk)

    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == 57
    assert laptop.row(job_id).counts()["failed"] == 3


async def test_a_record_that_kills_while_it_is_read_is_told_by_its_line() -> None:
    laptop = Laptop(chunk_records=4)
    job_id, (chunk,) = laptop.planned(chat_file(4))
    for number in range(3):
        log = ChunkLog(laptop.objects, job_id, 0, writer=f"dead-{number}")
        log.append([], claim=((2, 2),), efforts={2: Effort(calls=4)} if number == 0 else None)

    assert await laptop.invoke(chunk) == {"state": "done"}

    laptop.close(job_id)
    (failed,) = laptop.results(job_id, "errors.jsonl")
    assert (failed["custom_id"], failed["error"]["code"]) == (None, "worker_killed")
    (outcome,) = [
        each for each in laptop.results(job_id, "outcomes.jsonl") if each["status"] == "failed"
    ]
    assert (outcome["line"], outcome["attempts"]) == (3, 4)


async def test_a_worker_that_leaves_of_its_own_will_puts_nobody_under_suspicion() -> None:
    def throttle(_request: Request, _call: int) -> Completion:
        raise Throttled("slow down", retry_after=42)

    laptop = Laptop(engine=ScriptedEngine(throttle))
    job_id, (chunk, *_) = laptop.planned(chat_file(10))
    for _ in range(3):
        assert (await laptop.invoke(chunk))["state"] == "paused"

    log = ChunkLog(laptop.objects, job_id, 0, writer="reader")
    log.catch_up()

    assert log.claims == {}
    laptop.engine = ScriptedEngine()
    await laptop.invoke(chunk, in_flight=8)
    assert laptop.engine.most_open == 8


async def test_a_zombie_that_wakes_up_and_leaves_is_no_longer_counted_as_dead() -> None:
    objects = MemoryObjects()
    zombie = ChunkLog(objects, "j", 0, writer="zombie")
    zombie.append([], claim=((0, 9),))
    reader = ChunkLog(objects, "j", 0, writer="reader")
    reader.catch_up()
    assert reader.claims == {"zombie": ((0, 9),)}

    zombie.append([], left=True)
    reader.catch_up()

    assert reader.claims == {}
