"""What forgetting needs, on AWS."""

from batchwright.aws.clock import SystemClock
from batchwright.aws.wiring import jobs, ledger, objects
from batchwright.steps.forget import World


def world() -> World:
    """Return the world around forgetting."""
    return World(objects=objects(), jobs=jobs(), ledger=ledger(), clock=SystemClock())
