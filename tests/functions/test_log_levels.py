"""At no log level do the libraries write what goes over the wire: requests and answers hold texts of records."""

import os
import subprocess
import sys

import pytest

from tests.canary import CANARY

# As Lambda's runtime begins: the root logger has a handler and the stack's LogLevel, then the handler is imported
# (github.com/aws/aws-lambda-python-runtime-interface-client, bootstrap.py, _setup_logging).
RUNTIME = f"""
import logging, sys
root = logging.getLogger()
root.addHandler(logging.StreamHandler(sys.stdout))
root.setLevel("%s")
%s
import boto3
from moto import mock_aws
with mock_aws():
    comprehend = boto3.client("comprehend", region_name="us-east-1")
    comprehend.detect_pii_entities(Text="{CANARY}", LanguageCode="en")
    logging.getLogger("botocore").warning("a warning is told")
"""
OURS = "from batchwright.aws.lambdas import logger; logger.setLevel('DEBUG')"


def said(level: str, ours: str) -> str:
    return subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", RUNTIME % (level, ours)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
    ).stdout


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_libraries_write_no_texts_whatever_the_level(level: str) -> None:
    told = said(level, OURS)
    assert CANARY not in told
    assert "a warning is told" in told


def test_they_would_if_they_were_let() -> None:
    assert CANARY in said("DEBUG", "")


def test_a_stack_that_wants_less_is_told_less() -> None:
    assert "a warning is told" not in said("ERROR", OURS)
