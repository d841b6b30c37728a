"""Forget: everything that a job holds of anybody goes; what proves that it was, and that it went, stays.

By hand, and when a contract's time for it is over. The deletion is an entry of the ledger.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched, chain

import orjson

from batchwright.errors import Missing
from batchwright.job import Job, timestamp
from batchwright.ledger import Entry
from batchwright.lines import lines
from batchwright.places import (
    ENDPOINT_FILES,
    JOBS,
    QUARANTINE,
    RESULTS,
    answer_key,
    batches_prefix,
    job_key,
    result_key,
)
from batchwright.ports import Clock, Erasable, Jobs, Ledger
from batchwright.retention import Due, What

# Counts, and hashes, all of them under a salt that goes: nobody can guess from them what they are of.
STAYS = ("receipt.json", "report.html", "seal.json")
TREE = "/tree/"
OUTCOMES = "outcomes.jsonl"
# As many as S3 deletes at once.
MOST_AT_ONCE = 1000

type Version = tuple[str, str | None]
"""A key, and a version of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What forgetting needs of the world."""

    objects: Erasable
    jobs: Jobs
    ledger: Ledger
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was deleted, and where the ledger says so."""

    job_id: str
    what: What
    deleted: int
    """How many versions."""
    entry: int


@dataclass(slots=True, kw_only=True)
class Forgot:
    """What became of what was due."""

    done: list[Forgotten] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)
    """Why jobs could not be forgotten, by job."""

    def check(self) -> None:
        """Raise what kept jobs from being forgotten, now that the others were."""
        if self.faults:
            raise ExceptionGroup("jobs were not forgotten", list(self.faults.values()))


def forget(
    job_id: str,
    redrives: int,
    world: World,
    *,
    what: What = "job",
    enough_time: Callable[[], bool] = lambda: True,
) -> Forgotten | None:
    """Delete what a job holds, in all versions; ``None`` where the time was over before all was.

    Can be repeated, after a crash for one: what is left is deleted, and the entry is made once.
    """
    deleted = 0
    for doomed in _doomed(job_id, redrives, world.objects, what):
        for some in batched(doomed, MOST_AT_ONCE, strict=False):
            if not enough_time():
                return None
            deleted += world.objects.erase(some)
    facts = {"redrives": redrives} | ({} if what == "job" else {"only": what})
    entry = Entry("forget", job_id, timestamp(world.clock.now()), facts)
    number = world.ledger.append(entry).number
    return Forgotten(job_id=job_id, what=what, deleted=deleted, entry=number)


def forget_due(world: World, enough_time: Callable[[], bool]) -> Forgot:
    """Forget what is due; what is left when the time is over, the next call goes on with.

    A job that ended once more since, or that runs again, has other dues. One that cannot be forgotten keeps no other
    from it; see :attr:`Forgot.faults`.
    """
    forgot = Forgot()
    for due in world.jobs.due(world.clock.now()):
        if not enough_time():
            break
        try:
            _forget_due(due, world, enough_time, forgot)
        except Exception as fault:  # noqa: BLE001 - whatever is odd about one job, the next one is forgotten
            forgot.faults[due.job_id] = fault
    return forgot


def _forget_due(due: Due, world: World, enough_time: Callable[[], bool], forgot: Forgot) -> None:
    row = world.jobs.get(due.job_id)
    of_a_run = due.what == "submissions"
    if of_a_run and row is not None and not row.status.final:
        return  # a redrive may be at it: what the run before it left goes when that has ended
    # A row lives as long as results may, and may be gone by now.
    if row is None or (row.status.final and (of_a_run or row.updated_at == due.ended_at)):
        done = forget(due.job_id, due.redrives, world, what=due.what, enough_time=enough_time)
        if done is None:
            return
        forgot.done.append(done)
    world.jobs.settle_due(due)


def _doomed(
    job_id: str, redrives: int, objects: Erasable, what: What
) -> Iterator[Iterator[Version]]:
    """Yield what goes, and what must be gone before the next: a file that alone tells of others outlives them."""
    if what == "quarantine":
        yield objects.every_version(f"{QUARANTINE}{job_id}/")
        return
    if what == "submissions":
        yield _submitted(job_id, redrives, objects)
        return
    yield chain(_cached(job_id, redrives, objects), _input(job_id, objects))
    prefixes = (JOBS, *ENDPOINT_FILES, QUARANTINE, RESULTS)
    yield _going(
        chain.from_iterable(objects.every_version(f"{each}{job_id}/") for each in prefixes)
    )


def _submitted(job_id: str, redrives: int, objects: Erasable) -> Iterator[Version]:
    for redrive in range(redrives + 1):
        yield from objects.every_version(batches_prefix(job_id, redrive))
    for prefix in ENDPOINT_FILES:
        yield from objects.every_version(f"{prefix}{job_id}/")


def _going(versions: Iterable[Version]) -> Iterator[Version]:
    for key, version in versions:
        if not (key.startswith(RESULTS) and (key.endswith(STAYS) or TREE in key)):
            yield key, version


def _input(job_id: str, objects: Erasable) -> Iterator[Version]:
    """Yield the version of the input that the job pinned; what else lies under its key is not the job's."""
    try:
        job = Job.model_validate_json(objects.read(job_key(job_id)))
    except Missing:
        return
    if job.input is not None and job.input.key:
        yield job.input.key, job.input.version_id


def _cached(job_id: str, redrives: int, objects: Erasable) -> Iterator[Version]:
    for redrive in range(redrives + 1):
        try:
            pin = objects.pin(result_key(job_id, OUTCOMES, redrive))
        except Missing:
            continue
        for line in lines(objects.blocks(pin)):
            request_digest = orjson.loads(line.content or b"{}").get("request_digest")
            if request_digest:
                yield from objects.every_version(answer_key(request_digest))
