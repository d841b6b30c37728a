"""What closing needs, on AWS."""

from batchwright.aws.clock import SystemClock
from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.metrics import measure_uncopied
from batchwright.aws.s3 import S3Objects
from batchwright.aws.wiring import (
    armed,
    batch_inference,
    client,
    jobs,
    ledger,
    objects,
    settings,
    signer,
    submissions,
)
from batchwright.steps.close import World


def world() -> World:
    """Return the world around closing."""
    return armed(World)(
        objects=objects(),
        jobs=jobs(),
        events=EventBridgeEvents(client("events"), settings().bucket),
        clock=SystemClock(),
        ledger=ledger(),
        signer=signer(),
        copies=[S3Objects(client("s3"), bucket) for bucket in settings().checkpoint_buckets],
        uncopied=measure_uncopied,
        submissions=submissions(),
        batch_inference=batch_inference,
    )
