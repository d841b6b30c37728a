"""What filters held, reviewed on the deployed stack by somebody who has a reviewer's rights and no others."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from batchwright.job import JobRow
from tests.fakes import MODEL
from tests.laptop import chat_line, jsonl
from tests.system.stack_under_test import StackUnderTest

CONTRACT = f"""
name: looked
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
filters: {{output: [{{regex: {{patterns: {{codename: "Zeus"}}, then: review}}}}]}}
"""


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Let what is started heed it, though a shell has everything that it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Somebody:
    """A user of the account with one policy, at the command."""

    stack: StackUnderTest
    keys: dict[str, str]

    def says(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "batchwright.cli", *arguments]
        environment = {**os.environ, **self.stack.cloud.environment, **self.keys}
        return subprocess.run(  # noqa: S603 - our own command
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    def told(self, *arguments: str) -> dict[str, Any]:
        said = self.says(*arguments, "--json")
        assert said.returncode == 0, said.stderr
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    @contextmanager
    def serving(self, job_id: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Serve the page; gives the command and the address."""
        command = [sys.executable, "-m", "batchwright.cli", "review", "serve", job_id]
        environment = {**os.environ, **self.stack.cloud.environment, **self.keys}
        with (
            heeding_ctrl_c(),
            subprocess.Popen(  # noqa: S603 - our own command
                command, env=environment, stdout=subprocess.PIPE, text=True
            ) as running,
        ):
            assert running.stdout is not None
            try:
                yield running, running.stdout.readline().strip()
            finally:
                running.kill()


@pytest.fixture(scope="module")
def reviewer(deployed: StackUnderTest) -> Somebody:
    iam = deployed.cloud.client("iam")
    iam.create_user(UserName="ada")
    iam.attach_user_policy(UserName="ada", PolicyArn=deployed.outputs["ReviewerPolicyArn"])
    made = iam.create_access_key(UserName="ada")["AccessKey"]
    keys = {
        "AWS_ACCESS_KEY_ID": str(made["AccessKeyId"]),
        "AWS_SECRET_ACCESS_KEY": str(made["SecretAccessKey"]),
    }
    return Somebody(deployed, keys)


def held(stack: StackUnderTest) -> JobRow:
    stack.put_contract("looked", CONTRACT)
    lines = [chat_line("calm", "calm"), chat_line("code", "Zeus is here"), chat_line("old", "Zeus")]
    return stack.run("inbox/looked/file.jsonl", jsonl(lines))


def test_a_held_record_is_released_and_the_job_verifies(
    stack: StackUnderTest, reviewer: Somebody
) -> None:
    row = held(stack)
    waiting = reviewer.told("review", "list", row.job_id)["held"]
    assert [each["record_id"] for each in waiting] == ["code", "old"]
    shown = reviewer.told("review", "show", row.job_id, "code")
    assert shown["answered"] == ["Zeus is here"]

    (released,) = reviewer.told("review", "release", row.job_id, "code", "--why", "it is out")[
        "decisions"
    ]
    (rejected,) = reviewer.told("review", "reject", row.job_id, "old", "--why", "too bare")[
        "decisions"
    ]

    assert released["identity"].endswith(":user/ada")
    assert rejected["decision"] == "reject"
    (line,) = stack.lines(f"results/{row.job_id}/released.jsonl")
    assert line["custom_id"] == "code"
    assert line["response"]["body"]["choices"][0]["message"]["content"] == "Zeus is here"
    assert [each["status"] for each in stack.results(row, "outcomes")] == [
        "succeeded",
        "review",
        "review",
    ]
    verified = reviewer.told("verify", row.job_id)["files"]
    assert verified["verified"]
    owner = Somebody(stack, {})
    assert owner.told("verify", row.job_id, "--ledger")["ledger"]["entries"] >= 3


def test_the_page_is_served_until_it_is_interrupted(
    stack: StackUnderTest, reviewer: Somebody
) -> None:
    job_id = held(stack).job_id
    with reviewer.serving(job_id) as (command, address):
        place = urlsplit(address)
        connection = HTTPConnection(place.netloc, timeout=60)
        connection.request("GET", "/queue", headers={"X-Batchwright-Key": place.fragment})
        told = json.loads(connection.getresponse().read())
        command.send_signal(signal.SIGINT)
        assert command.wait(60) == 0

    assert told["job_id"] == job_id
    assert told["identity"].endswith(":user/ada")


@pytest.mark.parametrize("key", ["results/{}/outcomes.jsonl", "quarantine/{}/x", "inbox/x.jsonl"])
def test_a_reviewer_writes_nothing_else(
    stack: StackUnderTest, reviewer: Somebody, key: str
) -> None:
    s3 = boto3.Session(
        aws_access_key_id=reviewer.keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=reviewer.keys["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    ).client("s3", endpoint_url=stack.cloud.url("ministack"))

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=stack.bucket, Key=key.format("0" * 32), Body=b"")
