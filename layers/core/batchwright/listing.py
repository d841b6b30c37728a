"""Reading a plan: the chunks of a job, line by line, from any place on."""

from collections.abc import Iterator
from typing import NamedTuple

from batchwright.chunk import Chunk
from batchwright.job import Job
from batchwright.lines import lines
from batchwright.places import job_key, plan_key
from batchwright.ports import Objects

LONGEST_PLAN_LINE = 4096
# Bytes of a plan: some thousand chunks.
SHORT = 1024 * 1024
# A guess: an outcome's facts, and a short answer.
EXPECTED_OUTCOME = 1_500


class Listed(NamedTuple):
    """A chunk, and where its line of the plan ends."""

    chunk: Chunk
    end: int


def listed_chunks(objects: Objects, job_id: str, *, place: int = 0) -> Iterator[Listed]:
    """Yield the chunks of a job's plan, those of all its rounds, from the line on that begins at ``place``."""
    for line in lines(_plan(job_id, objects)):
        if line.start >= place:
            yield Listed(Chunk.model_validate_json(line.content or b""), line.end)


def _plan(job_id: str, objects: Objects) -> Iterator[bytes]:
    """Yield the plan's bytes: a short one is read in one request, without asking first how long it is."""
    key = plan_key(job_id)
    head = objects.read(key, span=(0, SHORT))
    if len(head) < SHORT:
        yield head
    else:
        yield from objects.blocks(objects.pin(key))


def first_chunk(job_id: str, objects: Objects) -> Chunk:
    """Return the first chunk of a job's plan, without reading the others; raises :class:`Missing`."""
    return Chunk.model_validate_json(_first_line(job_id, objects))


def is_joined(job_id: str, objects: Objects) -> bool:
    """Return whether answers to several pieces of a document are joined; raises :class:`Missing`."""
    line = _first_line(job_id, objects)
    chunk = Chunk.model_validate_json(line)
    several = chunk.records > 1 or objects.pin(plan_key(job_id)).size > len(line) + 1
    if chunk.dialect != "document" or not several:
        return False
    return joins(Job.model_validate_json(objects.read(job_key(job_id))))


def joins(job: Job) -> bool:
    """Return whether a job's contract joins the answers to several pieces of a document."""
    document = job.terms.document
    return bool(document and document.join)


def _first_line(job_id: str, objects: Objects) -> bytes:
    line, _, _ = objects.read(plan_key(job_id), span=(0, LONGEST_PLAN_LINE)).partition(b"\n")
    return line


def expected_size(listed: Listed) -> int:
    """Guess how large the logs of a chunk are."""
    span = listed.chunk.span
    return span.end - span.start + listed.chunk.records * EXPECTED_OUTCOME
