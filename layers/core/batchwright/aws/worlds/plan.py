"""What planning needs, on AWS."""

from batchwright.aws.clock import SystemClock
from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.wiring import account, armed, client, jobs, objects, settings
from batchwright.steps.plan import World


def world() -> World:
    """Return the world around planning."""
    return armed(World)(
        objects=objects(),
        jobs=jobs(),
        events=EventBridgeEvents(client("events"), settings().bucket),
        clock=SystemClock(),
        account=account(),
    )
