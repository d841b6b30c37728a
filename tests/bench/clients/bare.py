"""aiohttp alone, which sends bodies that lie ready and reads what comes: what the model host and the machine take."""

import asyncio
import os
import time
from collections.abc import Callable

import aiohttp
import orjson

from tests.bench.clients.errand import Errand, Report, carry_out
from tests.bench.clients.ours import lines
from tests.bench.clients.triage import triage_of

# The host looks who asks, and not whether the signature is right.
HEADERS = {
    "Content-Type": "application/json",
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/bedrock/aws4_request,"
    " SignedHeaders=host, Signature=0",
    "X-Amz-Date": "20260101T000000Z",
}


def prepare(errand: Errand) -> Callable[[], Report]:
    url = f"{os.environ['AWS_ENDPOINT_URL_BEDROCK_RUNTIME']}/model/{errand.model}/converse"
    texts = map(triage_of, range(errand.prompts))
    bodies = [orjson.dumps(line["modelInput"]) for line in lines(errand, texts)]
    timed: list[float] = []

    async def ask_in_turn(session: aiohttp.ClientSession, first: int) -> None:
        for body in bodies[first :: errand.in_flight]:
            began = time.monotonic()
            async with session.post(url, data=body, headers=HEADERS) as response:
                response.raise_for_status()
                await response.read()
            timed.append(time.monotonic() - began)

    async def ask() -> None:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            asyncio.TaskGroup() as tasks,
        ):
            for first in range(errand.in_flight):
                tasks.create_task(ask_in_turn(session, first))

    def ask_all() -> Report:
        wall = time.monotonic()
        asyncio.run(ask())
        wall = time.monotonic() - wall
        p99 = sorted(timed)[len(timed) * 99 // 100]
        return {"answered": len(timed), "seconds": wall, "p99": p99}

    return ask_all


if __name__ == "__main__":
    carry_out(prepare)
