"""Start the model host: `python -m tests.emulator.host --port 0 --engine llama`."""

import argparse
import asyncio
import json
import os
import resource
import signal
import sys
from pathlib import Path

from tests.emulator.host.account import Account
from tests.emulator.host.behaviour import Behaviour
from tests.emulator.host.http1 import listen
from tests.emulator.host.server import Host

LOOPBACK = "127.0.0.1"


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="tests.emulator.host", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--engine", choices=("llama", "echo"), default="llama")
    parser.add_argument("--port-file", type=Path, help="where to write the port, instead of stdout")
    chosen = parser.parse_args()
    _allow_many_connections()
    asyncio.run(serve(chosen.port, Behaviour(engine=chosen.engine), port_file=chosen.port_file))


async def serve(port: int, behaviour: Behaviour, *, port_file: Path | None) -> None:
    """Listen, say where, and wait for the signal to end."""
    ended = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    host = Host(behaviour, _account())
    server = await listen(host.answer, LOOPBACK, port)
    try:
        _announce(server.sockets[0].getsockname()[1], port_file)
        await ended.wait()
    finally:
        server.close()
        server.close_clients()
        await host.close()


def _account() -> Account | None:
    """Return the account that the environment names; never, by default, one on AWS."""
    url = os.environ.get("AWS_ENDPOINT_URL")
    return None if url is None else Account(url)


def _announce(port: int, port_file: Path | None) -> None:
    if port_file is None:
        sys.stdout.write(json.dumps({"port": port}) + "\n")
        sys.stdout.flush()
        return
    beside = port_file.with_name(port_file.name + ".new")
    beside.write_text(f"{port}\n")
    beside.replace(port_file)  # so that a reader never sees half of it


def _allow_many_connections() -> None:
    """Raise the limit of open files, which is often 1,024, to what the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
