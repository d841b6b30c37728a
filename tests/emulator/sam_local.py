"""`sam local` on the laptop cloud: a function runs in a Docker container, everything around it as `make up` left it.

    python -m tests.emulator.sam_local [--at DIRECTORY] invoke PlanFunction -e events/plan.job.json

What follows is SAM CLI's own command line. Two things are done for it, because it does not: it resolves no `!Ref`
and drops every variable that its template does not name, so it is given the functions as they are deployed; and
its containers stand on Docker's bridge and reach no loopback, so the two servers are relayed to them while it runs.
"""

import argparse
import asyncio
import json
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.emulator import stack, surroundings
from tests.emulator.cloud import Cloud
from tests.emulator.server import ServerFailed

KEPT = ("Handler", "Runtime", "Architectures", "MemorySize", "Timeout")
LAYERS = ("CoreLayer", "ParquetLayer")
SUBNET = "{{(index .IPAM.Config 0).Subnet}}"
log = logging.getLogger("sam_local")


class NoDocker(Exception):
    """There is no Docker engine whose bridge is an interface of this machine."""


async def run(cloud: Cloud, address: str, arguments: list[str]) -> int:
    """Run `sam local` with these arguments; return its exit code."""
    # SAM CLI gets a Ctrl-C as well, and must live to remove its container.
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    verb, *rest = arguments
    async with AsyncExitStack() as stays:
        ministack, host = [
            await stays.enter_async_context(relayed(cloud.url(server), address))
            for server in ("ministack", "host")
        ]
        template = cloud.at / "tmp/sam-local.json"  # goes with the cloud
        endpoints = surroundings.of_a_client(ministack=ministack, host=host)
        template.write_text(json.dumps(deployed_template(cloud, endpoints), indent=2))
        command = [str(stack.LOCAL / "sam/bin/sam"), "local", verb, "-t", str(template), *rest]
        # SAM CLI lets its own environment win over its template: both must say the same.
        sam = await asyncio.create_subprocess_exec(*command, env=stack.sam_environment(endpoints))
        return await sam.wait()


@asynccontextmanager
async def relayed(url: str, address: str) -> AsyncIterator[str]:
    """Let a server of the loopback interface be reached at another address of this machine, for a while."""
    port = urlsplit(url).port

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pass_on(reader, questions), _pass_on(answers, writer))

    server = await asyncio.start_server(serve, address, 0)
    try:
        yield f"http://{address}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        server.abort_clients()  # a container that was killed has closed nothing


def deployed_template(cloud: Cloud, endpoints: dict[str, str]) -> dict[str, Any]:
    """Return the functions of the stack as they are deployed, with nothing left to resolve."""
    layers = {
        name: {
            "Type": "AWS::Serverless::LayerVersion",
            "Properties": {"ContentUri": str(stack.BUILT / name)},
        }
        for name in LAYERS
    }
    return {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": layers
        | {
            name: {
                "Type": "AWS::Serverless::Function",
                "Properties": _properties(cloud, name, endpoints),
            }
            for name in _functions(cloud)
        },
    }


def bridge() -> str:
    """Return the address at which containers reach this machine, and nobody else does."""
    subnet = ip_network(_said("docker", "network", "inspect", "bridge", "--format", SUBNET))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nothing_is_sent:
        nothing_is_sent.connect((str(subnet[2]), 9))
        address = str(nothing_is_sent.getsockname()[0])
    if ip_address(address) not in subnet:
        raise NoDocker("Docker's bridge is no interface of this machine")
    return address


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise NoDocker(f"`{' '.join(command)}` fails: is the engine running?") from None


def _functions(cloud: Cloud) -> list[str]:
    asked = cloud.client("cloudformation").describe_stack_resources(StackName=surroundings.STACK)
    return [
        one["LogicalResourceId"]
        for one in asked["StackResources"]
        if one["ResourceType"] == "AWS::Lambda::Function"
    ]


def _properties(cloud: Cloud, name: str, endpoints: dict[str, str]) -> dict[str, Any]:
    found = cloud.client("lambda").get_function_configuration(FunctionName=cloud.physical(name))
    return {
        **{key: found[key] for key in KEPT},
        "CodeUri": str(stack.BUILT / name),
        "Layers": [
            {"Ref": name}
            for layer in found["Layers"]
            for name in LAYERS
            if f":layer:{name}" in layer["Arn"]
        ],
        "Environment": {"Variables": {**found["Environment"]["Variables"], **endpoints}},
    }


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while block := await source.read(65536):
            sink.write(block)
            await sink.drain()
    sink.close()


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulator.sam_local", description="`sam local` on the laptop cloud."
    )
    parser.add_argument("--at", type=Path, default=stack.LOCAL, metavar="DIRECTORY")
    parser.add_argument("verb", help="what `sam local` shall do, and with what: invoke FUNCTION")
    asked, rest = parser.parse_known_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        cloud = Cloud(at=asked.at.resolve())
        return asyncio.run(run(cloud, bridge(), [asked.verb, *rest]))
    except (ServerFailed, NoDocker) as failure:
        log.error("%s", failure)  # noqa: TRY400 - it says what to look at
        return 1


if __name__ == "__main__":
    sys.exit(main())
