"""The seal of a job, the copies of the checkpoint that covers it, and when nothing is signed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import orjson
import pytest

from batchwright.errors import AccessDenied
from batchwright.job import Status
from batchwright.ledger import Appended, Entry
from batchwright.places import result_key
from batchwright.sealing import sealed
from tests.fakes import ListedLedger, MemoryObjects
from tests.laptop import Laptop, chat_file
from tests.signers import KeptSigner


class Shut(MemoryObjects):
    """A bucket that takes nothing."""

    def create(self, key: str, content: bytes) -> None:  # noqa: ARG002 - it takes nothing
        raise AccessDenied(f"create of {key}: AWS says AccessDenied")


def checkpoints(objects: MemoryObjects) -> list[str]:
    return [*objects.keys("ledger/checkpoints/")]


def test_every_checkpoint_is_copied_to_every_bucket() -> None:
    copies = [MemoryObjects(), MemoryObjects()]
    laptop = Laptop(copies=copies)
    laptop.run(chat_file(2))
    laptop.run(chat_file(3), "inbox/other.jsonl")
    name = "ledger/checkpoints/000000000002"
    for copy in copies:
        assert checkpoints(copy) == checkpoints(laptop.objects)
        assert copy.read(name) == laptop.objects.read(name)
    assert laptop.uncopied == [0, 0]


def test_a_bucket_that_takes_no_checkpoint_keeps_no_job_from_its_end_and_is_told() -> None:
    laptop = Laptop(copies=[Shut(), MemoryObjects()])
    row = laptop.run(chat_file(2))
    assert row.counts()["succeeded"] == 2
    assert laptop.uncopied == [1]
    assert len(checkpoints(laptop.copies[1])) == 1


def test_without_a_checkpoint_in_the_stack_s_own_bucket_no_job_ends() -> None:
    class NoCheckpoints(MemoryObjects):
        def create(self, key: str, content: bytes) -> None:
            if key.startswith("ledger/checkpoints/"):
                raise AccessDenied("no")
            super().create(key, content)

    laptop = Laptop(objects=NoCheckpoints())
    with pytest.raises(AccessDenied):
        laptop.run(chat_file(2))


# ---- The ledger must have grown from what was signed -----------------------------------------------------------------


def entry(number: int) -> Entry:
    return Entry("forget", f"job-{number}", "2026-11-29T12:00:00.000Z", {"number": number})


def sign(ledger: ListedLedger, number: int, objects: MemoryObjects) -> str | None:
    """Return why the end of a job is not signed."""
    return sealed(entry(number), ledger, KeptSigner(), [objects]).unsigned


def grown(*signed: int, to: int) -> tuple[ListedLedger, MemoryObjects]:
    """Return a ledger of so many entries, with checkpoints of these sizes."""
    ledger, objects = ListedLedger(), MemoryObjects()
    for number in range(to):
        if number + 1 in signed:
            assert sign(ledger, number, objects) is None
        else:
            ledger.append(entry(number))
    return ledger, objects


def rewritten(ledger: ListedLedger, number: int) -> ListedLedger:
    """Return the ledger as who may write to its table leaves it: one entry another, and all behind it made anew."""
    other = ListedLedger()
    for each in range(len(ledger.appended)):
        other.append(entry(1_000_000 if each == number else each))
    return other


@pytest.mark.parametrize("signed", [(), (1,), (1, 2, 3), (255,), (256,), (5, 299), (300,)])
def test_what_came_since_the_last_checkpoint_is_signed_with_the_next_end(
    signed: tuple[int, ...],
) -> None:
    ledger, objects = grown(*signed, to=300)
    assert sign(ledger, 300, objects) is None
    assert len(checkpoints(objects)) == len(signed) + 1


@pytest.mark.parametrize("number", range(9))
def test_no_ledger_is_signed_that_was_rewritten_before_its_last_checkpoint(number: int) -> None:
    ledger, objects = grown(4, 9, to=12)
    reason = sign(rewritten(ledger, number), 12, objects)
    assert reason == "entry 8, or one before it, is not what it was"
    assert len(checkpoints(objects)) == 2


def test_what_nobody_has_signed_yet_can_be_rewritten() -> None:
    ledger, objects = grown(4, 9, to=12)
    assert sign(rewritten(ledger, 10), 12, objects) is None, "docs/audit.md says so"


@pytest.mark.parametrize("number", range(8, 12))
def test_no_ledger_is_signed_in_which_an_entry_was_overwritten_since_its_last_checkpoint(
    number: int,
) -> None:
    ledger, objects = grown(4, 9, to=12)
    ledger.appended[number] = replace(ledger.appended[number], content=entry(99).content())
    told = 8 if number == 8 else 12
    reason = sign(ledger, 12, objects)
    assert reason == f"entry {told}, or one before it, is not what it was"


@pytest.mark.parametrize("proof", [(), (b"x" * 32,) * 9])
def test_no_ledger_is_signed_whose_last_signed_entry_has_another_proof(
    proof: tuple[bytes, ...],
) -> None:
    ledger, objects = grown(4, to=6)
    ledger.appended[3] = replace(ledger.appended[3], proof=proof)
    assert sign(ledger, 6, objects) == "entry 3 is missing, or not what it was"


def test_no_ledger_is_signed_that_lacks_an_entry() -> None:
    ledger, objects = grown(4, to=8)
    del ledger.appended[5]
    assert sign(ledger, 8, objects) == "entry 5 is missing, or not what it was"


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (3, "the checkpoint of 4 entries tells of another ledger"),
        (6, "entry 7 is missing, or not what it was"),
    ],
)
def test_no_ledger_is_signed_that_was_cut_off(left: int, told: str) -> None:
    _, objects = grown(4, 9, to=9)
    cut, _ = grown(to=left)
    assert sign(cut, 99, objects) == told


def test_a_checkpoint_of_a_job_that_ended_meanwhile_keeps_nobody_from_signing() -> None:
    ledger, objects = grown(4, to=7)
    assert sign(ledger, 7, objects) is None
    assert sign(ledger, 6, objects) is None, "its entry was first, and its checkpoint comes later"
    assert sign(ledger, 6, objects) is None, "and again, by another run of closing"
    assert len(checkpoints(objects)) == 3


@pytest.mark.parametrize("note", [b"", b"\xff", b"a\n3\neA==\n\n"])
def test_nothing_is_signed_behind_what_is_no_checkpoint(note: bytes) -> None:
    ledger, objects = grown(4, to=7)
    objects.write("ledger/checkpoints/000000000006", note)
    assert sign(ledger, 7, objects) == "the checkpoint of 6 entries is none"


def test_a_checkpoint_that_lies_where_another_belongs_is_not_taken_for_it() -> None:
    ledger, objects = grown(4, to=7)
    objects.write(
        "ledger/checkpoints/000000000006", objects.read("ledger/checkpoints/000000000004")
    )
    assert sign(ledger, 7, objects) == "the checkpoint of 6 entries tells of another ledger"


def test_what_else_lies_among_the_checkpoints_keeps_nobody_from_signing() -> None:
    ledger, objects = grown(4, to=7)
    objects.write("ledger/checkpoints/000000000006.txt", b"a note of somebody's")
    assert sign(ledger, 7, objects) is None


@dataclass
class Counting(ListedLedger):
    """Counts the entries that are read."""

    read: int = 0

    def entries(self, *, since: int = 0) -> Iterator[Appended]:
        for each in super().entries(since=since):
            self.read += 1
            yield each


def test_however_large_the_ledger_is_only_what_came_since_is_read() -> None:
    ledger, objects = Counting(), MemoryObjects()
    for number in range(3_000):
        ledger.append(entry(number))
        if number == 99:
            assert sign(ledger, number, objects) is None
    ledger.read = 0
    assert sign(ledger, 3_000, objects) is None
    assert ledger.read == 2_902, "the one that was signed, and those behind it"
    ledger.read = 0
    assert sign(ledger, 3_001, objects) is None
    assert ledger.read == 2


def test_a_job_ends_without_a_checkpoint_where_the_ledger_was_rewritten_and_tells_why() -> None:
    laptop = Laptop(ledger=ListedLedger())
    laptop.run(chat_file(2))
    laptop.ledger = rewritten(grown(to=1)[0], 0)
    row = laptop.run(chat_file(3), "inbox/other.jsonl")
    assert row.status is Status.COMPLETED
    seal = orjson.loads(laptop.objects.read(result_key(row.job_id, "seal.json", 0)))
    told = "entry 0, or one before it, is not what it was"
    assert (seal["checkpoint"], seal["unsigned"]) == (None, told)
    assert laptop.unsigned == [None, told]
    assert len(checkpoints(laptop.objects)) == 1
