"""Plan: check a job's input and cut it into chunks."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.wiring import settings
from batchwright.aws.worlds.plan import world
from batchwright.steps.plan import plan


@logger.inject_lambda_context(clear_state=True)
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan the job of ``event["job_id"]``."""
    logger.append_keys(job_id=event["job_id"])
    answer = plan(
        event["job_id"],
        world(),
        chunk_records=settings().chunk_records,
        max_concurrency=settings().max_concurrency,
        in_flight=settings().in_flight,
        batch_jobs=settings().batch_jobs,
        redrive=event.get("redrive", 0),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    logger.info("plan answered", answer=answer)
    return answer
