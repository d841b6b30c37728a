"""Close: prove that every record has one outcome, and publish the results."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.metrics import measure_close, metrics
from batchwright.aws.worlds.close import world
from batchwright.steps.close import close


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Close the job of ``event["job_id"]``, whatever became of it."""
    logger.append_keys(job_id=event["job_id"])
    answer, late = close(
        event["job_id"],
        event.get("failure"),
        world(),
        redrive=event.get("redrive", 0),
        time_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    measure_close(answer.get("status"), late)
    logger.info("close answered", answer=answer)
    return answer
