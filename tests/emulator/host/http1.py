"""As much of an HTTP/1.1 server as the host needs: keep-alive, whole bodies, answers cut on demand.

With a general server (aiohttp's) a call cost twice the CPU that it costs with this, and on two
cores that is taken from the very client that a benchmark wants to measure.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

MAX_BODY = 25_000_000
_MAX_HEAD = 65_536
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request, whole; header names in small letters, the path as it was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer; a cut one promises its whole body, sends half of it and hangs up."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


type Handler = Callable[[Request], Awaitable[Answer]]


class Unreadable(Exception):
    """What came is no request that this server reads; it is told the status and hung up on."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def listen(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Serve on this address until the server returned is closed."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Connection(handler), host, port, backlog=4096)


class _Connection(asyncio.Protocol):
    """One client: its requests are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._received = bytearray()
        self._invited = False
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._answer_next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - lost is lost
        if self._answering is not None:
            self._answering.cancel()

    def _answer_next(self) -> None:
        loop = asyncio.get_running_loop()
        while self._answering is None and not self._transport.is_closing():
            try:
                request = self._next()
            except Unreadable as unreadable:
                self._write(Answer(status=unreadable.status, body=b""), last=True)
                return
            if request is None:
                return
            # Begun at once: most answers are ready before anything would have been scheduled.
            answering = asyncio.Task(self._answer(request), loop=loop, eager_start=True)
            if not answering.done():
                self._answering = answering
                answering.add_done_callback(self._answered)

    def _answered(self, _: asyncio.Task[None]) -> None:
        self._answering = None
        self._answer_next()

    async def _answer(self, request: Request) -> None:
        try:
            answer = await self._handler(request)
        except Exception:
            logging.getLogger(__name__).exception("a call broke the host")
            answer = Answer(status=500, body=b'{"message":"The host is broken: see its log."}')
        last = request.headers.get("connection", "").lower() == "close"
        self._write(answer, last=last or answer.cut)

    def _write(self, answer: Answer, *, last: bool) -> None:
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines += [f"Date: {_date(int(time.time()))}", f"Content-Length: {len(answer.body)}"]
        if last:
            lines.append("Connection: close")
        body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        if last:
            self._transport.close()

    def _next(self) -> Request | None:
        """Take the next whole request out of what was received, if it is there."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            if len(self._received) > _MAX_HEAD:
                raise Unreadable(431)
            return None
        method, path, headers = _head(self._received[:end].decode("latin-1"))
        length = _length(headers)
        begin = end + 4
        if len(self._received) < begin + length:
            self._invite(headers)
            return None
        body = bytes(self._received[begin : begin + length])
        del self._received[: begin + length]
        self._invited = False
        return Request(method, path, headers, body)

    def _invite(self, headers: dict[str, str]) -> None:
        """Tell a client that asks first whether it may send the body, once, that it may."""
        if not self._invited and headers.get("expect", "").lower() == "100-continue":
            self._invited = True
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _head(head: str) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.split("\r\n")
    try:
        method, path, _ = first.split(" ")
    except ValueError:
        raise Unreadable(400) from None
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return method, path, headers


def _length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise Unreadable(411)
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise Unreadable(400)
    if int(length) > MAX_BODY:
        raise Unreadable(413)
    return int(length)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
