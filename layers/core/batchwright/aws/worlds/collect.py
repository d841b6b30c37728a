"""What collecting needs, on AWS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batchwright.aws.wiring import armed, batch_inference, slots, submissions
from batchwright.aws.worlds.invoke import world as worker_world
from batchwright.steps.collect import World


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Give the world around collecting, with that of its workers."""
    async with worker_world() as worker:
        yield armed(World)(
            worker=worker, batches=batch_inference(), submissions=submissions(), slots=slots()
        )
