"""What collecting needs, on AWS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batchwright.aws.lanewiring import slots, submissions
from batchwright.aws.wiring import armed
from batchwright.aws.worlds.invoke import world as worker_world
from batchwright.aws.worlds.lanes import lane_of
from batchwright.steps.collect import World


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Give the world around collecting, with that of its workers."""
    async with worker_world() as worker:
        yield armed(World)(worker=worker, lane=lane_of, submissions=submissions(), slots=slots())
