"""InvokeEndpointAsync: a call is taken, and answered when its turn comes."""

import asyncio
import time
import uuid

from tests.emulator.host import answers
from tests.emulator.host.account import Account
from tests.emulator.host.desk import Desk
from tests.emulator.host.endpoints.queue import ACCOUNT_ID, Endpoint, Queued
from tests.emulator.host.http1 import Answer, Request
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal, unsigned
from tests.emulator.host.wire.endpoints import read_call, refused

API = "InvokeEndpointAsync"
_HEADER = "X-Amzn-SageMaker-"


class Endpoints:
    """All endpoints, and the calls that wait or are worked on."""

    def __init__(self, desk: Desk, account: Account | None) -> None:
        """Without an account there is nowhere to write to, and every call is refused."""
        self._desk = desk
        self._account = account
        self._known: dict[str, Endpoint] = {}
        self._lives: set[asyncio.Task[None]] = set()

    async def invoke(self, request: Request, name: str) -> Answer:
        """Take a call; it is noted when it is paid for, or here where it is refused."""
        call = Call(at=time.time(), api=API, model=name)
        try:
            queued = self._taken(request, name, call)
            doing = self._desk.fault(name, API)
        except Refusal as refusal:
            self._desk.refuse(call, refusal)
            return answers.refused(refusal)
        life = asyncio.create_task(self._known[name].live(queued))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return await answers.queued(
            {"InferenceId": queued.inference_id},
            {
                f"{_HEADER}OutputLocation": queued.output,
                **({f"{_HEADER}FailureLocation": queued.failure} if queued.failure else {}),
            },
            doing=doing,
        )

    async def forget(self) -> None:
        """End all calls where they are, and forget the endpoints: they are made anew as they are told then."""
        lives = list(self._lives)
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        self._known.clear()

    def _taken(self, request: Request, name: str, call: Call) -> Queued:
        if "authorization" not in request.headers:
            raise unsigned()
        wanted = read_call(request)
        inference_id = wanted.inference_id or str(uuid.uuid4())
        call.metadata = {"inferenceId": inference_id}
        return self._endpoint(name).take(wanted, inference_id)

    def _endpoint(self, name: str) -> Endpoint:
        told = self._desk.behaviour.endpoints.named.get(name)
        if told is None:
            raise refused(f"Endpoint {name} of account {ACCOUNT_ID} not found.")
        if self._account is None:
            raise refused("This host was not told where S3 is: set AWS_ENDPOINT_URL.")
        if name not in self._known:
            self._known[name] = Endpoint(name, told, self._desk, self._account)
        return self._known[name]
