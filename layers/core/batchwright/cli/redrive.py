"""Redrive and cancel: looked at here, so that one is told at once, and done by whoever takes the message."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from batchwright.aws.clock import SystemClock
from batchwright.cli.watch import find_job
from batchwright.job import JobRow
from batchwright.message import Redriving
from batchwright.steps.commands import CANCELLED, check_cancel, check_redrive, reopened

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack


class Redrivable(StrEnum):
    """The endings that can be asked again."""

    FAILED = "failed"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    REVIEW = "review"


def redrive(job_id: str, only: Sequence[Redrivable], stack: "Stack") -> JobRow:
    """Wish for a job's next redrive; return the job as it will begin. Raises :class:`Refused` where that cannot be."""
    row = find_job(stack.jobs, job_id)
    number = row.redrives + 1
    now = SystemClock().now()
    check_redrive(row, number, stack.objects, stack.kept, now)
    endings = [ending.value for ending in Redrivable if ending in only]
    wish = Redriving.model_validate({"job": job_id, "number": number, "only": endings})
    stack.send({"redrive": wish.model_dump(mode="json")})
    return reopened(row, wish, now)


def cancel(job_id: str, stack: "Stack") -> JobRow:
    """Stop a job; raises :class:`Refused` where it has ended.

    Its workers see the stop in the table. The message only hurries the close: a long queue does not delay the stop.
    """
    row = find_job(stack.jobs, job_id)
    check_cancel(row, row.redrives)
    stack.jobs.stop(job_id, CANCELLED, redrive=row.redrives)
    stack.send({"cancel": {"job": job_id, "redrive": row.redrives}})
    return row
