"""What joining needs, on AWS."""

from batchwright.aws.clock import SystemClock
from batchwright.aws.wiring import armed, jobs, objects
from batchwright.steps.join import World


def world() -> World:
    """Return the world around joining."""
    return armed(World)(objects=objects(), jobs=jobs(), clock=SystemClock())
