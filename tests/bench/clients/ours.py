"""One worker of Batchwright on one chunk: bucket and table of jobs in memory, the calls real."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace

from botocore.credentials import Credentials

from batchwright.aws.bedrock import BedrockEngine
from batchwright.chunk import Chunk
from batchwright.outcome import Ending
from batchwright.steps.invoke import invoke
from tests.bench.clients.errand import KEY, REGION, Errand, carry_out
from tests.laptop import Laptop, converse_line, jsonl

LAMBDA_SECONDS = 900


def prepare(errand: Errand) -> Callable[[], dict[str, int]]:
    laptop = Laptop(models=(errand.model,), chunk_records=errand.count, chance=random.random)
    limit = {"maxTokens": errand.max_tokens}
    lines = [
        converse_line(str(number), text, inferenceConfig=limit)
        for number, text in enumerate(errand.texts())
    ]
    job_id = laptop.drop(jsonl(lines))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)

    def ask_all() -> dict[str, int]:
        asyncio.run(settle(chunk, laptop, errand))
        return {"answered": laptop.jobs.progress(job_id).counts[Ending.SUCCEEDED]}

    return ask_all


async def settle(chunk: Chunk, laptop: Laptop, errand: Errand) -> None:
    """Invoke the worker as the workflow does, and wait where it says so."""
    async with BedrockEngine(
        endpoint=errand.endpoint,
        region=REGION,
        credentials=Credentials(KEY, KEY),
        limit=errand.in_flight,
    ) as engine:
        world = replace(laptop.worker_world(), engine=engine)
        while True:
            ends = time.monotonic() + LAMBDA_SECONDS
            answer, _ = await invoke(
                chunk,
                world,
                time_left=lambda ends=ends: ends - time.monotonic(),  # type: ignore[misc] - bound now
                in_flight=errand.in_flight,
            )
            if answer["state"] in {"done", "stopped"}:
                return
            await asyncio.sleep(answer.get("seconds", 0))


if __name__ == "__main__":
    carry_out(prepare)
