from copy import replace

import msgspec
import pytest

from batchwright.chunklog import ChunkLog
from batchwright.errors import LogBroken
from batchwright.outcome import Counted, Ending, Outcome
from batchwright.segment import Settled, read_segment
from tests.fakes import MemoryObjects, settled

FIRST = "jobs/j/chunks/000000/000000.jsonl"


def entries(written: list[Settled]) -> list[tuple[bytes, bytes]]:
    return [(outcome.facts(), result) for outcome, result in written]


def read(reader: ChunkLog) -> list[tuple[bytes, bytes]]:
    return [(entry.facts, entry.result) for entry in reader.read()]


def log(objects: MemoryObjects, writer: str) -> ChunkLog:
    return ChunkLog(objects, "j", 0, writer=writer)


def test_what_was_appended_is_read_back() -> None:
    objects = MemoryObjects()
    one = log(objects, "one")
    one.append([settled(0), settled(1)], calls=3, ambiguous_calls=1)
    one.append([settled(2)], calls=1)

    again = log(objects, "two")

    assert read(again) == entries([settled(0), settled(1), settled(2)])
    assert again.tally == one.tally
    assert again.tally.calls == 4
    assert again.tally.counts[Ending.SUCCEEDED] == 3
    assert again.settled == {0, 1, 2}


def test_a_settled_record_is_never_settled_again() -> None:
    objects = MemoryObjects()
    log(objects, "one").append([settled(0, "first")])

    written = log(objects, "two").append([settled(0, "second"), settled(1)])

    assert written == [settled(1)]
    assert read(log(objects, "reader")) == entries([settled(0, "first"), settled(1)])


def test_a_zombie_that_was_overtaken_twice_adds_only_what_is_still_open() -> None:
    objects = MemoryObjects()
    zombie, quick = log(objects, "zombie"), log(objects, "quick")
    quick.append([settled(0)])
    quick.append([settled(1)])

    assert zombie.append([settled(0, "late"), settled(1, "late"), settled(2)]) == [settled(2)]
    assert zombie.segments == 3


def test_calls_that_gained_nothing_are_counted_all_the_same() -> None:
    objects = MemoryObjects()
    zombie = log(objects, "zombie")
    log(objects, "quick").append([settled(0)], calls=1)

    assert zombie.append([settled(0, "late")], calls=1) == []

    reader = log(objects, "reader")
    assert read(reader) == entries([settled(0)])
    assert reader.tally.calls == 2


class LostReplies(MemoryObjects):
    """Writes, and says that somebody else was first: the client's own retry after a lost reply."""

    def create(self, key: str, content: bytes) -> None:
        super().create(key, content)
        super().create(key, content)


def test_ones_own_segment_is_known_after_a_lost_reply() -> None:
    objects = LostReplies()

    assert log(objects, "one").append([settled(0)], calls=1) == [settled(0)]
    assert list(objects.keys("")) == [FIRST]


def test_nothing_new_writes_nothing() -> None:
    objects = MemoryObjects()

    log(objects, "one").append([])

    assert list(objects.keys("")) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-10],
        lambda content: content.replace(b'"said":"a', b'"said":"b'),
        lambda content: content + b"{}\n",
        lambda content: content.replace(b'"job_id":"j"', b'"job_id":"k"'),
        lambda content: content.replace(b'"segment":0', b'"segment":1'),
        lambda content: b"no header\n" + content,
        lambda content: content[:0],
    ],
    ids=["torn", "changed", "longer", "other job", "other place", "no header", "empty"],
)
def test_a_torn_changed_or_foreign_segment_is_noticed(damage: object) -> None:
    objects = MemoryObjects()
    log(objects, "one").append([settled(0)])
    assert callable(damage)
    objects.write(FIRST, damage(objects.read(FIRST)))

    with pytest.raises(LogBroken):
        log(objects, "two").catch_up()


def test_a_record_that_is_settled_twice_is_noticed() -> None:
    objects = MemoryObjects()
    log(objects, "one").append([settled(0)])
    twice = MemoryObjects()
    blind = log(twice, "blind")
    blind.segments = 1
    blind.append([settled(0)])
    second = FIRST.replace("000000.jsonl", "000001.jsonl")
    objects.write(second, twice.read(second))

    with pytest.raises(LogBroken, match="second time"):
        log(objects, "two").catch_up()


def test_every_field_of_an_outcome_survives_the_log() -> None:
    objects = MemoryObjects()
    outcome, line = settled(0)
    full = replace(
        outcome,
        error={"code": "truncated", "message": "cut", "param": None},
        model="m",
        route=0,
        stop_reason="max_tokens",
        attempts=2,
        ambiguous_attempts=1,
        cost_usd=None,
        latency_ms=7,
        request_digest="r",
        idempotency_key="k",
        output_digest="o",
    )
    log(objects, "one").append([(full, line)])

    _, (entry,) = read_segment(objects.read(FIRST), place=("j", 0, 0))

    assert msgspec.json.decode(entry.facts, type=Outcome) == full
    assert entry.counted == Counted(
        index=full.index, status=full.status, usage=full.usage, cost_usd=None
    )


CLAIM = ((0, 1),)


class Counting(MemoryObjects):
    """Counts what is read."""

    reads = 0

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        self.reads += 1
        return super().read(key, span=span)


