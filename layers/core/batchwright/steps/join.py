"""Join: after the pieces of a document are answered, make the records that join the answers: map, and then reduce.

What joins must be read by a model in one go, so many answers make several joins, and these are joined in the next
round, until one is left. The answers come from the chunk logs, which no longer change: a join that is made again comes
out the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import orjson

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.crew import crew
from batchwright.cutting import Cut, Cutter, Mark
from batchwright.errors import Missing
from batchwright.job import Job, timestamp
from batchwright.limits import read_limits
from batchwright.listing import listed_chunks
from batchwright.outcome import Ending
from batchwright.places import file_name, job_key, joined_key, plan_key, round_plan_key
from batchwright.ports import Clock, Jobs, Objects
from batchwright.request import tokens_in
from batchwright.uploads import whole

# What a model reads well in one go; two answers are joined however long they are, or there would be no end.
JOINED_TOKENS = 40_000
READER = "join"
DIALECT = "document_join"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What joining needs of the world."""

    objects: Objects
    jobs: Jobs
    clock: Clock


@dataclass(frozen=True, slots=True)
class Part:
    """The answer to one record of the round before, ``None`` where there is none to release."""

    text: str | None

    @property
    def tokens(self) -> int:
        """About how many tokens it has."""
        return tokens_in(len((self.text or "").encode()))


def join(
    job_id: str,
    number: int,
    world: World,
    *,
    chunk_records: int,
    max_concurrency: int,
    in_flight: int,
) -> dict[str, Any]:
    """Plan round ``number`` of a job, counted from 1; return the answer for the workflow, pointers only.

    ``state`` is ``done`` with the round's plan, or ``stopped`` where nobody should ask. ``join`` is the number of the
    round after, 0 where this one is the last. A round that was planned is never planned otherwise.
    """
    row = world.jobs.get(job_id)
    if row is None:
        raise Missing(f"job {job_id} has no row")
    if world.jobs.stop_reason(job_id) is not None:
        return {"state": "stopped"}
    job = Job.model_validate_json(world.objects.read(job_key(job_id)))
    chunks = [chunk for chunk, _ in listed_chunks(world.objects, job_id)]
    if not any(chunk.round == number for chunk in chunks):
        chunks = _planned(job, number, chunks, world.objects, chunk_records)
    row = replace(
        row,
        total=chunks[-1].first_index + chunks[-1].records,
        chunks=len(chunks),
        updated_at=timestamp(world.clock.now()),
    )
    if not world.jobs.change(row):
        return {"state": "stopped"}
    limits = read_limits(job_id, world.objects)
    joins = sum(chunk.records for chunk in chunks if chunk.round == number)
    return {
        "state": "done",
        "plan": {"bucket": world.objects.bucket, "key": round_plan_key(job_id, number)},
        "max_concurrency": crew(limits, job.terms, in_flight=in_flight, most=max_concurrency),
        "join": number + 1 if joins > 1 else 0,
    }


def _planned(
    job: Job, number: int, before: list[Chunk], objects: Objects, chunk_records: int
) -> list[Chunk]:
    """Plan a round; return the chunks of the job with it. The plan of the job names them last, when all is there."""
    sizes = _write_records(job, before, number, objects)
    chunks = _chunks(job.job_id, number, before, sizes, chunk_records)
    _list(round_plan_key(job.job_id, number), chunks, objects)
    _list(plan_key(job.job_id), [*before, *chunks], objects)
    return before + chunks


def _list(key: str, chunks: list[Chunk], objects: Objects) -> None:
    objects.write(key, b"".join(chunk.to_line() for chunk in chunks))


def _write_records(job: Job, before: list[Chunk], number: int, objects: Objects) -> list[int]:
    """Write the round's records, and return how long each line is."""
    sizes = []
    with whole(objects.begin(joined_key(job.job_id, number))) as upload:
        for record in _records(job, before, number, objects):
            upload.write(record)
            sizes.append(len(record))
    return sizes


def _records(job: Job, before: list[Chunk], number: int, objects: Objects) -> Iterator[bytes]:
    """Yield the lines that join what the round before answered, in its order; the very last has the document's name."""
    answered = (chunk for chunk in before if chunk.round == number - 1)
    groups = _groups(part for chunk in answered for part in _parts(job.job_id, chunk, objects))
    name = file_name(job.pinned().key)
    place, group = 1, next(groups)
    for following in chain(groups, [None]):
        last = place == 1 and following is None
        record = {
            "id": name if last else f"{name}#join-{number}-{place}",
            "name": name,
            "parts": [part.text for part in group if part.text is not None],
            "missing": sum(part.text is None for part in group),
        }
        yield orjson.dumps(record) + b"\n"
        if following is not None:
            place, group = place + 1, following


def _parts(job_id: str, chunk: Chunk, objects: Objects) -> list[Part]:
    log = ChunkLog(objects, job_id, chunk.chunk, writer=READER)
    parts = {
        entry.counted.index: orjson.loads(entry.result)["output"]
        for entry in log.read()
        if entry.counted.status is Ending.SUCCEEDED
    }
    return [Part(parts.get(index)) for index in chunk.indexes]


def _groups(parts: Iterator[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    size = 0
    for part in parts:
        if len(group) > 1 and size + part.tokens > JOINED_TOKENS:
            yield group
            group, size = [], 0
        group.append(part)
        size += part.tokens
    if group:
        yield group


def _chunks(
    job_id: str, number: int, before: list[Chunk], sizes: list[int], most_records: int
) -> list[Chunk]:
    last = before[-1]
    cut = Cut(chunks=len(before), records=last.first_index + last.records)
    alike = {"job_id": job_id, "dialect": DIALECT, "round": number}
    cutter = Cutter(cut, most_records, alike)
    chunks: list[Chunk] = []
    start = 0
    for line, size in enumerate(sizes, start=1):
        mark = Mark(start, start + size, line, tokens_in(size), 0)
        start = mark.end
        if ready := cutter.add(mark):
            chunks.append(ready)
    return chunks + cutter.finish(0)
