"""What planning needs, on AWS."""

from functools import cache

from batchwright.aws.clock import SystemClock
from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.servicequotas import BRIEF, ServiceQuotas
from batchwright.aws.sessions import session
from batchwright.aws.wiring import armed, client, jobs, objects, settings
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


@cache
def account() -> ServiceQuotas:
    """Return what AWS grants the account."""
    return ServiceQuotas(lambda: session().client("service-quotas", config=BRIEF))
