"""Whatever goes wrong is one line on stderr that says what to do, and a code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import SSOTokenLoadError
from typer import Abort

from batchwright.cli.faults import Code, told
from batchwright.errors import Missing, Unavailable
from tests.cli.cloud import REGION, Cloud, Said
from tests.cli.cloudformation import CloudFormation
from tests.cli.conftest import Command
from tests.loopback import QuietHandler, serving


def is_one_line(said: Said, *words: str) -> None:
    assert said.code == 2
    assert said.out == ""
    assert said.err.startswith("batchwright: ")
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("sbumit",), "No such command 'sbumit'"),
        (("submit",), "FILE"),
        (("submit", "not-there.jsonl"), "not-there.jsonl"),
        (("submit", "."), "directory"),
        (("submit", __file__, "--via", "fax"), "fax"),
        (("submit", __file__, "--fast"), "--fast"),
        (("status",), "JOB"),
        (("results", "4f1d"), "--output"),
        (("results", "4f1d", "-o", __file__), "file"),
        (("jobs", "--limit", "0"), "--limit"),
        (("contract", "put", "not-there.yaml"), "not-there.yaml"),
    ],
)
def test_a_wrong_call_is_code_2(
    batchwright: Command, arguments: tuple[str, ...], word: str
) -> None:
    is_one_line(batchwright(*arguments), word)


def test_without_a_region_it_says_how_to_name_one(
    nowhere: pytest.MonkeyPatch, batchwright: Command
) -> None:
    assert nowhere

    is_one_line(batchwright("jobs", "--json"), "AWS_REGION", ".local/env")


def test_the_region_may_be_named_as_the_aws_cli_and_lambda_know_it(
    cloud: Cloud, nowhere: pytest.MonkeyPatch, batchwright: Command
) -> None:
    assert cloud
    nowhere.setenv("AWS_REGION", REGION)
    nowhere.delenv("AWS_DEFAULT_REGION")

    assert batchwright("jobs").code == 0


def test_without_credentials_it_says_how_to_get_some(
    account: CloudFormation, nowhere: pytest.MonkeyPatch, batchwright: Command
) -> None:
    assert account
    nowhere.delenv("AWS_ACCESS_KEY_ID")
    nowhere.delenv("AWS_SECRET_ACCESS_KEY")

    is_one_line(batchwright("jobs", "--json"), "no AWS credentials", "aws sso login")


def test_a_profile_that_is_not_there_is_named(
    account: CloudFormation, nowhere: pytest.MonkeyPatch, batchwright: Command
) -> None:
    assert account
    nowhere.setenv("AWS_PROFILE", "nobody")

    is_one_line(batchwright("jobs"), "nobody", "AWS_PROFILE")


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("ExpiredToken", "have expired"),
        ("InvalidClientTokenId", "does not know these credentials"),
        ("AccessDenied", "does not let you call DescribeStacks"),
        ("SomethingNew", "AWS says SomethingNew to DescribeStacks"),
    ],
)
def test_what_aws_says_is_turned_into_advice(
    account: CloudFormation, batchwright: Command, fault: str, advice: str
) -> None:
    account.fault = fault

    is_one_line(batchwright("jobs", "--json"), advice)


class S3WithOldCredentials(QuietHandler):
    """S3 as it answers when a token has expired: to a HEAD without a body."""

    def answer(self) -> None:
        self.send_response(400)
        self.end_headers()
        if self.command == "GET":
            said = b"<Error><Code>ExpiredToken</Code><Message>It is old.</Message></Error>"
            self.wfile.write(said)

    do_GET = do_HEAD = answer  # noqa: N815 - http.server's names


@pytest.mark.parametrize(("command", "arguments"), [("verify", ()), ("trace", ("r0",))])
def test_files_are_not_missing_where_the_credentials_have_expired(
    cloud: Cloud,
    nowhere: pytest.MonkeyPatch,
    batchwright: Command,
    mails: Path,
    command: str,
    arguments: tuple[str, ...],
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()
    with serving(S3WithOldCredentials) as address:
        nowhere.setenv("AWS_ENDPOINT_URL_S3", address)
        said = batchwright(command, row.job_id, *arguments, "--json")

    is_one_line(said, "have expired")


def test_an_endpoint_that_nobody_serves_is_named(
    account: CloudFormation, nowhere: pytest.MonkeyPatch, batchwright: Command
) -> None:
    assert account
    nowhere.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:9")

    is_one_line(batchwright("jobs"), "http://127.0.0.1:9", "make up")


def test_a_stack_that_is_not_there_is_named(account: CloudFormation, batchwright: Command) -> None:
    assert account.stacks == {}

    is_one_line(batchwright("jobs"), "no stack 'batchwright'", "us-east-1", "BATCHWRIGHT_STACK")


def test_another_stack_is_found_by_its_name(
    cloud: Cloud, nowhere: pytest.MonkeyPatch, batchwright: Command
) -> None:
    cloud.cloudformation.stacks["mine"] = cloud.cloudformation.stacks.pop("batchwright")
    nowhere.setenv("BATCHWRIGHT_STACK", "mine")

    assert batchwright("jobs").code == 0


def test_a_stack_of_something_else_is_told_apart(
    account: CloudFormation, batchwright: Command
) -> None:
    account.stacks["batchwright"] = {"Website": "https://example.com"}

    is_one_line(batchwright("jobs"), "has no output BucketName")


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        (Missing("it is gone"), Code.REFUSED, "it is gone"),
        (Unavailable("AWS says SlowDown"), Code.USAGE, "AWS says SlowDown; check the network"),
        (SSOTokenLoadError(error_msg="x"), Code.USAGE, "sign-in has expired"),
        (OSError(28, "No space left on device", "out.jsonl"), Code.USAGE, "out.jsonl: No space"),
        (Abort(), Code.LEFT, "batchwright: left\n"),
        (ZeroDivisionError("by\nnought"), 1, "should not have happened: ZeroDivisionError at ?"),
    ],
)
def test_every_fault_is_a_line_and_a_code(
    capsys: pytest.CaptureFixture[str], fault: Exception, code: int, line: str
) -> None:
    assert told(fault) == code

    said = capsys.readouterr().err
    assert line in said
    assert said.count("\n") == 1


def test_the_command_runs_as_a_program_of_its_own(
    account: CloudFormation, nowhere: pytest.MonkeyPatch
) -> None:
    assert account
    assert nowhere

    ran = subprocess.run(
        [sys.executable, "-m", "batchwright.cli", "status", "4f1d"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )

    is_one_line(Said(ran.returncode, ran.stdout, ran.stderr), "no stack 'batchwright'")


@pytest.mark.parametrize(
    "arguments", ["--help", "estimate FILE", "contract schema"], ids=["help", "tables", "json"]
)
def test_who_reads_no_further_is_no_fault(mails: Path, arguments: str) -> None:
    reads, writes = os.pipe()
    os.close(reads)

    ran = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "batchwright.cli", *arguments.replace("FILE", str(mails)).split()],
        env=dict(os.environ),
        stdout=writes,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writes)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_its_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    # Imports find this one first: a typer that is not there.
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')\n")

    ran = subprocess.run(
        [sys.executable, "-c", "import sys; from batchwright.cli import main; sys.exit(main([]))"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert (
        ran.stderr
        == "batchwright: the command is an extra: pip install '.[cli]' in the repository\n"
    )
