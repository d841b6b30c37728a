"""What every handler shares: structured logs, and failures told without anybody's words (law 7)."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger

from batchwright.errors import BatchwrightError, Unforeseen

logger = Logger(service="batchwright", utc=True, log_uncaught_exceptions=False)
# Lambda's runtime gives the stack's LogLevel to the root logger, before it imports a handler, and with DEBUG botocore
# writes requests and answers whole. Libraries are heard from a warning on, as in the tests, which listen to them.
logging.getLogger().setLevel(max(logging.getLogger().level, logging.WARNING))


def quiet[**P, R](handler: Callable[P, R]) -> Callable[P, R]:
    """Let no exception leave a handler with words that may quote a record.

    Our own errors hold none. Of any other, and of groups, only the class and the places in the code are told: the
    runtime writes what is raised to the log, and Step Functions to its history.
    """

    @functools.wraps(handler)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except Exception as fault:  # noqa: BLE001 - every class must pass here, and each is raised again
            error = _named(fault)
            # Not logger.exception: it would write the exception's own words.
            logger.error("handler failed", error=type(error).__name__, told=str(error))  # noqa: TRY400
            raise error from None

    return told


def each_message(
    event: dict[str, Any], take: Callable[[str, str], None]
) -> dict[str, list[dict[str, str]]]:
    """Take a queue's messages, body and id, one by one; answer with those that must come back.

    ``take`` is quiet, and has told of its failure already.
    """
    failed = []
    for message in event["Records"]:
        try:
            take(message["body"], message["messageId"])
        except Exception:  # noqa: BLE001 - one bad message must not bring back the others
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _named(fault: BaseException) -> BatchwrightError:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault if isinstance(fault, BatchwrightError) else Unforeseen.told(fault)
