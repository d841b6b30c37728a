"""Serves the reviewer's page on loopback: for one person, in their own browser, and for no other page in it.

The address carries a key behind its ``#``, which browsers send to nobody. The page sends it in a header of its own with
every request, so no other site can make one: it does not know the key, and may not set the header. A name that was made
to point here (DNS rebinding) is refused by the Host header. The page runs only the script and style that it came with.
"""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson

from batchwright.cli.desk import Desk
from batchwright.cli.faults import Code, Halt
from batchwright.errors import BatchwrightError

PAGE = Path(__file__).with_name("review.html")
KEY = "X-Batchwright-Key"
MOST_SENT = 65_536


class Server(ThreadingHTTPServer):
    """One desk, one key, one port."""

    daemon_threads = True

    def __init__(self, desk: Desk, port: int) -> None:
        """Listen on 127.0.0.1 and nowhere else."""
        super().__init__(("127.0.0.1", port), Handler)
        self.desk = desk
        self.key = secrets.token_urlsafe(32)
        self.page = PAGE.read_bytes()
        self.policy = _policy(self.page.decode())

    @property
    def hosts(self) -> set[str]:
        """What a browser may call it."""
        return {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone: a traceback might tell what was on its way."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    server_version = "batchwright"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Send the page, the queue or one record."""
        if self.path == "/" and self._from_here():
            self._send(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        elif self.path == "/queue" and self._allowed():
            self._tell(self.server.desk.queue)
        elif self.path.startswith("/records/") and self._allowed():
            self._tell(lambda: self.server.desk.record(int(self.path.removeprefix("/records/"))))
        else:
            self._refuse()

    def do_POST(self) -> None:
        """Decide about one record."""
        if self.path != "/decisions" or not self._allowed():
            self._refuse()
            return
        self._tell(self._decide)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing."""

    def _decide(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= MOST_SENT:
            raise ValueError("this is too much for a decision")
        said = orjson.loads(self.rfile.read(length))
        return self.server.desk.decide(int(said["index"]), str(said["decision"]), str(said["why"]))

    def _from_here(self) -> bool:
        return self.headers.get("Host") in self.server.hosts

    def _allowed(self) -> bool:
        origin = self.headers.get("Origin")
        key = self.headers.get(KEY, "")
        return (
            self._from_here()
            and (origin is None or origin.removeprefix("http://") in self.server.hosts)
            and compare_digest(key.encode(), self.server.key.encode())
        )

    def _refuse(self) -> None:
        known = self._allowed()
        status = HTTPStatus.NOT_FOUND if known else HTTPStatus.FORBIDDEN
        self._send_json(status, {"error": "open the address that the command printed"})

    def _tell(self, ask: Any) -> None:
        try:
            told = ask()
        except BatchwrightError as fault:
            self._send_json(HTTPStatus.CONFLICT, {"error": str(fault)})
        except (KeyError, TypeError, ValueError) as fault:
            said = str(fault) if type(fault) is ValueError else "the request cannot be read"
            self._send_json(HTTPStatus.BAD_REQUEST, {"error": said})
        except Exception as fault:  # noqa: BLE001 - whatever befell it is told by its kind alone
            kind = type(fault).__name__
            self._send_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"it failed: {kind}"})
        else:
            self._send_json(HTTPStatus.OK, told)

    def _send_json(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        self._send(status, orjson.dumps(told), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": self.server.policy,
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving(desk: Desk, port: int = 0) -> Iterator[str]:
    """Serve a desk; gives the address with its key. Raises :class:`Halt` where the port is not free."""
    try:
        server = Server(desk, port)
    except OSError as fault:
        raise Halt(
            f"port {port} of 127.0.0.1: {fault.strerror}; leave out --port for one that is free",
            Code.USAGE,
        ) from None
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/#{server.key}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _policy(page: str) -> str:
    """Return a policy that lets the page's own script and style run, and nothing else, wherever it comes from."""
    script, style = (_hash_of(page, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
        " trusted-types 'none'"
    )


def _hash_of(page: str, tag: str) -> str:
    inner = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
    return f"'sha256-{b64encode(sha256(inner.encode()).digest()).decode()}'"
