"""The queue of an endpoint: calls wait for an instance, are worked on, and end with an object and a notification."""

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from tests.emulator.host.account import ACCOUNT_FAULTS, Account
from tests.emulator.host.desk import Desk
from tests.emulator.host.endpoints.behaviour import EndpointBehaviour, EndpointDoing
from tests.emulator.host.endpoints.containers import Container, broken, texts_of, words_of
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.endpoints import AsyncCall, Ended

SERVICE = "sagemaker.amazonaws.com"
ACCOUNT_ID = "000000000000"
EXPIRED = "The request expired: it waited in the queue for longer than its RequestTTLSeconds."
TIMED_OUT = "The invocation timed out: the container took longer than its InvocationTimeoutSeconds."
log = logging.getLogger(__name__)


class Expired(Exception):
    """A fault lets a call's time in the queue run out."""


@dataclass(slots=True, kw_only=True)
class Queued:
    """A call that was taken, and where its answer will lie."""

    call: AsyncCall
    inference_id: str
    output: str
    failure: str | None
    at: float
    doing: EndpointDoing | None = None
    """What goes wrong where it ends."""


class Endpoint:
    """One endpoint."""

    def __init__(self, name: str, told: EndpointBehaviour, desk: Desk, account: Account) -> None:
        self.name = name
        self._told = told
        self._desk = desk
        self._account = account
        self._container = Container(name, told, desk)
        self._room = asyncio.Semaphore(told.instances * told.per_instance)
        self._warm: asyncio.Task[None] | None = None
        self._faults = desk.endpoint_faults
        self._kept: dict[str, Any] = {}
        self._making = Lock()

    @property
    def _haste(self) -> float:
        return self._desk.behaviour.endpoints.haste

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:sagemaker:{self._account.region}:{ACCOUNT_ID}:endpoint/{self.name}"

    def take(self, call: AsyncCall, inference_id: str) -> Queued:
        """Say where the answer to a call will lie."""
        name = call.filename or f"{inference_id}.out"
        stem = name.removesuffix(".out")
        folder = f"{call.folder.strip('/')}/" if call.folder else ""
        failure = self._told.failure
        return Queued(
            call=call,
            inference_id=inference_id,
            output=f"{self._told.output.rstrip('/')}/{folder}{name}",
            failure=f"{failure.rstrip('/')}/{folder}{stem}-error.out" if failure else None,
            at=time.time(),
        )

    async def live(self, queued: Queued) -> None:
        """Have a call waited for, answered and told of; whatever comes, it ends."""
        try:
            came = await self._turn(queued)
            reason: str | None = EXPIRED
            if came:
                try:
                    files = await asyncio.to_thread(self._client, "s3")
                    reason = await self._worked(queued, files)
                finally:
                    self._room.release()
            await self._notify(queued, reason)
        except ACCOUNT_FAULTS:
            log.exception("an endpoint may not do what it has to")
        except Exception:
            log.exception("a call broke the host")

    async def _turn(self, queued: Queued) -> bool:
        """Wait for a call's turn; say whether it came in time."""
        try:
            async with asyncio.timeout(queued.call.ttl / self._haste):
                await self._warmed()
                await self._room.acquire()
        except TimeoutError:
            return False
        return True

    async def _worked(self, queued: Queued, files: Any) -> str | None:
        """Work on a call and write what comes of it; return why it failed, where it did."""
        try:
            async with asyncio.timeout(queued.call.timeout / self._haste):
                content = await self._served(queued, files)
        except Expired:
            return EXPIRED
        except Refusal as refusal:
            return await self._failed(queued, files, words_of(refusal))
        except TimeoutError:
            return await self._failed(queued, files, TIMED_OUT)
        if queued.doing != "lose_output":
            await asyncio.to_thread(_put, files, queued.output, content)
        return None

    async def _failed(self, queued: Queued, files: Any, reason: str) -> str:
        if queued.failure:
            await asyncio.to_thread(_put, files, queued.failure, reason.encode())
        return reason

    async def _served(self, queued: Queued, files: Any) -> bytes:
        call = queued.call
        payload = call.body or await asyncio.to_thread(_get, files, str(call.input_location))
        asked = self._container.read(payload)
        text = texts_of(asked)
        queued.doing = self._faults.of_end(text)
        await self._hit(text)
        return await self._container.answer(asked, inference_id=queued.inference_id)

    async def _hit(self, text: str) -> None:
        fault = self._faults.of_call(text)
        if fault is None:
            return
        if fault.do == "fail":
            raise broken(fault.code)
        if fault.do == "expire":
            raise Expired
        await asyncio.Event().wait()  # slow: until the call's time is over

    async def _warmed(self) -> None:
        """Wait for the first instance, as everybody who comes before it is there."""
        if self._warm is None:
            self._warm = asyncio.create_task(asyncio.sleep(self._told.cold_start))
        await asyncio.shield(self._warm)

    def _client(self, name: str) -> Any:
        """Return a client with the rights of the execution role; it costs much to make, and is kept."""
        with self._making:
            if name not in self._kept:
                make = self._account.clients_of(self._told.role, service=SERVICE, source=self.arn)
                self._kept[name] = make(name)
            return self._kept[name]

    async def _notify(self, queued: Queued, reason: str | None) -> None:
        topic = self._told.success_topic if reason is None else self._told.error_topic
        if topic is None or queued.doing == "lose_notification":
            return
        ended = Ended(
            endpoint=self.name,
            region=self._account.region,
            call=queued.call,
            inference_id=queued.inference_id,
            received_at=queued.at,
            location=queued.output if reason is None else queued.failure,
            reason=reason,
        )
        said = {"TopicArn": topic, "Message": json.dumps(ended.notification())}
        for _ in range(2 if queued.doing == "double_notification" else 1):
            await asyncio.to_thread(lambda: self._client("sns").publish(**said))


def _put(files: Any, address: str, content: bytes) -> None:
    bucket, key = _place(address)
    files.put_object(Bucket=bucket, Key=key, Body=content)


def _get(files: Any, address: str) -> bytes:
    bucket, key = _place(address)
    content: bytes = files.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content


def _place(address: str) -> tuple[str, str]:
    """Return the bucket and the key of an address.

    >>> _place("s3://box/a/b.out")
    ('box', 'a/b.out')
    """
    found = urlsplit(address)
    return found.netloc, found.path.lstrip("/")
