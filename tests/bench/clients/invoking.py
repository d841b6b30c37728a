"""A worker as Lambda has it, invoked as the workflow does; nothing is loaded here that a function does not load."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

from batchwright.aws.worlds.invoke import world
from batchwright.chunk import Chunk
from batchwright.steps.invoke import invoke
from batchwright.workplace import World
from tests.bench.clients.errand import STATE_TABLE, Errand

LAMBDA_SECONDS = 900


def warm(errand: Errand) -> None:
    """Read the settings and make boto3's clients, as a Lambda has them after its first event."""
    os.environ |= {
        "BUCKET": "box",
        "JOBS_TABLE": "jobs",
        "STATE_TABLE": STATE_TABLE,
        "MODEL_ARNS": f"arn:aws:bedrock:*:*:inference-profile/{errand.model}",
        "IN_FLIGHT": str(errand.in_flight),
    }

    async def open_and_close() -> None:
        async with world():
            pass

    asyncio.run(open_and_close())


async def settle(chunk: Chunk, around: Callable[[World], World], *, in_flight: int) -> None:
    """Invoke the worker as the workflow does, and wait where it says so; ``around`` changes its world."""
    state, rested = "", 0.0
    while state not in {"done", "stopped"}:
        async with world() as real:
            answer = await _invoke(chunk, around(real), in_flight, rested)
        state, rested = answer["state"], answer.get("seconds", 0)
        await asyncio.sleep(rested)


async def _invoke(chunk: Chunk, around: World, in_flight: int, rested: float) -> dict[str, Any]:
    ends = time.monotonic() + LAMBDA_SECONDS
    answer, _ = await invoke(
        chunk,
        around,
        time_left=lambda: ends - time.monotonic(),
        in_flight=in_flight,
        rested=rested,
    )
    return answer
