"""Submit: hand a run of chunks over to an asynchronous lane."""

import asyncio
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.metrics import measure, metrics
from batchwright.aws.wiring import settings
from batchwright.aws.worlds.submit import world
from batchwright.steps.submit import submit
from batchwright.submission import Submission
from batchwright.workplace import Report


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Hand over the submission of the event, or give it up where the event tells a failure.

    Where it has a token, the answer goes to the task that this names.
    """
    submission = Submission.model_validate(event["submission"])
    logger.append_keys(job_id=submission.job_id, submission=submission.submission)
    answer, reports = asyncio.run(_submit(submission, event, context))
    for report in reports:
        measure(report)
    logger.info("submission handed over", answer=answer, chunks=len(reports))
    return answer


async def _submit(
    submission: Submission, event: dict[str, Any], context: LambdaContext
) -> tuple[dict[str, Any] | None, list[Report]]:
    async with world() as around:
        return await submit(
            submission,
            event.get("token"),
            around,
            time_left=lambda: context.get_remaining_time_in_millis() / 1000,
            in_flight=settings().in_flight,
            failure=event.get("failure"),
        )
