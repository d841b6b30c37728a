"""Speaking to servers on this machine, past any proxy that the environment names."""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from random import SystemRandom
from typing import Any
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

NOT_GIVEN = range(20_000, 32_768)  # Linux gives those from 32,768 on, others from 49,152


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on.

    It is none of those that systems give to whoever calls out: until a server has it, nobody takes it by chance.
    """
    while True:
        with (
            suppress(OSError),
            socket.create_server(("127.0.0.1", SystemRandom().choice(NOT_GIVEN))) as one,
        ):
            return int(one.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET is answered with success."""
    with suppress(OSError), _direct().open(url, timeout=5) as response:
        return bool(response.status == 200)
    return False


def tell(url: str, what: Mapping[str, Any]) -> None:
    """PUT something, as JSON."""
    headers = {"Content-Type": "application/json"}
    asked = Request(url, json.dumps(what).encode(), headers, method="PUT")  # noqa: S310 - loopback
    _direct().open(asked, timeout=300).close()  # the host loads a model before it answers


def _direct() -> OpenerDirector:
    return build_opener(ProxyHandler({}))
