"""Admit: messages of the Jobs queue become jobs."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import each_message, logger, quiet
from batchwright.aws.worlds.admit import world
from batchwright.steps.admit import admit


@quiet
def admit_message(body: str, message_id: str) -> None:
    """Admit one message."""
    for admitted in admit(body, message_id, world()):
        logger.info("message admitted", **admitted.to_json())


@logger.inject_lambda_context(clear_state=True)
@quiet
def handler(event: dict[str, Any], _context: LambdaContext) -> Any:
    """Answer the queue with the messages that must come back."""
    return each_message(event, admit_message)
