"""Wake: notifications of the completions queue wake the executions that wait for them."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from batchwright.aws.lambdas import each_message, logger, quiet
from batchwright.aws.worlds.wake import world
from batchwright.steps.wake import wake


@quiet
def wake_task(body: str, _message_id: str) -> None:
    """Take one notification."""
    woken = wake(body, world())
    logger.info("notification taken", submission=woken.name, woke=woken.woke)


@logger.inject_lambda_context(clear_state=True)
@quiet
def handler(event: dict[str, Any], _context: LambdaContext) -> Any:
    """Answer the queue with the messages that must come back."""
    return each_message(event, wake_task)
