"""A model host started for a test or a demo, and the few things one says to it."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import boto3
from botocore.config import Config

from tests.emulator.host.behaviour import Behaviour
from tests.emulator.host.http1 import listen

if TYPE_CHECKING:
    from tests.emulator.host.account import Account

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHost:
    """A host that listens."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL_BEDROCK_RUNTIME is to hold."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """Where it is somebody's own server of OpenAI's API."""
        return f"{self.url}/v1"

    def behave(self, **given: Any) -> dict[str, Any]:
        """Change what is given, and return how it behaves now."""
        told: dict[str, Any] = json.loads(self._send("PUT", "/_host/behaviour", given))
        return told

    def behaviour(self) -> dict[str, Any]:
        """Return how it behaves."""
        told: dict[str, Any] = json.loads(self._send("GET", "/_host/behaviour"))
        return told

    def calls(self) -> list[dict[str, Any]]:
        """Return the ledger of calls."""
        return [json.loads(line) for line in self._send("GET", "/_host/calls").splitlines()]

    def reset(self) -> None:
        """Forget the calls, and begin again as at the start."""
        self._send("POST", "/_host/reset")

    def post(self, operation: str, *, model: str, body: object) -> tuple[int, dict[str, Any]]:
        """Ask with a body that boto3 would not write; return the status and the answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            path, signed = f"/model/{quote(model, safe='')}/{operation}", {"Authorization": "any"}
            connection.request("POST", path, json.dumps(body), signed)
            answer = connection.getresponse()
            told: dict[str, Any] = json.loads(answer.read())
            return answer.status, told

    @contextmanager
    def client(self, service: str = "bedrock-runtime", **settings: Any) -> Iterator[Any]:
        """Open boto3's own client to the host; it asks once, whatever comes back."""
        client: Any = cast("Any", boto3).client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, **settings),
        )
        with closing(client):
            yield client

    def _send(self, method: str, path: str, body: object = None) -> bytes:
        asked = urllib.request.Request(  # noqa: S310 - loopback
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(asked) as answer:  # noqa: S310 - loopback
                written: bytes = answer.read()
                return written
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["message"]) from None


@contextmanager
def hosting(account: "Account") -> Iterator[RunningHost]:
    """Run an echoing host in a thread of this process until the block ends, so that moto is its AWS, too."""
    from tests.emulator.host.server import Host  # noqa: PLC0415 - who starts a process loads no engine

    ready: Future[int] = Future()
    ended = asyncio.Event()

    async def serve() -> None:
        host = Host(Behaviour(engine="echo"), account)
        server = await listen(host.answer, "127.0.0.1", 0)
        ready.set_result(server.sockets[0].getsockname()[1])
        await ended.wait()
        server.close()
        server.close_clients()
        await host.close()

    with ThreadPoolExecutor(1) as threads, asyncio.Runner() as runner:
        served = threads.submit(runner.run, serve())
        try:
            yield RunningHost(port=ready.result(timeout=60), pid=os.getpid())
        finally:
            runner.get_loop().call_soon_threadsafe(ended.set)
            served.result(timeout=60)


@contextmanager
def running(engine: str = "echo") -> Iterator[RunningHost]:
    """Run a host on a free port until the block ends; it must then end in order."""
    command = [sys.executable, "-m", "tests.emulator.host", "--port", "0", "--engine", engine]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as started:  # noqa: S603 - our own module
        try:
            if started.stdout is None or not (said := started.stdout.readline()):
                raise RuntimeError("the model host did not start")
            yield RunningHost(port=json.loads(said)["port"], pid=started.pid)
        finally:
            started.terminate()
            ended = started.wait(timeout=60)
        if ended != 0:
            raise RuntimeError(f"the model host ended with exit code {ended}")
