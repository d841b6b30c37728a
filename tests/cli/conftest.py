"""The command is run in this very interpreter, against moto and a CloudFormation on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from batchwright.cli import main
from tests.cli.cloud import REGION, Cloud, Said, build
from tests.cli.cloudformation import CloudFormation, served
from tests.laptop import chat_file

type Command = Callable[..., Said]


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment that knows nothing of AWS."""
    for name in (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SQS",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "BATCHWRIGHT_STACK",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return monkeypatch


@pytest.fixture
def account(nowhere: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    """Credentials, a Region, and a CloudFormation without stacks."""
    cloudformation = CloudFormation()
    nowhere.setenv("AWS_DEFAULT_REGION", REGION)
    nowhere.setenv("AWS_ACCESS_KEY_ID", "testing")
    nowhere.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with served(cloudformation) as address:
        nowhere.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", address)
        yield cloudformation


@pytest.fixture
def cloud(account: CloudFormation) -> Iterator[Cloud]:
    """The stack, deployed."""
    with mock_aws():
        yield build(account)


@pytest.fixture
def batchwright(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command: arguments in; code, stdout and stderr out."""

    def call(*arguments: object) -> Said:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    """A file of five records."""
    file = tmp_path / "mails.jsonl"
    file.write_bytes(chat_file(5))
    return file
