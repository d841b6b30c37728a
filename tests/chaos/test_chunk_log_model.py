"""The chunk log under all schedules of two workers, and under many of three (law 2, design §2)."""

from collections import Counter
from contextlib import suppress
from random import Random
from typing import cast

import pytest

from batchwright.chunklog import ChunkLog
from batchwright.places import chunk_prefix
from batchwright.ports import Objects
from batchwright.segment import Header, LogEntry, read_segment
from tests.chaos import SOAK
from tests.chaos.model import (
    JOB,
    Answer,
    Answered,
    Model,
    Said,
    Waits,
    World,
    Writer,
    played,
    search,
    wander,
)

PREFIX = chunk_prefix(JOB, 0)
RECORDS = (0, 1, 2)
CLOSER = Writer("closer", RECORDS, len(RECORDS))


def two(first: int, second: int) -> tuple[Writer, Writer]:
    """Two workers on the same records, by how many outcomes each puts into a segment."""
    return Writer("one", RECORDS, first), Writer("two", RECORDS, second)


@pytest.mark.parametrize(
    ("writers", "faults"),
    [
        (two(1, 1), 3),
        (two(1, 2), 3),
        (two(2, 2), 4),
        ((Writer("one", RECORDS, 2), CLOSER), 6),
        ((*two(2, 2), CLOSER), 1),
    ],
    ids=["flush 1 and 1", "flush 1 and 2", "flush 2 and 2", "worker and closer", "all three"],
)
def test_no_schedule_loses_doubles_or_changes_an_outcome(
    writers: tuple[Writer, ...], faults: int
) -> None:
    model = Model(writers, faults + SOAK)

    schedules = search(model, lambda world: check(model, world))

    assert schedules > 1_000_000


def test_chance_finds_no_schedule_either_in_a_larger_space() -> None:
    records = tuple(range(8))
    writers = (Writer("one", records, 2), Writer("two", records, 3), Writer("closer", records, 8))
    model = Model(writers, faults=6)

    for seed in range(100_000 if SOAK else 500):
        check(model, wander(model, Random(seed)))


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (Model(two(1, 2), faults=0, overwrites=True), "what was settled has changed"),
        (Model(two(1, 2), faults=1, forgetful=True), "append said something else"),
    ],
    ids=["without If-None-Match", "without knowing the own segment again"],
)
def test_a_log_without_its_foundations_is_found_out(broken: Model, found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        search(broken, lambda world: check(broken, world))


def check(model: Model, world: World) -> None:
    """Hold a log in which all writers have ended to what it promises."""
    objects = dict(world.objects)
    segments = read_all(objects)
    settled = Counter(entry.counted.index for _, entries in segments for entry in entries)
    assert all(times == 1 for times in settled.values()), "settled twice"
    if len(world.dead) < len(model.writers):
        assert set(settled) == set(model.writers[0].records), "lost"
    for who, writer in enumerate(model.writers):
        own = [each for each in segments if each[0].writer == writer.name]
        said = check_memory(writer, world.answers[who], objects)
        if who in world.dead:
            check_word_of_the_dead(said, own)
        else:
            check_word(said, own)
            check_log(log_of(writer, world.answers[who], objects), objects)


def read_all(objects: dict[str, bytes]) -> list[tuple[Header, list[LogEntry]]]:
    """Read the segments as they stand: numbered without a gap, each whole and at its place."""
    assert [*objects] == [f"{PREFIX}{number:06d}.jsonl" for number in range(len(objects))]
    return [
        read_segment(content, place=(JOB, 0, number))
        for number, content in enumerate(objects.values())
    ]


def check_memory(writer: Writer, answers: tuple[Answer, ...], objects: dict[str, bytes]) -> Said:
    """What a writer ever read, or was told that it had created, stands there still; return what it says."""
    seen, said = Answered(answers), Said()
    with suppress(Waits):
        played(writer, seen, said)
    for key, content in seen.seen.items():
        assert objects[key] == bytes(content), "what was settled has changed"
    return said


def check_word(said: Said, own: list[tuple[Header, list[LogEntry]]]) -> None:
    """What a writer says that it did is what stands under its name."""
    assert said.appended == indexes(own), "append said something else"
    assert said.calls == sum(header.calls for header, _ in own), "calls are not counted once"


def check_word_of_the_dead(said: Said, own: list[tuple[Header, list[LogEntry]]]) -> None:
    """A writer that was killed said less than it did, by one segment at most."""
    more = indexes(own)[len(said.appended) :]
    assert indexes(own)[: len(said.appended)] == said.appended
    assert set(more) <= set(said.unsure)
    assert sum(header.calls for header, _ in own) - said.calls in {0, len(said.unsure)}


def indexes(segments: list[tuple[Header, list[LogEntry]]]) -> list[int]:
    return [entry.counted.index for _, entries in segments for entry in entries]


def log_of(writer: Writer, answers: tuple[Answer, ...], objects: dict[str, bytes]) -> ChunkLog:
    """Return the log as a writer has it when it has read what came after its end."""
    log = played(writer, Answered(answers, objects))
    log.catch_up()
    return log


def check_log(log: ChunkLog, objects: dict[str, bytes]) -> None:
    """A log reads the same for everybody."""
    fresh = ChunkLog(cast("Objects", Answered((), objects)), JOB, 0, writer="reader")
    fresh.catch_up()
    assert (log.settled, log.tally, log.segments) == (fresh.settled, fresh.tally, fresh.segments)
