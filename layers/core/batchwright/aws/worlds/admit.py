"""What admission needs, on AWS."""

import secrets

from batchwright.aws.clock import SystemClock
from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.lambdas import logger
from batchwright.aws.lanewiring import slots, submissions, tasks
from batchwright.aws.stepfunctions import StepFunctionsWorkflows
from batchwright.aws.wiring import armed, client, jobs, ledger, objects, settings
from batchwright.retention import kept_by
from batchwright.steps.admit import World


def world() -> World:
    """Return the world around admission."""
    return armed(World)(
        objects=objects(),
        jobs=jobs(),
        workflows=StepFunctionsWorkflows(client("stepfunctions"), settings().state_machine_arn),
        events=EventBridgeEvents(client("events"), settings().bucket),
        ledger=ledger(),
        submissions=submissions(),
        slots=slots(),
        tasks=tasks(),
        clock=SystemClock(),
        models=settings().models,
        key=settings().bucket_key,
        new_salt=lambda: secrets.token_hex(32),
        kept=kept_by(settings()),
        unsaid=_unsaid,
    )


def _unsaid(job_id: str, told: str) -> None:
    logger.warning("job received, not told", job_id=job_id, told=told)
