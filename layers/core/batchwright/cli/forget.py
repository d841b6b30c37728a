"""Forget a job by hand."""

from typing import TYPE_CHECKING, Any

from batchwright.aws.clock import SystemClock
from batchwright.cli.evidence import ended
from batchwright.cli.faults import Code, Halt
from batchwright.job import JobRow
from batchwright.steps.forget import Forgotten, World
from batchwright.steps.forget import forget as forget_job

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack


def forget(row: JobRow, stack: "Stack") -> dict[str, Any]:
    """Delete a job's input, working files, results, quarantine, cached answers and salt, in all their versions."""
    ended(row, stack)
    world = World(objects=stack.objects, jobs=stack.jobs, ledger=stack.ledger, clock=SystemClock())
    done = forget_job(row.job_id, row.redrives, world)
    if not isinstance(done, Forgotten):
        raise Halt(
            f"job {done.needed_by} reads the same input and has not ended: nothing was deleted; wait for it with:"
            f" batchwright watch {done.needed_by}",
            Code.REFUSED,
        )
    return {"job_id": row.job_id, "deleted": done.deleted, "entry": done.entry}
