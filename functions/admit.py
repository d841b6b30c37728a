"""Admit: messages of the Jobs queue become jobs."""

from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import logger, quiet
from batchwright.aws.worlds.admit import world
from batchwright.steps.admit import admit


@quiet
def admit_message(record: SQSRecord) -> None:  # Powertools gives the message this name
    """Admit one message."""
    for admitted in admit(record.body, record.message_id, world()):
        logger.info("message admitted", **admitted.to_json())


@logger.inject_lambda_context(clear_state=True)
@quiet
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answer the queue with the messages that must come back."""
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event, admit_message, processor, context)
