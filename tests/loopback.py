"""Services of a few lines on loopback: where moto knows none, or brings too much, and where nobody may be asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    """What a service says."""

    status: int
    content_type: str
    content: bytes


class QuietHandler(BaseHTTPRequestHandler):
    """Answers one request, and writes nothing on the terminal about it."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve until the block ends, and yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def answering(answer: Callable[[Message, bytes], Answer]) -> Iterator[str]:
    """Serve what is told to the headers and the body of every POST, and yield the address."""

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            told = answer(self.headers, asked)
            self.send_response(told.status)
            self.send_header("Content-Type", told.content_type)
            self.send_header("Content-Length", str(len(told.content)))
            self.end_headers()
            self.wfile.write(told.content)

    with serving(Handler) as url:
        yield url
