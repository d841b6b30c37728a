"""Executions that sleep until their lane has answered: how a job's are woken, or its batches stopped."""

from collections.abc import Iterator
from contextlib import suppress

from batchwright.errors import Missing
from batchwright.job import Job, JobRow
from batchwright.lane import ASYNCHRONOUS, BEDROCK_BATCH
from batchwright.places import job_key, submissions_key
from batchwright.ports import BatchInference, Objects, Slots, Submissions, Tasks
from batchwright.submission import Submission, resource_of

ENDED = {"state": "ended"}


def sleeps(row: JobRow) -> bool:
    """Whether a job's run hands over, and sleeps until something comes of it."""
    return row.lane in ASYNCHRONOUS


def wake_all(
    row: JobRow, objects: Objects, submissions: Submissions, slots: Slots, tasks: Tasks
) -> None:
    """Have every submission of a job's run looked at now; one that nobody waits for is looked at in its turn.

    There may be ten thousand of them, and few are under way: those that hold a place.
    """
    first = next(_listed(row, objects), None)
    if first is None:
        return
    job = Job.model_validate_json(objects.read(job_key(row.job_id)))
    asked = job.terms.route_to(first.model).endpoint or first.model
    for name in sorted(slots.held(resource_of(first.lane, asked))):
        standing = submissions.get(name) if name.startswith(first.run) else None
        if standing is not None and standing.token is not None:
            tasks.succeed(standing.token, ENDED)


def stop_all(
    row: JobRow, objects: Objects, submissions: Submissions, batches: BatchInference
) -> None:
    """Stop every batch of a job's run that nobody waits for any more; an endpoint takes no call back."""
    if row.lane != BEDROCK_BATCH:
        return
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
