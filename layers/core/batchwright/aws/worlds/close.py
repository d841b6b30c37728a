"""What closing needs, on AWS."""

from functools import cache

from batchwright.aws.clock import SystemClock
from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.lambdas import logger
from batchwright.aws.lanewiring import batch_inference, submissions
from batchwright.aws.metrics import measure_uncopied, measure_unsigned
from batchwright.aws.s3 import S3Objects
from batchwright.aws.signer import KmsSigner
from batchwright.aws.wiring import armed, client, jobs, ledger, objects, settings
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
        unsigned=_unsigned,
        submissions=submissions(),
        batch_inference=batch_inference,
    )


@cache
def signer() -> KmsSigner:
    """Return the ledger's key."""
    return KmsSigner(client("kms"), settings().ledger_key, settings().ledger_name)


def _unsigned(reason: str | None) -> None:
    measure_unsigned(0 if reason is None else 1)
    if reason is not None:
        logger.error("checkpoint not signed", reason=reason)
