"""Processes of one client that know nothing of each other, started together."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.bench import peers
from tests.bench.clients.errand import Errand, Report
from tests.emulator.stack import ROOT


@dataclass(frozen=True, kw_only=True)
class Client:
    """A program in ``tests/bench/clients`` that asks."""

    name: str
    program: str
    mode: str = ""
    ours: bool = False
    stranger: bool = False
    """Whether it runs in the peers' environment, since the project does not have its library."""
    shares: bool = False
    """Whether its workers share a table."""
    needs_limit: bool = False
    """Whether it can do nothing without knowing the limit."""


class ClientFailed(Exception):
    """A client ended before it was ready, or did not end well."""


def send(
    client: Client,
    errands: Sequence[Errand],
    environment: Mapping[str, str],
    *,
    begin: Callable[[], None],
    patience: float,
) -> list[Report | None]:
    """Start a worker for each errand, call ``begin`` when all are ready, let them go, and return their reports.

    ``environment`` leads to the model host, and to a table. A worker that does not end within ``patience`` seconds is
    ended, and reports nothing.
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(_worker(client, errand, environment)) for errand in errands]
        for worker in workers:
            _await_ready(worker, client)
        begin()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        ends = time.monotonic() + patience
        return [_report(worker, client, max(0.0, ends - time.monotonic())) for worker in workers]


@contextmanager
def _worker(
    client: Client, errand: Errand, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    python = peers.python() if client.stranger else sys.executable
    command = [python, "-m", f"tests.bench.clients.{client.program}", errand.told()]
    with subprocess.Popen(  # noqa: S603 - a program of ours
        command,
        cwd=ROOT,
        env={**_environment(client), **environment},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as worker:
        try:
            yield worker
        finally:
            worker.kill()


def _environment(client: Client) -> Mapping[str, str]:
    """Return what leads nowhere but here: no account, no proxy."""
    layers = "" if client.stranger else f"{ROOT / 'layers/core'}:"
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{layers}{ROOT}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would fetch one
    }


def _await_ready(worker: "subprocess.Popen[str]", client: Client) -> None:
    assert worker.stdout is not None
    while line := worker.stdout.readline():
        if line == "ready\n":
            return
    raise ClientFailed(f"{client.name} ended before it was ready")


def _report(worker: "subprocess.Popen[str]", client: Client, patience: float) -> Report | None:
    try:
        said, _ = worker.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        return None
    if worker.returncode != 0:
        raise ClientFailed(f"{client.name} ended with exit code {worker.returncode}")
    report: Report = json.loads(said.splitlines()[-1])
    return report
