"""From botocore's exceptions to our own error tree, without the service's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
)

from batchwright.errors import (
    AccessDenied,
    AlreadyExists,
    BatchwrightError,
    Missing,
    Unavailable,
    UploadGone,
)

KINDS: dict[str, type[BatchwrightError]] = {
    "NoSuchKey": Missing,
    "NoSuchVersion": Missing,
    "NoSuchBucket": Missing,
    "NotFound": Missing,
    "NotFoundException": Missing,
    "404": Missing,
    "400": Unavailable,  # HEAD says no more, and a read of the same was answered
    "KeyTooLongError": Missing,
    "405": Missing,  # a delete marker was named by its version
    "NoSuchUpload": UploadGone,
    "InvalidPart": UploadGone,  # another run that resumed the same pause has sent it anew
    "PreconditionFailed": AlreadyExists,
    "412": AlreadyExists,
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "403": AccessDenied,
    "Forbidden": AccessDenied,
    "KMS.AccessDeniedException": AccessDenied,
    "SlowDown": Unavailable,
    "ThrottlingException": Unavailable,
    "ProvisionedThroughputExceededException": Unavailable,
    "TransactionConflictException": Unavailable,
    "TransactionInProgressException": Unavailable,
    "RequestLimitExceeded": Unavailable,
    "ConditionalRequestConflict": Unavailable,
}
SERVER_FAULT = 500


def exceptions_of(client: Any) -> Any:
    """Return the classes of a client's exceptions, before its threads meet the first one.

    A client makes them when it is first asked, without a lock: two threads that ask at once may each get classes of
    their own, and what one raises the other's ``except`` does not know.
    """
    return client.exceptions


@contextmanager
def told(what: str) -> Iterator[None]:
    """Raise our own error for whatever AWS says to ``what``, which must name no content."""
    try:
        yield
    except ClientError as fault:
        raise _ours(fault, what) from None
    except BotoCoreError as fault:
        raise Unavailable(f"{what}: {type(fault).__name__}") from None


def member(answer: Any, name: str, what: str) -> Any:
    """Return a member that every answer has; of one that was cut on its way, boto3 makes an empty answer."""
    if name not in answer:
        raise Unavailable(f"the answer to a {what} has no {name}: it was cut")
    return answer[name]


def code_of(fault: ClientError) -> str:
    """Return what AWS calls it."""
    return fault.response.get("Error", {}).get("Code", "Unknown")


def _ours(fault: ClientError, what: str) -> Exception:
    code = code_of(fault)
    status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if kind := KINDS.get(code):
        return kind(f"{what}: AWS says {code}")
    if status >= SERVER_FAULT:
        return Unavailable(f"{what}: AWS says {code}")
    return fault
