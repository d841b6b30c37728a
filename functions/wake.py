"""Wake: notifications of the completions queue wake the executions that wait for them."""

from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.worlds.wake import world
from batchwright.steps.wake import wake


@quiet
def wake_task(record: SQSRecord) -> None:  # Powertools gives the message this name
    """Take one notification."""
    woken = wake(record.body, world())
    logger.info("notification taken", submission=woken.name, woke=woken.woke)


@logger.inject_lambda_context(clear_state=True)
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answer the queue with the messages that must come back."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event, wake_task, processor, context)
