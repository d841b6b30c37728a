"""Asking an asynchronous endpoint on demand: a call is queued, and its answer looked for until it is there.

For a route that stands in for another, or that a filter asks. Whole files are better asked in the lane
``sagemaker_async``, where nobody is paid for waiting.
"""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import orjson

from batchwright.bodies import body_of, completion_of
from batchwright.completion import Completion
from batchwright.endpointcall import (
    LONGEST_TIMEOUT,
    LONGEST_TTL,
    MOST_INLINE_BYTES,
    SHORTEST_TTL,
    EndpointCall,
    Placed,
)
from batchwright.endpointfailure import failure_of
from batchwright.errors import Missing, TimedOut, Unavailable
from batchwright.places import endpoint_input_key
from batchwright.ports import Endpoints, Objects
from batchwright.request import Request
from batchwright.route import Route

# Seconds between two looks: an answer in a second is seen soon, and one in a minute costs a few dozen looks.
FIRST_LOOK, LAST_LOOK, SLOWER = 0.1, 2.0, 1.3
THREADS = 16
LONGEST_NAME = 28


class EndpointEngine:
    """Asks endpoints, one call after the other into their queues."""

    name = "sagemaker"

    def __init__(
        self,
        endpoints: Endpoints,
        objects: Objects,
        *,
        new_id: Callable[[], str],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """``new_id`` returns what nobody else has: so no attempt meets another's answer, or its failure."""
        self._endpoints = endpoints
        self._objects = objects
        self._new_id = new_id
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="endpoint")

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        """Queue one call and wait for what comes of it."""
        assert route.endpoint is not None, "the contract sees to it"  # noqa: S101
        body = body_of(route.container)
        payload = orjson.dumps(body.written(request, route.told_model))
        began = self._seconds()
        try:
            async with asyncio.timeout(timeout):
                placed = await self._queued(payload, route.endpoint, timeout, metadata)
                content = await self._answer(placed, route.endpoint)
        except TimeoutError:
            raise TimedOut(f"{route.endpoint} did not answer within {timeout:.0f} s") from None
        waited_ms = round((self._seconds() - began) * 1000)
        key = metadata.get("idempotency_key")
        return completion_of(body, content, request, latency_ms=waited_ms, request_id=key)

    async def _queued(
        self, payload: bytes, endpoint: str, timeout: float, metadata: Mapping[str, str]
    ) -> Placed:
        attempt = self._new_id()[:LONGEST_NAME]
        input_key = None
        if len(payload) > MOST_INLINE_BYTES:
            input_key = endpoint_input_key(metadata["job_id"], attempt)
            await self._in_thread(self._objects.write, input_key, payload)
        whole = math.ceil(timeout)
        call = EndpointCall(
            endpoint=endpoint,
            inference_id=metadata["idempotency_key"],
            body=payload if input_key is None else None,
            input_key=input_key,
            ttl=min(max(whole, SHORTEST_TTL), LONGEST_TTL),
            timeout=min(max(whole, 1), LONGEST_TIMEOUT),
            folder=metadata["job_id"],
            filename=f"{attempt}.out",
        )
        return await self._in_thread(self._endpoints.send, call)

    async def _answer(self, placed: Placed, endpoint: str) -> bytes:
        pause = FIRST_LOOK
        while True:
            if (content := await self._found(placed.output_key)) is not None:
                return content
            if (told := await self._found(placed.failure_key)) is not None:
                raise failure_of(told, endpoint)
            await asyncio.sleep(pause)
            pause = min(pause * SLOWER, LAST_LOOK)

    async def _found(self, key: str) -> bytes | None:
        try:
            return await self._in_thread(self._objects.read, key)
        except (Missing, Unavailable):
            # S3 may be slow for a moment; the call's time is what ends this.
            return None

    async def _in_thread[*Given, Answer](
        self, work: Callable[[*Given], Answer], *given: *Given
    ) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
