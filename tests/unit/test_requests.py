"""What a job asks of the bucket: each request is charged, so none is made for what is known already."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from batchwright.job import Pin
from tests import timelapse
from tests.fakes import MemoryObjects
from tests.laptop import Laptop, chat_file


@dataclass
class Told(MemoryObjects):
    """A bucket that tells what it was asked."""

    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        self._note("pin", key)
        return super().pin(key, version_id)

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        self._note("read", key)
        return super().read(key, span=span)

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        self._note("read", pin.key)
        return super().read_pinned(pin, span=span)

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        for block in super().blocks(pin, start=start):
            self._note("read", pin.key)
            yield block

    def write(self, key: str, content: bytes) -> None:
        self._note("write", key)
        super().write(key, content)

    def take(self) -> list[str]:
        """Return what was asked since this was last asked."""
        taken, self.asked = self.asked, []
        return taken

    def _note(self, what: str, key: str) -> None:
        head, _, name = key.partition("/")
        name = name.partition("/")[2] if head in {"jobs", "results"} else name
        self.asked.append(f"{what} {name or key}")


def job(records: int = 3) -> tuple[Laptop, Told, str]:
    objects = Told()
    laptop = Laptop(objects=objects)
    job_id = laptop.drop(chat_file(records))
    objects.take()
    return laptop, objects, job_id


def test_the_version_that_an_event_tells_is_asked_for_once_where_it_is_the_newest() -> None:
    objects = Told()
    laptop = Laptop(objects=objects)

    laptop.drop(chat_file(3))

    assert [each for each in objects.take() if each.startswith("pin")] == ["pin file.jsonl"]


def test_an_older_version_is_asked_for_itself() -> None:
    objects = Told()
    laptop = Laptop(objects=objects)
    objects.write("inbox/file.jsonl", chat_file(3))
    event = laptop.event("inbox/file.jsonl")
    objects.write("inbox/file.jsonl", chat_file(4))
    objects.take()

    laptop.say(event)

    assert objects.take()[:2] == ["pin file.jsonl", "pin file.jsonl"]


def test_a_short_file_is_planned_with_one_look_at_it() -> None:
    laptop, objects, job_id = job()

    laptop.plan(job_id)

    assert objects.take() == [
        "read job.json",
        "read file.jsonl",  # tells whether it is packed, too
        "write plan.jsonl",
        "write planned.json",
        "write lane.json",
    ]


def test_a_planning_that_goes_on_looks_for_its_checkpoint() -> None:
    laptop, objects, job_id = job(20)
    left = iter([900.0])
    assert laptop.plan(job_id, lambda: next(left, 0.0)) == {"state": "more"}
    objects.take()

    assert laptop.plan(job_id)["state"] == "done"

    assert "read work/plan.json" in objects.take()


def test_the_first_worker_of_a_chunk_does_not_ask_whether_there_was_another() -> None:
    laptop, objects, job_id = job()
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    objects.take()

    timelapse.run(laptop.invoke(chunk))

    assert objects.take() == [
        "read planned.json",
        "read file.jsonl",
        "write chunks/000000/000000.jsonl",
        "write chunks/000000/000001.jsonl",
    ]


def test_the_second_worker_of_a_chunk_reads_what_the_first_wrote() -> None:
    laptop, objects, job_id = job()
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    timelapse.run(laptop.invoke(chunk))
    objects.take()

    assert timelapse.run(laptop.invoke(chunk)) == {"state": "done"}

    assert objects.take() == [
        "read planned.json",
        "read file.jsonl",
        "read chunks/000000/000000.jsonl",
        "read chunks/000000/000001.jsonl",
        "read chunks/000000/000002.jsonl",
    ]


def test_closing_reads_each_segment_once_and_neither_the_claim_nor_after_the_last() -> None:
    laptop, objects, job_id = job()
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    timelapse.run(laptop.invoke(chunk))
    objects.take()

    laptop.close(job_id)

    assert [each for each in objects.take() if each.startswith(("read", "pin"))] == [
        "read job.json",
        "read plan.jsonl",
        "read chunks/000000/000001.jsonl",
    ]


def test_a_closing_that_goes_on_looks_for_its_checkpoint() -> None:
    laptop, objects, job_id = job(25)
    laptop.plan(job_id)
    for chunk in laptop.chunks(job_id):
        timelapse.run(laptop.invoke(chunk))
    assert laptop.close(job_id, time_left=lambda: 0.0) == {"state": "more"}
    objects.take()

    assert laptop.close(job_id)["state"] == "done"

    assert "read work/close.json" in objects.take()
    assert laptop.row(job_id).counts()["succeeded"] == 25
