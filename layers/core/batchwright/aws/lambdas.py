"""What every handler shares: structured logs, and failures told without anybody's words (law 7)."""

import functools
import traceback
from collections.abc import Callable
from pathlib import Path

from aws_lambda_powertools import Logger

from batchwright.errors import BatchwrightError, Unforeseen

logger = Logger(service="batchwright", utc=True, log_uncaught_exceptions=False)


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
            error = _first(fault)
            # Not logger.exception: it would write the exception's own words.
            logger.error("handler failed", error=type(error).__name__, at=_places(error))  # noqa: TRY400
            if isinstance(error, BatchwrightError):
                raise error from None
            raise Unforeseen(f"{type(error).__name__} at {_places(error)[-1]}") from None

    return told


def _first(fault: BaseException) -> BaseException:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault


def _places(fault: BaseException) -> list[str]:
    frames = traceback.extract_tb(fault.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames] or ["?"]
