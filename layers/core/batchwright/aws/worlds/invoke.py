"""What a worker needs, on AWS."""

import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from batchwright.aws.bedrock import BedrockEngine
from batchwright.aws.budgets import DynamoDBBudgets
from batchwright.aws.circuits import DynamoDBCircuits
from batchwright.aws.clock import SystemClock
from batchwright.aws.comprehend import AmazonComprehend
from batchwright.aws.endpoints import ONCE, SageMakerEndpoints
from batchwright.aws.filterfunctions import LambdaFunctions
from batchwright.aws.guardrails import BedrockGuardrails
from batchwright.aws.keys import EndpointKeys
from batchwright.aws.openai import OpenAIEngine
from batchwright.aws.schedules import QUICK, DynamoDBSchedules
from batchwright.aws.sessions import new_session, session
from batchwright.aws.threads import once
from batchwright.aws.wiring import (
    PLUMBING,
    armed,
    client,
    credentials,
    jobs,
    objects,
    row_life,
    settings,
)
from batchwright.endpointengine import EndpointEngine
from batchwright.engines import Engines
from batchwright.filters import Means
from batchwright.workplace import World

# A little longer than filters wait: their own clock ends a call, and its thread should not outlive it by much.
FILTER_SECONDS = 21.0


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Give the world around a worker; its connections live as long as one event loop."""
    async with _engines() as engine, _means() as means:
        yield armed(World)(
            objects=objects(),
            jobs=jobs(),
            budgets=budgets(),
            schedules=schedules(),
            circuits=circuits(),
            engine=engine,
            clock=SystemClock(),
            seconds=time.monotonic,
            time=time.time,
            chance=random.random,
            new_id=lambda: uuid.uuid4().hex,
            means=means,
        )


@cache
def budgets() -> DynamoDBBudgets:
    """Return the money of jobs, which is kept in the table of jobs."""
    return DynamoDBBudgets(client("dynamodb"), settings().jobs_table, life=row_life())


@cache
def schedules() -> DynamoDBSchedules:
    """Return the schedules of the models."""
    return DynamoDBSchedules(_quick(), settings().state_table)


@cache
def circuits() -> DynamoDBCircuits:
    """Return which models are down."""
    return DynamoDBCircuits(_quick(), settings().state_table)


@cache
def _quick() -> Any:
    return session().client("dynamodb", config=QUICK)


@cache
def endpoints() -> SageMakerEndpoints:
    """Return the account's asynchronous endpoints."""
    # With a session of its own: the client is made in a thread, where the common one is not safe.
    return SageMakerEndpoints(
        lambda: new_session().client("sagemaker-runtime", config=ONCE), settings().bucket
    )


@cache
def keys() -> EndpointKeys:
    """Return the keys of endpoints."""
    return EndpointKeys(lambda: new_session().client("secretsmanager", config=PLUMBING))


@asynccontextmanager
async def _engines() -> AsyncIterator[Engines]:
    """Give the engines by the names that routes have for them."""
    async with _bedrock() as bedrock, _openai() as openai:
        sagemaker = EndpointEngine(endpoints(), objects(), new_id=lambda: uuid.uuid4().hex)
        try:
            yield Engines({"bedrock": bedrock, "openai": openai, "sagemaker": sagemaker})
        finally:
            sagemaker.close()


@asynccontextmanager
async def _means() -> AsyncIterator[Means]:
    """Give what filters may use; a client is made when one is first needed."""
    guardrails = BedrockGuardrails(lambda: _client("bedrock-runtime", FILTER_SECONDS))
    comprehend = AmazonComprehend(lambda: _client("comprehend", FILTER_SECONDS))
    functions = LambdaFunctions(lambda seconds: _client("lambda", seconds))
    try:
        yield Means(guardrails=guardrails, comprehend=comprehend, functions=functions)
    finally:
        for service in (guardrails, comprehend, functions):
            service.close()


def _client(service: Any, seconds: float) -> Any:
    # With a session of its own: it is made in a thread, where the common one is not safe.
    return new_session().client(service, config=once(seconds))


def _openai() -> OpenAIEngine:
    return OpenAIEngine(keys(), allowed=settings().endpoints, limit=settings().in_flight)


def _bedrock() -> BedrockEngine:
    # The client is made for its endpoint only: botocore's rules know partitions, FIPS and the environment.
    meta = client("bedrock-runtime").meta
    return BedrockEngine(
        endpoint=meta.endpoint_url,
        region=meta.region_name,
        credentials=credentials(),
        limit=settings().in_flight,
    )
