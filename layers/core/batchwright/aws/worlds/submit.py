"""What handing over needs, on AWS."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from batchwright.aws.lanewiring import slots, submissions, tasks
from batchwright.aws.wiring import armed
from batchwright.aws.worlds.invoke import world as worker_world
from batchwright.aws.worlds.lanes import lane_of
from batchwright.steps.submit import World


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Give the world around handing over, with that of its workers."""
    async with worker_world() as worker:
        yield armed(World)(
            worker=worker,
            lane=lane_of,
            submissions=submissions(),
            slots=slots(),
            tasks=tasks(),
        )
