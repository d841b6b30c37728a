"""AWS in this process, for the suites that hold the fakes and the adapters to the same rules."""

import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.emulator.host.running import RunningHost, running

REGION = "us-east-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let boto3 talk to moto, and to nobody else."""
    for name in (
        "AWS_ENDPOINT_URL",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL_BEDROCK",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        "AWS_ENDPOINT_URL_COMPREHEND",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws():
        yield
    boto3.DEFAULT_SESSION = None


@pytest.fixture
def restless() -> Iterator[None]:
    """Let threads take turns every microsecond: what may happen between two lines does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="session")
def started() -> Iterator[RunningHost]:
    """A model host that echoes, for all tests."""
    with running("echo") as host:
        yield host


@pytest.fixture
def host(started: RunningHost) -> RunningHost:
    """The host as it was when it was started."""
    started.reset()
    return started


@pytest.fixture
def bedrock(host: RunningHost) -> Iterator[Any]:
    """boto3's own client of that host."""
    with host.client() as client:
        yield client
