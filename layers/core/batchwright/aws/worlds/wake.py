"""What waking needs, on AWS."""

from batchwright.aws.wiring import armed, submissions, tasks
from batchwright.steps.wake import World


def world() -> World:
    """Return the world around waking."""
    return armed(World)(submissions=submissions(), tasks=tasks())
