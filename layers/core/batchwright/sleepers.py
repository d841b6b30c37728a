"""Executions that sleep until their lane has answered: how all of a job's are woken, or their batches stopped."""

from collections.abc import Iterator
from contextlib import suppress

from batchwright.errors import Missing
from batchwright.job import JobRow
from batchwright.lane import BEDROCK_BATCH
from batchwright.places import submissions_key
from batchwright.ports import BatchInference, Objects, Submissions, Tasks
from batchwright.submission import Submission

ENDED = {"state": "ended"}


def sleeps(row: JobRow) -> bool:
    """Whether a job's run waits for batches: few executions, each for hours."""
    return row.lane == BEDROCK_BATCH


def wake_all(row: JobRow, objects: Objects, submissions: Submissions, tasks: Tasks) -> None:
    """Have every submission of a job's run looked at now; one that nobody waits for is looked at in its turn."""
    for submission in _listed(row, objects):
        standing = submissions.get(submission.name)
        if standing is not None and standing.token is not None:
            tasks.succeed(standing.token, ENDED)


def stop_all(
    row: JobRow, objects: Objects, submissions: Submissions, batches: BatchInference
) -> None:
    """Stop every batch of a job's run that nobody waits for any more."""
    for submission in _listed(row, objects):
        standing = submissions.get(submission.name)
        if standing is not None and standing.place is not None and not standing.ended:
            with suppress(Missing):
                batches.stop(standing.place)


def _listed(row: JobRow, objects: Objects) -> Iterator[Submission]:
    try:
        listed = objects.read(submissions_key(row.job_id, row.redrives))
    except Missing:
        return
    yield from map(Submission.model_validate_json, listed.splitlines())