def test_whoever_begins_an_empty_log_reads_nothing() -> None:
    objects = Counting()
    one = log(objects, "one")

    assert one.begin(CLAIM)

    assert (objects.reads, one.segments, one.claims) == (0, 1, {"one": CLAIM})
    again = log(objects, "two")
    again.catch_up()
    assert again.claims == {"one": CLAIM}


def test_whoever_comes_later_claims_nothing_and_knows_what_stands() -> None:
    objects = MemoryObjects()
    log(objects, "one").begin(CLAIM)
    log(objects, "one").append([settled(0)])
    late = log(objects, "late")

    assert not late.begin(((0, 9),))

    assert (late.segments, late.settled, late.claims) == (2, {0}, {"one": CLAIM})


def test_ones_own_claim_is_known_after_a_lost_reply() -> None:
    objects = LostReplies()
    one = log(objects, "one")

    assert one.begin(CLAIM)
    one.append([settled(0)])

    assert (one.segments, one.settled) == (2, {0})
    assert len(list(objects.keys(""))) == 2


def test_a_claim_that_was_overtaken_before_its_lost_reply_came_is_still_ones_own() -> None:
    class Overtaken(MemoryObjects):
        def create(self, key: str, content: bytes) -> None:
            super().create(key, content)
            if b'"writer":"one"' in content and key == FIRST:
                two = log(self, "two")
                two.catch_up()
                two.append([settled(0)], claim=CLAIM)
                super().create(key, content)

    one = log(Overtaken(), "one")

    assert not one.begin(CLAIM)

    assert (one.segments, one.settled, one.overtaken) == (2, {0}, True)
    assert one.unended == [CLAIM]


def finished(objects: MemoryObjects) -> None:
    """A worker settles all that there is and leaves."""
    one = log(objects, "one")
    one.begin(CLAIM)
    one.append([settled(0)], calls=1)
    one.append([settled(1)], calls=1, left=True)


def test_a_log_is_read_no_further_than_all_is_settled_and_all_have_left() -> None:
    objects = Counting()
    finished(objects)

    reader = log(objects, "reader")
    read_until = [*reader.read(until=range(2))]

    assert [entry.counted.index for entry in read_until] == [0, 1]
    assert objects.reads == 3
    assert reader.tally.calls == 2


def test_what_a_writer_called_that_has_not_left_is_counted_after_all_is_settled() -> None:
    objects = MemoryObjects()
    log(objects, "dead").begin(CLAIM)
    heir = log(objects, "heir")
    heir.catch_up()
    heir.append([settled(0), settled(1)], calls=2, claim=CLAIM)
    heir.append([], left=True)
    zombie = log(objects, "dead")
    zombie.append([settled(0, "late")], calls=1)

    reader = log(objects, "reader")
    assert [entry.counted.index for entry in reader.read(until=range(2))] == [0, 1]

    assert reader.tally.calls == 3


def test_a_log_that_lacks_an_outcome_is_read_to_its_end() -> None:
    objects = MemoryObjects()
    finished(objects)
    log(objects, "two").append([settled(2)], calls=1)

    reader = log(objects, "reader")
    assert len([*reader.read(until=range(3))]) == 3

    assert reader.tally.calls == 3


def test_the_claim_at_the_head_of_a_log_is_not_read_where_the_next_segment_tells_of_it() -> None:
    objects = Counting()
    finished(objects)

    reader = log(objects, "reader")
    entries = [*reader.read(until=range(2), begun=True)]

    assert [entry.counted.index for entry in entries] == [0, 1]
    assert (objects.reads, reader.segments, reader.tally.calls) == (2, 3, 2)


def test_who_began_and_has_not_left_is_read_on_for_without_its_claim_too() -> None:
    objects = MemoryObjects()
    one = log(objects, "one")
    one.begin(CLAIM)
    one.append([settled(0), settled(1)], calls=1)
    one.append([], calls=1, left=True)

    reader = log(objects, "reader")
    assert len([*reader.read(until=range(2), begun=True)]) == 2

    assert reader.tally.calls == 2


@pytest.mark.parametrize("begun", [True, False])
def test_a_log_is_read_the_same_whoever_went_on_with_it(begun: bool) -> None:
    objects = Counting()
    log(objects, "dead").begin(CLAIM)
    heir = log(objects, "heir")
    heir.catch_up()
    heir.append([settled(0), settled(1)], calls=2, claim=CLAIM, left=True)
    objects.reads = 0

    reader = log(objects, "reader")
    assert len([*reader.read(until=range(2), begun=begun)]) == 2

    assert reader.claims.keys() == {"dead"}
    assert objects.reads == 3, "the dead one may have written more"


def test_a_log_of_one_segment_is_read_though_another_was_expected() -> None:
    objects = MemoryObjects()
    log(objects, "close").append([settled(0), settled(1)])

    reader = log(objects, "reader")

    assert len([*reader.read(until=range(2), begun=True)]) == 2


def test_a_broken_second_segment_is_told_and_not_taken_for_a_claim() -> None:
    objects = MemoryObjects()
    finished(objects)
    objects.write("jobs/j/chunks/000000/000001.jsonl", b"torn")

    with pytest.raises(LogBroken, match="no readable header"):
        [*log(objects, "reader").read(until=range(2), begun=True)]
