"""Join: plan the round that joins the answers of the one before."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.wiring import settings
from batchwright.aws.worlds.join import world
from batchwright.steps.join import join


@logger.inject_lambda_context(clear_state=True)
@quiet
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Plan round ``event["round"]`` of the job of ``event["job_id"]``."""
    logger.append_keys(job_id=event["job_id"])
    answer = join(
        event["job_id"],
        event["round"],
        world(),
        chunk_records=settings().chunk_records,
        max_concurrency=settings().max_concurrency,
        in_flight=settings().in_flight,
    )
    logger.info("join answered", answer=answer)
    return answer
