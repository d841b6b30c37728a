"""Attachments: the pictures and documents that lines name by ``s3://`` addresses, fetched just before the call."""

import asyncio
from binascii import b2a_base64
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import orjson

from batchwright.addresses import keys_of, named
from batchwright.digest import digest
from batchwright.errors import AccessDenied, Missing, RecordInvalid, Unavailable
from batchwright.job import Pin
from batchwright.media import LARGEST, located, with_sources
from batchwright.pace import SHORTEST_REST, LeftForLater, Pace
from batchwright.ports import Objects
from batchwright.record import Record
from batchwright.request import Request

# docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
LARGEST_REQUEST = 20_000_000
# In base64, from before it is read until the call is over, for all records of a worker: no more than one request may
# need alone. With all copies that is some four times as much memory, for which the smallest worker has room.
MOST_HELD = LARGEST_REQUEST
# The client keeps 64 connections to S3: the rest is for the cache and the segments.
READERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A request whose attachments are there."""

    request: Request
    """As it is asked."""
    told: Request
    """As the request digest knows it: each content's digest in its place, wherever the content lay."""


class Attachments:
    """Fetches the attachments of a worker's records, and never holds more than :data:`MOST_HELD` bytes of them."""

    def __init__(self, objects: Objects, pace: Pace) -> None:
        """A bucket that does not answer gives the whole worker a rest, by ``pace``."""
        self._objects = objects
        self._pace = pace
        self._room = Room(MOST_HELD)
        self._readers = ThreadPoolExecutor(READERS)

    def fetched(self, record: Record, request: Request) -> AbstractAsyncContextManager[Fetched]:
        """Give the record's request with what it names, to be let go of at the end.

        Raises :class:`RecordInvalid` for an object that cannot be asked with, :class:`LeftForLater` where the worker
        stops first.
        """
        if not record.attachments:
            return nullcontext(Fetched(request=request, told=request))
        return self._held(record, request)

    @asynccontextmanager
    async def _held(self, record: Record, request: Request) -> AsyncIterator[Fetched]:
        pins = await self._in_thread(lambda: self._pinned(record, request))
        async with self._room.held(sum(encoded_size(pin) for pin in pins)):
            yield await self._in_thread(lambda: self._read(pins, request))

    async def _in_thread[T](self, read: Callable[[], T]) -> T:
        def read_on() -> T:
            if self._pace.stopping.is_set():
                raise LeftForLater
            return read()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, read_on)
        except Unavailable:
            self._pace.rest_for(SHORTEST_REST)
            raise LeftForLater from None

    def _pinned(self, record: Record, request: Request) -> list[Pin]:
        keys = keys_of(record, self._objects.bucket)
        kinds = [kind for kind, _ in located(request.body["messages"])]
        places = enumerate(zip(keys, kinds, strict=True))
        pins = [self._pin(named(number), key, kind) for number, (key, kind) in places]
        size = len(orjson.dumps(request.body)) + sum(map(encoded_size, pins))
        if size > LARGEST_REQUEST:
            raise RecordInvalid(
                "attachment_too_large",
                f"attachments: with them the request has {size:,} bytes; Bedrock takes {LARGEST_REQUEST:,}",
                param="attachments",
            )
        return pins

    def _pin(self, param: str, key: str, kind: str) -> Pin:
        with _told(param):
            pin = self._objects.pin(key)
        if pin.size > LARGEST[kind]:
            raise RecordInvalid(
                "attachment_too_large",
                f"{param}: the object has {pin.size:,} bytes; Bedrock takes {LARGEST[kind]:,}",
                param=param,
            )
        if pin.size == 0:
            raise RecordInvalid("invalid_request", f"{param}: the object is empty", param=param)
        return pin

    def _read(self, pins: list[Pin], request: Request) -> Fetched:
        contents: list[dict[str, Any]] = []
        digests: list[dict[str, Any]] = []
        for number, pin in enumerate(pins):
            with _told(named(number)):
                content = self._objects.read_pinned(pin, span=(0, pin.size))
            contents.append({"bytes": b2a_base64(content, newline=False).decode()})
            digests.append({"sha256": digest(content)})
        return Fetched(request=_with(request, contents), told=_with(request, digests))


class Room:
    """Bytes that may be held at once.

    Who comes first is served first: many small ones must not keep a large one out.
    """

    def __init__(self, size: int) -> None:
        """No one may ask for more than ``size``."""
        self._free = size
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def held(self, size: int) -> AsyncIterator[None]:
        """Wait for so many bytes, and give them back at the end."""
        async with self._turn:
            while self._free < size:
                self._freed.clear()
                await self._freed.wait()
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._freed.set()


def encoded_size(pin: Pin) -> int:
    """Return the bytes that an object has in base64."""
    return -(-pin.size // 3) * 4


def _with(request: Request, sources: Sequence[dict[str, Any]]) -> Request:
    messages = with_sources(request.body["messages"], sources)
    return replace(request, body={**request.body, "messages": messages})


@contextmanager
def _told(param: str) -> Iterator[None]:
    """Tell what the bucket says of one attachment as its record's fault."""
    try:
        yield
    except Missing:
        raise RecordInvalid(
            "attachment_missing", f"{param}: the object is not there", param=param
        ) from None
    except AccessDenied:
        raise RecordInvalid(
            "attachment_no_permissions",
            f"{param}: the worker may not read the object; is it encrypted with another key than the stack's?",
            param=param,
        ) from None
