"""The seal of a job, and the copies of the checkpoint that covers it."""

import pytest

from batchwright.errors import AccessDenied
from tests.fakes import MemoryObjects
from tests.laptop import Laptop, chat_file


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
