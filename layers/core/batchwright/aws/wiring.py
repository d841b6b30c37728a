"""Ports to adapters. Everything is made on first use and kept: nothing happens at import."""

import random
import time
import uuid
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from batchwright.aws.bedrock import BedrockEngine
from batchwright.aws.clock import SystemClock
from batchwright.aws.dynamodb import DynamoDBJobs
from batchwright.aws.eventbridge import EventBridgeEvents
from batchwright.aws.s3 import S3Objects
from batchwright.aws.stepfunctions import StepFunctionsWorkflows
from batchwright.ports import Engine
from batchwright.settings import Settings, read_settings
from batchwright.steps import admit, close, invoke, plan

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
    return DynamoDBJobs(client("dynamodb"), settings().jobs_table)


@cache
def admit_world() -> admit.World:
    """Return what admission needs."""
    return admit.World(
        objects=objects(),
        jobs=jobs(),
        workflows=StepFunctionsWorkflows(client("stepfunctions"), settings().state_machine_arn),
        events=EventBridgeEvents(client("events")),
        clock=SystemClock(),
        models=settings().models,
    )


@cache
def plan_world() -> plan.World:
    """Return what planning needs."""
    return plan.World(
        objects=objects(),
        jobs=jobs(),
        events=EventBridgeEvents(client("events")),
        clock=SystemClock(),
    )


@cache
def close_world() -> close.World:
    """Return what closing needs."""
    return close.World(
        objects=objects(),
        jobs=jobs(),
        events=EventBridgeEvents(client("events")),
        clock=SystemClock(),
    )


def invoke_world(engine: Engine) -> invoke.World:
    """Return what a worker needs, around an engine that is open."""
    return invoke.World(
        objects=objects(),
        jobs=jobs(),
        engine=engine,
        clock=SystemClock(),
        seconds=time.monotonic,
        chance=random.random,
        new_id=lambda: uuid.uuid4().hex,
    )


def bedrock(limit: int) -> BedrockEngine:
    """Return a new engine; it lives as long as one event loop."""
    session = boto3.Session()
    # The client is made for its endpoint only: botocore's rules know partitions, FIPS, and what the environment says.
    endpoint = client("bedrock-runtime").meta.endpoint_url
    credentials = session.get_credentials()
    if credentials is None:
        raise RuntimeError("there are no AWS credentials")
    return BedrockEngine(
        endpoint=endpoint,
        region=client("bedrock-runtime").meta.region_name,
        credentials=credentials,
        limit=limit,
    )
