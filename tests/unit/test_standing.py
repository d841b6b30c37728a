"""What a redrive asks again, told by the logs of the runs before it."""

from collections.abc import Collection
from copy import replace

import pytest

from batchwright.chunk import ByteRange, Chunk
from batchwright.chunklog import ChunkLog
from batchwright.errors import LogBroken
from batchwright.job import Redrive
from batchwright.outcome import Ending
from batchwright.standing import CLOSER, open_in, standing_before
from tests.fakes import NOON, MemoryObjects, settled

FIRST = Chunk(
    job_id="j",
    chunk=2,
    dialect="openai_chat",
    records=6,
    first_index=10,
    first_line=11,
    span=ByteRange(start=0, end=10),
)


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


def write(
    objects: MemoryObjects,
    endings: dict[int, Ending],
    *,
    run: int = 0,
    writer: str = "worker-1",
    calls: int = 0,
) -> None:
    log = ChunkLog(objects, "j", 2, writer=writer, redrive=run)
    log.catch_up()
    outcomes = [
        (replace(settled(index, f"run {run}")[0], status=ending), f'"run {run}"'.encode())
        for index, ending in endings.items()
    ]
    log.append(outcomes, calls=calls)


def redriven(number: int, only: Collection[Ending] = ()) -> Chunk:
    redrive = Redrive(number=number, only=tuple(only), began_at=NOON)
    return FIRST.model_copy(update={"redrive": redrive})


def first_run(objects: MemoryObjects) -> None:
    """Three were asked, two of them in vain; closing settled the other three."""
    write(objects, {10: Ending.SUCCEEDED, 11: Ending.FAILED}, calls=5)
    write(objects, {12: Ending.BLOCKED}, writer="worker-2", calls=1)
    write(objects, dict.fromkeys((13, 14, 15), Ending.EXPIRED), writer=CLOSER)


def test_the_first_run_asks_every_record(objects: MemoryObjects) -> None:
    assert open_in(objects, FIRST) == set(range(10, 16))


def test_a_redrive_asks_the_records_that_nobody_was_asked_for(objects: MemoryObjects) -> None:
    first_run(objects)

    assert open_in(objects, redriven(1)) == {13, 14, 15}


def test_a_redrive_asks_the_endings_it_is_told_to_ask_again_too(objects: MemoryObjects) -> None:
    first_run(objects)

    assert open_in(objects, redriven(1, [Ending.FAILED])) == {11, 13, 14, 15}
    assert open_in(objects, redriven(1, [Ending.EXPIRED, Ending.BLOCKED])) == {12, 13, 14, 15}


def test_a_log_that_is_gone_is_not_taken_for_records_that_nobody_asked_for(
    objects: MemoryObjects,
) -> None:
    write(objects, {10: Ending.SUCCEEDED, 11: Ending.SUCCEEDED})

    with pytest.raises(LogBroken, match="lack the outcome of record 12"):
        open_in(objects, redriven(1))


def test_the_newest_outcome_stands(objects: MemoryObjects) -> None:
    first_run(objects)
    write(objects, {11: Ending.SUCCEEDED, 13: Ending.FAILED}, run=1, calls=2)
    write(objects, dict.fromkeys((14, 15), Ending.CANCELLED), run=1, writer=CLOSER)

    standing = standing_before(objects, FIRST, 2)

    results = {index: entry.result for index, entry in standing.entries.items()}
    new = (11, 13, 14, 15)
    assert results == {index: b'"run 1"' if index in new else b'"run 0"' for index in FIRST.indexes}
    assert open_in(objects, redriven(2)) == {14, 15}
    assert open_in(objects, redriven(2, [Ending.FAILED])) == {13, 14, 15}


def test_what_a_redrive_asks_does_not_change_while_it_runs(objects: MemoryObjects) -> None:
    first_run(objects)
    before = open_in(objects, redriven(1, [Ending.FAILED]))

    write(objects, dict.fromkeys((11, 13, 14, 15), Ending.SUCCEEDED), run=1)

    assert open_in(objects, redriven(1, [Ending.FAILED])) == before


def test_money_and_calls_are_those_of_all_runs(objects: MemoryObjects) -> None:
    first_run(objects)
    write(objects, {11: Ending.SUCCEEDED}, run=1, calls=2)

    standing = standing_before(objects, FIRST, 2)
    tally = standing.tally()

    assert tally.calls == 8
    assert tally.usage.input_tokens == 7 * settled(0)[0].usage.input_tokens
    assert tally.settled == FIRST.records
    assert tally.counts[Ending.SUCCEEDED] == 2
    assert tally.counts[Ending.FAILED] == 0
    kept = standing.tally(without=frozenset({13, 14, 15}))
    assert (kept.settled, kept.calls, kept.usage) == (3, tally.calls, tally.usage)
