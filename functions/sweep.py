"""Sweep: take up the jobs whose workflow died, and forget those whose time is over, every five minutes."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.metrics import measure_sweep, metrics
from batchwright.aws.wiring import settings
from batchwright.aws.worlds import forget as forgetting
from batchwright.aws.worlds.sweep import world
from batchwright.steps.forget import forget_due
from batchwright.steps.sweep import sweep

# No deletion begins in the last seconds of a run.
RESERVE_MS = 20_000


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@quiet
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Look at every job that has not ended, and at what is due; the event says no more than that it is time."""
    swept = sweep(world(), minutes=settings().sweep_minutes)
    measure_sweep(swept)
    for stall in swept.stalls:
        logger.warning("job stalled", **stall.to_json())
    for job_id, fault in swept.faults.items():
        logger.error("job not looked at", job_id=job_id, error=type(fault).__name__)
    forgot = forget_due(
        forgetting.world(), lambda: context.get_remaining_time_in_millis() > RESERVE_MS
    )
    for done in forgot.done:
        logger.info("job forgotten", job_id=done.job_id, what=done.what, deleted=done.deleted)
    for job_id, fault in forgot.faults.items():
        logger.error("job not forgotten", job_id=job_id, error=type(fault).__name__)
    swept.check()
    forgot.check()
    return {**swept.counts(), "forgotten": len(forgot.done)}
