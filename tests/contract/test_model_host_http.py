"""The host's HTTP, byte by byte: what clients other than boto3 may do on a connection."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.emulator.host.running import RunningHost, running

HEAD = "POST /model/amazon.nova-lite-v1%3A0/converse HTTP/1.1\r\nHost: localhost\r\nAuthorization: x\r\n"


@pytest.fixture(scope="module")
def host() -> Iterator[RunningHost]:
    with running("echo") as host:
        yield host


@pytest.fixture
def connection(host: RunningHost) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", host.port), timeout=60)) as opened:
        yield opened


def converse(text: str, *, header: str = "") -> bytes:
    asked = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    body = json.dumps(asked).encode()
    return f"{HEAD}{header}Content-Length: {len(body)}\r\n\r\n".encode() + body


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the host hangs up."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_request_that_comes_in_pieces_is_answered_when_it_is_whole(
    connection: socket.socket,
) -> None:
    whole = converse("in pieces", header="Connection: close\r\n")
    for piece in (whole[:10], whole[10:200], whole[200:]):
        connection.sendall(piece)

    assert b"in pieces" in everything(connection)


def test_requests_sent_without_waiting_are_answered_in_their_order(
    host: RunningHost, connection: socket.socket
) -> None:
    host.behave(latency_ms=20)
    last = converse("third", header="connection: Close\r\n")
    connection.sendall(converse("first") + converse("second") + last)

    answers = everything(connection)
    host.reset()

    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert answers.index(b"first") < answers.index(b"second") < answers.index(b"third")


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(connection: socket.socket) -> None:
    whole = converse("may I?", header="Expect: 100-continue\r\nConnection: close\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")

    connection.sendall(head + b"\r\n\r\n")
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)

    assert b"may I?" in everything(connection)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", 411),
        (f"{HEAD}Content-Length: -1\r\n\r\n", 400),
        (f"{HEAD}Content-Length: 25000001\r\n\r\n", 413),
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n" + "x" * 70_000, 431),
    ],
)
def test_what_it_can_not_read_is_refused_and_the_connection_closed(
    connection: socket.socket, sent: str, status: int
) -> None:
    connection.sendall(sent.encode())

    assert everything(connection).startswith(f"HTTP/1.1 {status} ".encode())
