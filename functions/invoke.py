"""Invoke: ask for the records of one chunk."""

import asyncio
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.metrics import measure, metrics
from batchwright.aws.wiring import settings
from batchwright.aws.worlds.invoke import world
from batchwright.chunk import Chunk
from batchwright.steps.invoke import invoke
from batchwright.workplace import Report


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Work on the chunk that is the event."""
    chunk = Chunk.model_validate(event)
    logger.append_keys(job_id=chunk.job_id, chunk=chunk.chunk)
    answer, report = asyncio.run(_invoke(chunk, context, rested_of(event)))
    measure(report)
    logger.info("chunk worked on", answer=answer, **report.tally.to_json())
    return answer


def rested_of(event: dict[str, Any]) -> float:
    """Return for how many seconds the workflow waited: the last worker's answer is still in the input."""
    return float(event.get("answer", {}).get("seconds", 0))


async def _invoke(
    chunk: Chunk, context: LambdaContext, rested: float
) -> tuple[dict[str, Any], Report]:
    async with world() as around:
        return await invoke(
            chunk,
            around,
            time_left=lambda: context.get_remaining_time_in_millis() / 1000,
            in_flight=settings().in_flight,
            rested=rested,
        )
