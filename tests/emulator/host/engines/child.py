"""The llama engine's child, seen from the host: how it is started, reached and ended."""

import asyncio
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Self

import aiohttp

from tests.emulator.host.refusals import failed

# llama.cpp's threads wait for each other by spinning, which is slow where cores are shared: on two
# busy cores this alone made answers about two to four times quicker.
_PATIENT = {"OMP_WAIT_POLICY": "passive"}
_CHILD = Path(__file__).with_name("llama_child.py")


class Child:
    """The running child, and the HTTP session to it."""

    def __init__(self, child: asyncio.subprocess.Process, session: aiohttp.ClientSession) -> None:
        self._child = child
        self.session = session

    @property
    def ended(self) -> bool:
        """Whether it is gone, and another is needed."""
        return self._child.returncode is not None

    @classmethod
    async def start(cls, *, slots: int, context: int) -> Self:
        """Start it, and wait until it has loaded the model."""
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", str(_CHILD), stdin=pipe, stdout=pipe, env=os.environ | _PATIENT
        )
        key = secrets.token_hex(16)
        try:
            address = await _address(child, key=key, slots=slots, context=context)
        except BaseException:
            if child.returncode is None:
                child.kill()
            raise
        session = aiohttp.ClientSession(
            base_url=address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=aiohttp.ClientTimeout(total=None),
        )
        return cls(child, session)

    async def end(self) -> None:
        """Close its standard input, at which it leaves."""
        await self.session.close()
        if self._child.stdin is not None:
            self._child.stdin.close()
        await self._child.wait()


async def _address(child: asyncio.subprocess.Process, **order: str | int) -> str:
    if child.stdin is None or child.stdout is None:
        raise failed("The model's child has no pipes.")
    order["threads"] = min(8, os.process_cpu_count() or 1)
    child.stdin.write(json.dumps(order).encode() + b"\n")
    said = await child.stdout.readline()
    if not said:
        raise failed(f"The model could not be loaded (exit code {await child.wait()}).")
    address: str = json.loads(said)["address"]
    return address
