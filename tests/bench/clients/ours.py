"""One worker of Batchwright on one chunk: the bucket and the table of jobs in memory, the rest as in Lambda."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from batchwright.aws.worlds.invoke import world
from batchwright.chunk import Chunk
from batchwright.outcome import Ending
from batchwright.steps.invoke import World, invoke
from tests.bench.clients.errand import Errand, carry_out
from tests.fakes import StoppedClock
from tests.laptop import Laptop, converse_line, jsonl

LAMBDA_SECONDS = 900


def prepare(errand: Errand) -> Callable[[], dict[str, int]]:
    os.environ |= {
        "BUCKET": "box",
        "JOBS_TABLE": "jobs",
        "MODEL_ARNS": f"arn:aws:bedrock:*:*:inference-profile/{errand.model}",
        "IN_FLIGHT": str(errand.in_flight),
    }
    laptop = Laptop(
        models=(errand.model,),
        chunk_records=errand.count,
        clock=StoppedClock(datetime.now(UTC)),  # the worker's is real: the job must be of today
    )
    limit = {"maxTokens": errand.max_tokens}
    lines = [
        converse_line(str(number), text, inferenceConfig=limit)
        for number, text in enumerate(errand.texts())
    ]
    job_id = laptop.drop(jsonl(lines))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    asyncio.run(_warm())

    def ask_all() -> dict[str, int]:
        asyncio.run(settle(chunk, laptop, in_flight=errand.in_flight))
        return {"answered": laptop.jobs.progress(job_id).counts[Ending.SUCCEEDED]}

    return ask_all


async def _warm() -> None:
    """Make the clients of boto3, as a Lambda has them after its first event."""
    async with world():
        pass


async def settle(chunk: Chunk, laptop: Laptop, *, in_flight: int) -> None:
    """Invoke the worker as the workflow does, and wait where it says so."""
    state = ""
    while state not in {"done", "stopped"}:
        async with world() as real:
            around = replace(real, objects=laptop.objects, jobs=laptop.jobs, budgets=laptop.budgets)
            answer = await _invoke(chunk, around, in_flight)
        state = answer["state"]
        await asyncio.sleep(answer.get("seconds", 0))


async def _invoke(chunk: Chunk, around: World, in_flight: int) -> dict[str, Any]:
    ends = time.monotonic() + LAMBDA_SECONDS
    answer, _ = await invoke(
        chunk, around, time_left=lambda: ends - time.monotonic(), in_flight=in_flight
    )
    return answer


if __name__ == "__main__":
    carry_out(prepare)
