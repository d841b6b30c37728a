"""Submissions of a run: its chunks, divided into what an asynchronous lane takes at once."""

from collections.abc import Iterator, Sequence
from itertools import islice

from batchwright.batches import Size, balanced, staged_size
from batchwright.chunk import ByteRange, Chunk
from batchwright.job import Job, Redrive
from batchwright.lane import BEDROCK_BATCH
from batchwright.lines import lines
from batchwright.places import plan_key, submissions_key
from batchwright.ports import Objects
from batchwright.submission import Submission
from batchwright.uploads import whole


def list_submissions(
    job: Job,
    objects: Objects,
    *,
    lane: str,
    model: str,
    family: str | None,
    redrive: Redrive | None,
) -> bool:
    """Write the submissions of a run that is planned; ``False``, and nothing is written, where no division will do.

    ``model`` is what most of the records ask, ``family`` whose words they are put into. Written again, it comes out
    the same.
    """
    number = redrive.number if redrive else 0
    spans: list[ByteRange] = []
    sizes: list[Size] = []
    for line in lines(objects.blocks(objects.pin(plan_key(job.job_id, number)))):
        chunk = Chunk.model_validate_json(line.content or b"")
        spans.append(ByteRange(start=line.start, end=line.end))
        sizes.append(staged_size(chunk, job.terms))
    counts = _divided(sizes, lane)
    if counts is None:
        return False
    with whole(objects.begin(submissions_key(job.job_id, number))) as upload:
        for place, (first, last, records) in enumerate(_runs(counts, spans, sizes)):
            submission = Submission(
                job_id=job.job_id,
                submission=place,
                lane=lane,
                model=model,
                family=family,
                chunks=counts[place],
                plan=ByteRange(start=first.start, end=last.end),
                records=records,
                redrive=redrive,
            )
            upload.write(submission.to_line())
    return True


def _divided(sizes: Sequence[Size], lane: str) -> list[int] | None:
    """Return how many chunks each submission takes: of an endpoint's queue one."""
    return balanced(sizes) if lane == BEDROCK_BATCH else [1] * len(sizes)


def _runs(
    counts: Sequence[int], spans: Sequence[ByteRange], sizes: Sequence[Size]
) -> Iterator[tuple[ByteRange, ByteRange, int]]:
    """Yield the first and the last line of each submission, and how many records it has."""
    places, records = iter(spans), iter(sizes)
    for count in counts:
        own = [*islice(places, count)]
        yield own[0], own[-1], sum(size.records for size in islice(records, count))
