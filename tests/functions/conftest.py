"""The handlers as Lambda calls them, in this process: moto is AWS, the model host is Bedrock."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from moto import mock_aws

from tests import kms
from tests.emulator.host.running import running
from tests.house import cloudformation
from tests.signers import KeptSigner

ROOT = Path(__file__).parents[2]
BUCKET = "batchwright-example"
STATE_MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:job"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "BUCKET": BUCKET,
    "JOBS_TABLE": "jobs",
    "STATE_TABLE": "state",
    "STATE_MACHINE_ARN": STATE_MACHINE,
    "LEDGER_TABLE": "ledger",
    "LEDGER_KEY": kms.KEY_ID,
    "LEDGER_NAME": "batchwright/test",
}


class Context(LambdaContext):
    """What Lambda says of a call."""

    def __init__(self) -> None:
        self._function_name = "step"
        self._memory_limit_in_mb = 512
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:step"
        self._aws_request_id = "request"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 60_000


class LastMoment(Context):
    """The time is up."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 0


@pytest.fixture(scope="session")
def host() -> Iterator[str]:
    """A model host that echoes."""
    with running("echo") as started:
        yield started.url


@pytest.fixture
def cloud(host: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The stack's resources, empty; the model host beside them."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", host)
    parameters = cloudformation.read()["Parameters"]
    monkeypatch.setenv("MODEL_ARNS", parameters["ModelArns"]["Default"])
    forget()
    with kms.served(KeptSigner()) as keys:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", keys)
        reached = [f"{host}/.*", f"{keys}/.*"]
        with mock_aws(config={"core": {"passthrough": {"urls": reached}}}):
            _make_resources()
            yield
    forget()
    boto3.DEFAULT_SESSION = None


def _make_resources() -> None:
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    names = {"jobs": "JobsTable", "ledger": "LedgerTable", "state": "StateTable"}
    for name, resource in names.items():
        dynamodb.create_table(TableName=name, **cloudformation.table_of(resource))
    boto3.client("stepfunctions").create_state_machine(
        name="job",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/job",
    )


def forget() -> None:
    """Make the next call a cold start."""
    for name, module in [*sys.modules.items()]:
        if name.startswith("batchwright.aws."):
            for made in vars(module).values():
                if hasattr(made, "cache_clear"):
                    made.cache_clear()


def event(name: str) -> Any:
    """Read an event of `events/`, the ones that `sam local invoke` takes."""
    return json.loads((ROOT / "events" / f"{name}.json").read_text())
