"""Forget: everything that a job holds of anybody goes; what proves that it was, and that it went, stays.

By hand, and when a contract's time for it is over. The deletion is an entry of the ledger.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import batched, chain, islice

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

# Counts, and hashes: those of records under a salt that goes, those of whole files plain (docs/audit.md).
STAYS = ("receipt.json", "report.html", "seal.json")
TREE = "/tree/"
OUTCOMES = "outcomes.jsonl"
# As many as S3 deletes at once.
MOST_AT_ONCE = 1000
# Some two seconds' worth of listings, between two looks at the time.
LOOKED_UP_AT_ONCE = 100

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


@dataclass(frozen=True, slots=True)
class Unfinished:
    """That not all was deleted: the time was over before."""

    looked_up: int
    """Of how many outcomes the answers that were kept are deleted."""
    needed_by: str | None = None
    """The job that reads the same input and has not ended: nothing was deleted for its sake."""


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
    looked_up: int = 0,
    enough_time: Callable[[], bool] = lambda: True,
) -> Forgotten | Unfinished:
    """Delete what a job holds, in all versions, as far as the time goes.

    Can be repeated, after a crash for one: what is left is deleted, and the entry is made once. ``looked_up`` is of how
    many outcomes the answers were deleted by an earlier call.
    """
    deleted = 0
    if what == "job":
        if needed_by := _reader(job_id, world):
            return Unfinished(looked_up, needed_by)
        for answers in _cached(job_id, redrives, world.objects, looked_up):
            if not enough_time():
                return Unfinished(looked_up)
            deleted += _erased(answers, world.objects)
            looked_up += LOOKED_UP_AT_ONCE
    for doomed in _doomed(job_id, redrives, world.objects, what):
        for some in batched(doomed, MOST_AT_ONCE, strict=False):
            if not enough_time():
                return Unfinished(looked_up)
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
        done = forget(
            due.job_id,
            due.redrives,
            world,
            what=due.what,
            looked_up=due.looked_up,
            enough_time=enough_time,
        )
        if isinstance(done, Unfinished):
            # Behind all that is due by now: one that takes long keeps no other from being forgotten.
            later = world.clock.now() + timedelta(seconds=1)
            world.jobs.add_due(replace(due, at=later, looked_up=done.looked_up))
        else:
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
    yield _input(job_id, objects)
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
    job = _job(job_id, objects)
    if job is not None and job.input is not None and job.input.key:
        yield job.input.key, job.input.version_id


def _reader(job_id: str, world: World) -> str | None:
    """Return another job that reads the same version of the same object, and has not ended."""
    job = _job(job_id, world.objects)
    if job is None or job.input is None:
        return None
    for row in world.jobs.unended():
        if row.job_id != job_id and row.input and row.input.endswith(f"/{job.input.key}"):
            other = _job(row.job_id, world.objects)
            if other is not None and other.input == job.input:
                return row.job_id
    return None


def _job(job_id: str, objects: Erasable) -> Job | None:
    try:
        return Job.model_validate_json(objects.read(job_key(job_id)))
    except Missing:
        return None


def _cached(
    job_id: str, redrives: int, objects: Erasable, looked_up: int
) -> Iterator[Iterator[Version]]:
    """Yield the answers that are kept for later, of some outcomes at a time: each takes a listing of its own."""
    job = _job(job_id, objects)
    cache = (
        job and job.contract and job.contract.get("cache")
    )  # not all of the contract: with it come all the filters
    if not (cache and cache.get("exact")):
        return
    digests = chain.from_iterable(_digests(job_id, each, objects) for each in range(redrives + 1))
    for some in batched(islice(digests, looked_up, None), LOOKED_UP_AT_ONCE, strict=False):
        yield chain.from_iterable(objects.every_version(answer_key(each)) for each in some if each)


def _digests(job_id: str, redrive: int, objects: Erasable) -> Iterator[str | None]:
    try:
        pin = objects.pin(result_key(job_id, OUTCOMES, redrive))
    except Missing:
        return
    for line in lines(objects.blocks(pin)):
        yield orjson.loads(line.content or b"{}").get("request_digest")


def _erased(versions: Iterable[Version], objects: Erasable) -> int:
    return sum(map(objects.erase, batched(versions, MOST_AT_ONCE, strict=False)))
