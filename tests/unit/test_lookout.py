"""When a worker looks whether its job was stopped: within some seconds, and no oftener than that."""

from dataclasses import dataclass, field

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.job import Job, Reason
from batchwright.lookout import BETWEEN_LOOKS, BETWEEN_REPORTS, Lookout
from batchwright.outcome import Tally
from tests.fakes import NOON, MemoryJobs, MemoryObjects, StoppedClock
from tests.laptop import Laptop, chat_file

CANCELLED = Reason(code="cancelled", message="by hand")


@dataclass
class Watched(MemoryJobs):
    """Counts looks and reports."""

    looks: int = 0
    told: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def stop_reason(self, job_id: str, *, redrive: int = 0) -> Reason | None:
        self.looks += 1
        return super().stop_reason(job_id, redrive=redrive)

    def report_chunk(
        self, job_id: str, chunk: int, segments: int, tally: Tally, *, redrive: int = 0
    ) -> None:
        self.told.append(segments)
        super().report_chunk(job_id, chunk, segments, tally, redrive=redrive)


@dataclass
class Worker:
    """A lookout and its clock."""

    now: float = 0.0
    jobs: Watched = field(default_factory=Watched)

    def __post_init__(self) -> None:
        laptop = Laptop()
        job_id, (chunk,) = laptop.planned(chat_file(3))
        job = Job.model_validate_json(laptop.objects.read(f"jobs/{job_id}/job.json"))
        self.job_id = job_id
        self.lookout = self._lookout(job, chunk)

    def _lookout(self, job: Job, chunk: Chunk) -> Lookout:
        log = ChunkLog(MemoryObjects(), job.job_id, 0, writer="one")
        clock = StoppedClock(NOON)
        return Lookout(self.jobs, job, chunk, log, clock=clock, seconds=lambda: self.now)

    def flushes(self, seconds: float, *, every: float, to_come: int) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += every
            self.lookout.look_again(to_come=to_come)


def test_a_worker_looks_every_five_seconds_however_often_it_writes() -> None:
    worker = Worker()

    worker.flushes(60.0, every=0.5, to_come=100)

    assert BETWEEN_LOOKS == 5.0
    assert worker.jobs.looks == 12


def test_a_stop_is_seen_within_five_seconds_of_writing() -> None:
    worker = Worker()
    worker.flushes(7.0, every=1.0, to_come=100)
    worker.jobs.stop(worker.job_id, CANCELLED)

    worker.flushes(BETWEEN_LOOKS, every=1.0, to_come=100)

    assert worker.lookout.reason == CANCELLED


def test_where_no_call_is_to_come_a_stop_is_seen_within_ten() -> None:
    worker = Worker()
    worker.flushes(BETWEEN_LOOKS + 1, every=1.0, to_come=0)
    assert worker.jobs.looks == 0
    worker.jobs.stop(worker.job_id, CANCELLED)

    worker.flushes(BETWEEN_LOOKS, every=1.0, to_come=0)

    assert worker.lookout.reason == CANCELLED


def test_a_worker_that_is_about_to_leave_reports_once() -> None:
    worker = Worker()

    worker.flushes(BETWEEN_REPORTS + 1, every=1.0, to_come=0)
    assert worker.jobs.told == []
    worker.flushes(BETWEEN_REPORTS, every=1.0, to_come=100)

    assert len(worker.jobs.told) == 1
