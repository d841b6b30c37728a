"""Services that filters ask, by boto3 in threads of their own: a slow one must not hold up the worker's own writes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)

from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    FilterBroken,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Unavailable,
)
from batchwright.filters.queues import MOST_AT_ONCE
from batchwright.retryafter import seconds_of

CONNECT_SECONDS = 5
# What the services call their refusals; all others are told apart by their status.
KINDS: dict[str, type[BatchwrightError]] = {
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "KMSAccessDeniedException": AccessDenied,
    "ResourceNotFoundException": FilterBroken,
    "UnsupportedLanguageException": FilterBroken,
    "ThrottlingException": Throttled,
    "TooManyRequestsException": Throttled,
    "ServiceQuotaExceededException": Throttled,
    "ServiceUnavailableException": Unavailable,
    "ResourceNotReadyException": Unavailable,
}
THROTTLED, DOWN, FAULT = 429, 503, 500
DENIED = (401, 403)


def once(seconds: float) -> Config:
    """Return how a client waits so many seconds for an answer, and asks once: asking again is the queue's."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=seconds,
        max_pool_connections=MOST_AT_ONCE,
    )


class Service:
    """One client of boto3, made when it is first needed."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """``make`` returns the client."""
        self._make = make
        self._client: Any = None
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="filter")

    async def ask(self, what: str, call: Callable[[Any], Any], *, member: str) -> Any:
        """Call the client, and return its answer, which must have a member.

        ``what`` is said where the call fails, and must name no content. From a body that was cut, botocore makes an
        answer without members.
        """

        def told() -> Any:
            try:
                answer = call(self._made())
            except ClientError as fault:
                raise _refusal(fault, what) from None
            except BotoCoreError as fault:
                raise _failure(fault, what) from None
            if member not in answer:
                raise TimedOut(f"{what}: the answer is not whole")
            return answer

        return await asyncio.get_running_loop().run_in_executor(self._threads, told)

    def close(self) -> None:
        """Let the threads end; what one still waits for, nobody hears."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _made(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client


def _refusal(fault: ClientError, what: str) -> BatchwrightError:
    """Return our error for what a service says, without its words."""
    code = fault.response.get("Error", {}).get("Code", "Unknown")
    reply: Any = fault.response.get("ResponseMetadata", {})
    status = reply.get("HTTPStatusCode", 0)
    told = f"{what}: AWS says {code}"
    kind = KINDS.get(code)
    if kind is Throttled or status == THROTTLED:
        return Throttled(told, retry_after=_retry_after(reply.get("HTTPHeaders", {})))
    if kind is not None:
        return kind(told)
    if status in DENIED:
        return AccessDenied(told)
    if status == DOWN:
        return Unavailable(told)
    return ServiceFault(told) if status >= FAULT else RecordInvalid("invalid_request", told)


def _failure(fault: BotoCoreError, what: str) -> BatchwrightError:
    told = f"{what}: {type(fault).__name__}"
    if isinstance(fault, ConnectTimeoutError | EndpointConnectionError):
        return Unavailable(told)
    if isinstance(fault, ParamValidationError):
        return RecordInvalid("invalid_request", told)
    return TimedOut(told)


def _retry_after(headers: Any) -> float | None:
    return seconds_of(str(headers.get("retry-after", "")), str(headers.get("date", "")))
