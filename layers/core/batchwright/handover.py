"""What handing over and collecting know of one submission: its chunks, what was staged, its place, its money."""

from collections.abc import Iterator
from typing import Any

import msgspec

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.errors import Missing
from batchwright.job import Job
from batchwright.limits import read_limits
from batchwright.places import checkpoint_key, plan_key
from batchwright.ports import Budgets, Clock, Jobs, Objects
from batchwright.slack import slack
from batchwright.staging import Staged
from batchwright.submission import Submission, SubmissionRow

# The name under which chunk logs are read here; nothing is written under it.
LANE = "lane"
# No new chunk is begun in the last part of the time; the workflow calls again.
LAST_PART = 0.3
MORE: dict[str, Any] = {"state": "more"}


def chunks_of(
    submission: Submission, objects: Objects, *, place: int = 0
) -> Iterator[tuple[Chunk, int]]:
    """Yield the chunks of a submission from a place in its part of the plan on, each with the place after it."""
    span = (submission.plan.start, submission.plan.end)
    listed = objects.read(plan_key(submission.job_id, submission.redrives), span=span)
    end = 0
    for line in listed.splitlines(keepends=True):
        end += len(line)
        if end > place:
            yield Chunk.model_validate_json(line), end


def staged_key(submission: Submission) -> str:
    """Where it is kept how far a submission is staged."""
    step = f"submit-{submission.submission:06d}"
    return checkpoint_key(submission.job_id, step, submission.redrives)


def staged_of(submission: Submission, objects: Objects) -> Staged | None:
    """Return how far a submission is staged, ``None`` where nobody has begun."""
    try:
        return msgspec.json.decode(objects.read(staged_key(submission)), type=Staged)
    except (Missing, msgspec.DecodeError):
        return None


def hurried(submission: Submission, job: Job, objects: Objects, clock: Clock) -> bool:
    """Whether the time is better spent on asking on demand, where the contract lets what is missing be asked so."""
    if job.terms.missing != "on_demand":
        return False
    rest = slack(read_limits(job.job_id, objects), job.terms)
    return clock.now() >= job.ends_at(submission.redrive) - rest


def give_a_sign(submission: Submission, objects: Objects, jobs: Jobs) -> None:
    """Report what stands of the first chunk: who looks for silent jobs sees that this one lives."""
    chunk, _ = next(chunks_of(submission, objects))
    log = ChunkLog(objects, chunk.job_id, chunk.chunk, writer=LANE, redrive=chunk.redrives)
    log.catch_up()
    jobs.report_chunk(chunk.job_id, chunk.chunk, log.segments, log.tally, redrive=chunk.redrives)


def book(
    submission: Submission,
    standing: SubmissionRow | None,
    spent: int,
    objects: Objects,
    budgets: Budgets,
) -> None:
    """Give back what is held for a submission and book what was spent of it, once.

    Where its row is not there, a run may have died after it had set money aside.
    """
    held = standing.reserved if standing else (staged_of(submission, objects) or Staged()).most
    if held:
        budgets.release(submission.job_id, held=held, spent=spent, name=submission.name)
