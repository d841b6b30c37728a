"""A proxy before an AWS endpoint that answers otherwise than the service did: on this machine, by script.

A request is known by the service of its signature, its method, its path and its operation. It keeps its Host header, so
that its signature holds behind the proxy.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

from tests.loopback import QuietHandler, serving

SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")
# These speak of one connection, and not of the message.
HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "content-length"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it arrived."""

    service: str
    method: str
    path: str
    operation: str
    """DynamoDB's name of it; S3 has none."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """Which requests it hits, how many of them, and what becomes of each."""

    service: str = ""
    method: str = ""
    path: str = ""
    """A regular expression that is found anywhere in the path."""
    operation: str = ""
    times: int | None = 1
    """``None`` is as often as they come."""
    forward: bool = True
    """Whether the service sees the request at all."""
    status: int | None = None
    """What is answered in place of the service's own answer, with ``code``."""
    code: str = ""
    cut_at: int | None = None
    """After so many bytes of the body the connection breaks; at -1 it breaks before the status line."""
    delay: float = 0.0
    """Seconds until anything of the answer is sent."""

    def fits(self, asked: Asked) -> bool:
        return (
            self.service in ("", asked.service)
            and self.method in ("", asked.method)
            and self.operation in ("", asked.operation)
            and re.search(self.path, asked.path) is not None
        )


@dataclass(slots=True)
class Answer:
    """What goes back to who asked."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class FaultProxy:
    """Stands before one endpoint; knows what passed, and which faults are still to come."""

    upstream: str
    """The endpoint behind it."""
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    passed: list[Asked] = field(default_factory=list)
    """Every request, hit or not."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self.faults.extend(faults)

    def asked(self, *, service: str = "", method: str = "", path: str = "", op: str = "") -> int:
        """Return how many such requests came."""
        looked_for = Fault(service=service, method=method, path=path, operation=op)
        with self._lock:
            return sum(looked_for.fits(each) for each in self.passed)

    def next_for(self, asked: Asked) -> Fault | None:
        """Note a request, and use up what is to befall it."""
        with self._lock:
            self.passed.append(asked)
            standing = (each for each in self.faults if each.times != 0 and each.fits(asked))
            fault = next(standing, None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
            return fault


@contextmanager
def proxied(upstream: str) -> Iterator[FaultProxy]:
    """Stand before an endpoint until the block ends."""
    proxy = FaultProxy(upstream)

    class Handler(_Handler):
        faults = proxy

    with serving(Handler) as proxy.url:
        yield proxy


class _Handler(QuietHandler):
    faults: FaultProxy
    protocol_version = "HTTP/1.1"
    timeout = 30

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self._asked()
        fault = self.faults.next_for(asked) or Fault()
        said = self._forwarded(body) if fault.forward else None
        if fault.status is not None or said is None:
            said = _refusal(asked, fault)
        time.sleep(fault.delay)  # a slow service is what is played here
        self._send(said, fault.cut_at)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 - http.server's names

    def _asked(self) -> Asked:
        scope = SCOPE.search(self.headers.get("Authorization", ""))
        return Asked(
            service=scope[1] if scope else "",
            method=self.command,
            path=self.path,
            operation=self.headers.get("X-Amz-Target", "").rpartition(".")[2],
        )

    def _forwarded(self, body: bytes) -> Answer:
        behind = urlsplit(self.faults.upstream)
        with closing(HTTPConnection(behind.hostname or "", behind.port, timeout=60)) as connection:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in HOP:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return _read(connection.getresponse())

    def _send(self, said: Answer, cut_at: int | None) -> None:
        if cut_at is not None and cut_at < 0:
            self.close_connection = True
            return
        self.send_response(said.status)
        for name, value in said.headers:
            if name.lower() not in HOP:
                self.send_header(name, value)
        length = dict(said.headers).get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(said.body)))
        self.end_headers()
        self.wfile.write(said.body[:cut_at])
        self.close_connection = self.close_connection or cut_at is not None


def _read(response: HTTPResponse) -> Answer:
    return Answer(response.status, response.getheaders(), response.read())


def _refusal(asked: Asked, fault: Fault) -> Answer:
    """Say no as the service would."""
    status = fault.status or 500
    if asked.service == "s3":
        said = f"<Error><Code>{fault.code}</Code><Message>scripted</Message></Error>"
        return Answer(status, [("Content-Type", "application/xml")], said.encode())
    told = {"__type": f"com.amazonaws.dynamodb.v20120810#{fault.code}", "message": "scripted"}
    return Answer(
        status, [("Content-Type", "application/x-amz-json-1.0")], json.dumps(told).encode()
    )
