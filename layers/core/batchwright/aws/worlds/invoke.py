"""What a worker needs, on AWS."""

import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import boto3

from batchwright.aws.bedrock import BedrockEngine
from batchwright.aws.clock import SystemClock
from batchwright.aws.wiring import armed, budgets, client, jobs, objects, schedules, settings
from batchwright.steps.invoke import World


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Give the world around a worker; its connections live as long as one event loop."""
    async with _bedrock() as engine:
        yield armed(World)(
            objects=objects(),
            jobs=jobs(),
            budgets=budgets(),
            schedules=schedules(),
            engine=engine,
            clock=SystemClock(),
            seconds=time.monotonic,
            time=time.time,
            chance=random.random,
            new_id=lambda: uuid.uuid4().hex,
        )


def _bedrock() -> BedrockEngine:
    credentials = boto3.Session().get_credentials()
    if credentials is None:
        raise RuntimeError("there are no AWS credentials")
    # The client is made for its endpoint only: botocore's rules know partitions, FIPS and the environment.
    meta = client("bedrock-runtime").meta
    return BedrockEngine(
        endpoint=meta.endpoint_url,
        region=meta.region_name,
        credentials=credentials,
        limit=settings().in_flight,
    )
