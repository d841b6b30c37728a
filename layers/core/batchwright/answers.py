"""The exact cache: what was asked and answered before is answered again without a call (a contract's ``cache``).

An answer lies under its request digest, which holds the model, the parameters, the messages with their attachments, and
the contract: no contract sees the answers of another, and one that was changed begins without any. Nobody waits for
anybody: two workers that ask the same at once both ask.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import orjson
from msgspec import DecodeError, Struct
from msgspec.json import Decoder, Encoder

from batchwright.cache import Cache
from batchwright.completion import Completion, fault_of
from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.job import timestamp
from batchwright.places import answer_key
from batchwright.ports import Clock, Objects
from batchwright.request import Request

# A record waits while its answer is looked for, and for nobody to keep one: the client keeps 64 connections to S3.
FINDERS = 32
KEEPERS = 8
# A bucket that takes longer than this many seconds is not worth the wait: the model is asked.
PATIENCE = 2.0
# Answers that wait to be kept; what comes on top of that is not.
MOST_WAITING = 500
# After so many faults in a row a worker leaves the cache alone.
MOST_FAULTS = 5


class Head(Struct, frozen=True, gc=False):
    """The first line of an answer that was kept."""

    request_digest: str
    at: datetime
    digest: str
    """SHA-256 of the second line, which is the completion."""


ENCODER = Encoder()
HEAD = Decoder(Head)
COMPLETION = Decoder(Completion)


class Answers:
    """Finds and keeps answers of one contract. It never fails a record: what goes wrong is counted in ``faults``."""

    def __init__(self, objects: Objects, clock: Clock, cache: Cache | None) -> None:
        """Without ``cache.exact`` nothing is found, and nothing is kept."""
        self.faults = 0
        self._objects = objects
        self._clock = clock
        self._cache = cache if cache and cache.exact else None
        self._finders = ThreadPoolExecutor(FINDERS)
        self._keepers = ThreadPoolExecutor(KEEPERS)
        self._keeping: set[asyncio.Future[None]] = set()
        self._faults_in_a_row = 0

    async def find(self, request: Request, request_digest: str) -> Completion | None:
        """Return the answer that the very same request had, if it was kept and is young enough."""
        if not self._covers(request):
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                found = await _in_thread(self._finders, self._read, request_digest)
        except Missing:
            found = None
        except Exception:  # noqa: BLE001 - whatever is wrong with the bucket, the model can be asked
            self._fault()
            return None
        self._faults_in_a_row = 0
        return found

    def keep(self, request: Request, request_digest: str, completion: Completion) -> None:
        """Keep an answer that is a success, beside whatever else goes on."""
        if self._covers(request) and len(self._keeping) < MOST_WAITING:
            kept = _in_thread(self._keepers, self._write, request_digest, completion)
            self._keeping.add(kept)
            kept.add_done_callback(self._kept)

    async def close(self) -> None:
        """Let what is being kept come to its end, if that is soon."""
        if self._keeping:
            await asyncio.wait(self._keeping, timeout=PATIENCE)
        for threads in (self._finders, self._keepers):
            threads.shutdown(wait=False, cancel_futures=True)

    def _covers(self, request: Request) -> bool:
        if self._cache is None or self._faults_in_a_row >= MOST_FAULTS:
            return False
        return self._cache.any_temperature or request.deterministic

    def _read(self, request_digest: str) -> Completion | None:
        return self._standing(self._objects.read(answer_key(request_digest)), request_digest)

    def _standing(self, content: bytes, request_digest: str) -> Completion | None:
        """Return the completion; ``None`` where it is torn, changed, too old, or no answer."""
        assert self._cache is not None  # noqa: S101 - without one nothing is read
        first, _, second = content.partition(b"\n")
        try:
            head, completion = HEAD.decode(first), COMPLETION.decode(second)
        except DecodeError:
            return None
        whole = (head.request_digest, head.digest) == (request_digest, digest(second))
        young = self._clock.now() - head.at < self._cache.lifetime
        return completion if whole and young and fault_of(completion) is None else None

    def _write(self, request_digest: str, completion: Completion) -> None:
        second = ENCODER.encode(completion)
        head = {
            "request_digest": request_digest,
            "at": timestamp(self._clock.now()),
            "digest": digest(second),
        }
        self._objects.write(answer_key(request_digest), orjson.dumps(head) + b"\n" + second)

    def _kept(self, kept: asyncio.Future[None]) -> None:
        self._keeping.discard(kept)
        if not kept.cancelled() and kept.exception() is not None:
            self._fault()

    def _fault(self) -> None:
        self.faults += 1
        self._faults_in_a_row += 1


def _in_thread[*Given, Answer](
    threads: ThreadPoolExecutor, work: Callable[[*Given], Answer], *given: *Given
) -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().run_in_executor(threads, work, *given)
