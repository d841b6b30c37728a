"""What the functions share: settings, clients, the bucket and the table.

Everything is made on first use and kept: nothing happens at import.
"""

from datetime import timedelta
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from batchwright.aws.budgets import DynamoDBBudgets
from batchwright.aws.dynamodb import DynamoDBJobs
from batchwright.aws.s3 import S3Objects
from batchwright.settings import Settings, read_settings

# Calls to our own plumbing are safe to repeat; the model's call is never made here.
PLUMBING = Config(
    retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=5, read_timeout=60
)


@cache
def settings() -> Settings:
    """Return the function's settings."""
    return read_settings()


@cache
def client(service: str) -> Any:
    """Return the one client of a service."""
    return boto3.client(service, config=PLUMBING)


@cache
def objects() -> S3Objects:
    """Return the stack's bucket."""
    return S3Objects(client("s3"), settings().bucket)


@cache
def jobs() -> DynamoDBJobs:
    """Return the table of jobs."""
    return DynamoDBJobs(client("dynamodb"), settings().jobs_table, life=_life())


@cache
def budgets() -> DynamoDBBudgets:
    """Return the money of jobs, which is kept in the same table."""
    return DynamoDBBudgets(client("dynamodb"), settings().jobs_table, life=_life())


def _life() -> timedelta:
    return timedelta(days=settings().result_retention_days)
