"""Sweep: take up the jobs whose workflow died, every five minutes."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.metrics import measure_sweep, metrics
from batchwright.aws.wiring import settings
from batchwright.aws.worlds.sweep import world
from batchwright.steps.sweep import sweep


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@quiet
def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Look at every job that has not ended; the event says no more than that it is time."""
    swept = sweep(world(), minutes=settings().sweep_minutes)
    measure_sweep(swept)
    for stall in swept.stalls:
        logger.warning("job stalled", **stall.to_json())
    for job_id, fault in swept.faults.items():
        logger.error("job not looked at", job_id=job_id, error=type(fault).__name__)
    swept.check()
    return swept.counts()
