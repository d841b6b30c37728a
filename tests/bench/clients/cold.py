"""One cold start, in a process that has imported next to nothing: ``function VERB``, or ``boto3 SERVICE...``.

``services VERB`` makes the function's world, too, and tells which clients it took.
"""
# ruff: noqa: PLC0415 - when something is imported is what is measured

import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from typing import Any


def start(verb: str) -> None:
    """Import a function, and make what is around its step."""
    functions = import_module(f"functions.{verb}")
    around = functions.world()
    if isinstance(around, AbstractAsyncContextManager):
        import asyncio

        asyncio.run(_open(around))


async def _open(around: AbstractAsyncContextManager[Any]) -> None:
    async with around:
        pass


def make(services: list[str]) -> None:
    """Import boto3, and make clients."""
    import boto3

    clients: list[Any] = [boto3.client(name) for name in services]
    assert len(clients) == len(services)


def services_of(verb: str) -> list[str]:
    """Make a function's world, and return the services of the clients that it made."""
    import gc

    from botocore.client import BaseClient

    start(verb)
    # By their type: a client of S3 has a weak proxy, which is an instance, too.
    clients: list[Any] = [each for each in gc.get_objects() if issubclass(type(each), BaseClient)]
    return sorted(str(client.meta.service_model.service_name) for client in clients)


def spent(run: Callable[[], None]) -> dict[str, float]:
    began = time.process_time()
    run()
    cpu = time.process_time() - began
    return {"cpu": cpu, "resident": resident_megabytes()}


def resident_megabytes() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return int(kilobytes) / 1024


def main(what: str, *names: str) -> Any:
    if what == "services":
        return {"services": services_of(names[0])}
    return spent(lambda: start(names[0])) if what == "function" else spent(lambda: make([*names]))


if __name__ == "__main__":
    import json

    told = main(*sys.argv[1:])
    print(json.dumps(told))  # noqa: T201 - the line is what the program is for
