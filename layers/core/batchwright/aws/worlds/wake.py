"""What waking needs, on AWS."""

from batchwright.aws.lanewiring import submissions, tasks
from batchwright.aws.wiring import armed
from batchwright.steps.wake import World


def world() -> World:
    """Return the world around waking."""
    return armed(World)(submissions=submissions(), tasks=tasks())
