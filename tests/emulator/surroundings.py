"""The environment variables of the laptop cloud: what its servers see, and what leads our programs to it."""

import os
from pathlib import Path

from tests.emulator.stack import ROOT

REGION = "us-east-1"
STACK = "batchwright"  # as in samconfig.toml
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",  # what ministack takes for the root user, also with AUTH=true
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


def of_a_client(*, ministack: str, host: str) -> dict[str, str]:
    """Return what leads a program of ours to the laptop cloud instead of AWS."""
    return {
        "AWS_ENDPOINT_URL": ministack,
        "AWS_ENDPOINT_URL_BEDROCK": host,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": host,
        "AWS_ENDPOINT_URL_COMPREHEND": host,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": host,
        "AWS_ENDPOINT_URL_SERVICE_QUOTAS": host,  # knows none, and says so at once; ministack does not answer
        **CREDENTIALS,
        "BATCHWRIGHT_STACK": STACK,
    }


def of_a_server(tmp: Path) -> dict[str, str]:
    """Return the little of our own environment that a server shall see: nothing of anybody's AWS account."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(tmp),
        "TMPDIR": str(tmp),
        "PYTHONPATH": str(ROOT),
    }


def of_host(tmp: Path, *, ministack: str) -> dict[str, str]:
    """Return the model host's settings: where the files of batch jobs and endpoints lie."""
    return {**of_a_server(tmp), "AWS_ENDPOINT_URL": ministack}


def of_ministack(tmp: Path, *, port: int, host: str, wait_scale: float) -> dict[str, str]:
    """Return ministack's settings and, because its Lambda workers inherit them, theirs."""
    return {
        **of_a_server(tmp),
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ENDPOINT_URL_BEDROCK": host,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": host,
        "AWS_ENDPOINT_URL_COMPREHEND": host,
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": host,
        "AWS_ENDPOINT_URL_SERVICE_QUOTAS": host,  # knows none, and says so at once; ministack does not answer
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",  # IAM is enforced
        "IOT_MTLS_ENABLED": "0",  # would listen on every interface
        "SFTP_ENABLED": "0",
        "SFN_WAIT_SCALE": str(wait_scale),
    }
