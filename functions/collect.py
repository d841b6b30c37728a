"""Collect: settle a submission's records with what its lane has answered."""

import asyncio
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.metrics import measure, metrics
from batchwright.aws.wiring import settings
from batchwright.aws.worlds.collect import world
from batchwright.steps.collect import Seen, collect
from batchwright.submission import Submission
from batchwright.workplace import Report


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at the submission that is the event."""
    submission = Submission.model_validate(event)
    logger.append_keys(job_id=submission.job_id, submission=submission.submission)
    answer, reports, seen = asyncio.run(_collect(submission, context))
    for report in reports:
        measure(report)
    logger.info("submission looked at", answer=answer, **seen.to_json())
    return answer


async def _collect(
    submission: Submission, context: LambdaContext
) -> tuple[dict[str, Any], list[Report], Seen]:
    async with world() as around:
        return await collect(
            submission,
            around,
            time_left=lambda: context.get_remaining_time_in_millis() / 1000,
            in_flight=settings().in_flight,
        )
