"""What the functions share: settings, clients, the bucket, the table and the ledger.

Everything is made on first use and kept: nothing happens at import. What one function has for itself stands with its
world, what lanes need in :mod:`batchwright.aws.lanewiring`, so that no cold start loads the others'.
"""

import os
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.credentials import Credentials

from batchwright.aws.jobs import DynamoDBJobs
from batchwright.aws.ledger import DynamoDBLedger
from batchwright.aws.s3 import S3Objects
from batchwright.aws.sessions import session
from batchwright.settings import Settings, read_settings

if TYPE_CHECKING:
    from batchwright.crashpoints import Watch

# Longer than any deadline may be.
LONGEST_JOB = timedelta(days=16)
# To one service: for a worker's threads, which fetch attachments, look into the cache and write segments.
CONNECTIONS = 64
# Calls to our own plumbing are safe to repeat; the model's call is never made here.
PLUMBING = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
)
# Tests say here where a process dies.
CRASH_AT = "BATCHWRIGHT_CRASH_AT"


@cache
def settings() -> Settings:
    """Return the function's settings."""
    return read_settings()


@cache
def client(service: str) -> Any:
    """Return the one client of a service."""
    return session().client(service, config=PLUMBING)


@cache
def credentials() -> Credentials:
    """Return what the hot calls are signed with; what expires is renewed where it is asked for."""
    found = session().get_credentials()
    if found is None:
        raise RuntimeError("there are no AWS credentials")
    return found


@cache
def objects() -> S3Objects:
    """Return the stack's bucket."""
    return S3Objects(client("s3"), settings().bucket)


@cache
def jobs() -> DynamoDBJobs:
    """Return the table of jobs."""
    return DynamoDBJobs(client("dynamodb"), settings().jobs_table, life=row_life())


@cache
def ledger() -> DynamoDBLedger:
    """Return the stack's ledger."""
    return DynamoDBLedger(client("dynamodb"), settings().ledger_table)


def row_life() -> timedelta:
    """Rows live as long as results, counted from their last change; no job may lose its own while it runs."""
    return max(timedelta(days=settings().result_retention_days), LONGEST_JOB)


def armed[**Ports, World](world: Callable[Ports, World]) -> Callable[Ports, World]:
    """Return the class of a step's world as it is.

    Only where a test has set ``BATCHWRIGHT_CRASH_AT``, the process dies at the effect that it names
    (:mod:`batchwright.crashpoints`).
    """
    return _armed(world) if CRASH_AT in os.environ else world


def _armed[**Ports, World](world: Callable[Ports, World]) -> Callable[Ports, World]:
    from batchwright.crashpoints import watched  # noqa: PLC0415 - no function loads it unless it is to die

    return lambda *args, **ports: watched(world(*args, **ports), _watch())


@cache
def _watch() -> "Watch":
    from batchwright.crashpoints import watch_of  # noqa: PLC0415 - as above

    return watch_of(os.environ[CRASH_AT])
