"""The host as a whole: its routes, and how a call goes from the wire to the desk and back."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import unquote

from tests.emulator.host import answers, looking, self_hosted
from tests.emulator.host.account import Account
from tests.emulator.host.batch.jobs import Jobs
from tests.emulator.host.batch.operations import Operations
from tests.emulator.host.behaviour import Behaviour
from tests.emulator.host.control import Control
from tests.emulator.host.desk import Desk, sheltered
from tests.emulator.host.endpoints.operations import Endpoints
from tests.emulator.host.engines.port import Ask, Completion
from tests.emulator.host.http1 import Answer, Request
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal, unknown_operation, unsigned
from tests.emulator.host.wire.converse import Converse
from tests.emulator.host.wire.count_tokens import asked
from tests.emulator.host.wire.invoke_model import InvokeModel
from tests.emulator.host.wire.model_id import known


class Asked(Protocol):
    """A request as it was read from one of the wires."""

    ask: Ask
    metadata: dict[str, str] | None
    tier: str | None
    """The service tier asked for, which is then the tier served."""

    def answer(self, completion: Completion, *, latency_ms: int) -> dict[str, Any]:
        """Return the body of the answer."""


type Reader = Callable[[Request, str], Asked]
type Handler = Callable[..., Awaitable[Answer]]


class Host:
    """The desk behind its routes; a later service adds its own routes to the list."""

    def __init__(self, behaviour: Behaviour, account: Account | None = None) -> None:
        """``account`` is where batch jobs and endpoints read and write."""
        self._desk = desk = Desk(behaviour)
        self._jobs = jobs = Jobs(desk, account)
        self._endpoints = endpoints = Endpoints(desk, account)
        control = Control(desk, jobs, endpoints)
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(path), handler)
            for method, path, handler in (
                ("POST", "/model/([^/]+)/converse", model_call(desk, "Converse", _converse)),
                ("POST", "/model/([^/]+)/invoke", model_call(desk, "InvokeModel", _invoke_model)),
                ("POST", "/model/([^/]+)/count-tokens", token_count(desk)),
                ("POST", "/guardrail/([^/]+)/version/([^/]+)/apply", looking.guardrail(desk)),
                ("POST", "/guardrail-checks/invoke", looking.guardrail_checks(desk)),
                ("POST", "/", looking.comprehend(desk)),
                *Operations(desk, jobs).routes,
                ("POST", "/endpoints/([^/]+)/async-invocations", endpoints.invoke),
                ("POST", "/v1/chat/completions", self_hosted.chat(desk)),
                ("GET", "/v1/models", self_hosted.models(desk)),
                ("GET", "/_host/health", control.health),
                ("GET", "/_host/behaviour", control.told),
                ("PUT", "/_host/behaviour", control.tell),
                ("GET", "/_host/calls", control.calls),
                ("POST", "/_host/reset", control.reset),
            )
        ]

    async def answer(self, request: Request) -> Answer:
        """Answer by the first route that fits; what it caught of the path goes along, decoded."""
        for method, path, handler in self._routes:
            if method == request.method and (found := path.fullmatch(request.path)):
                return await handler(request, *map(unquote, found.groups()))
        return answers.refused(unknown_operation())

    async def close(self) -> None:
        """Let go of the jobs, the endpoints and the engines."""
        await self._jobs.forget()
        await self._endpoints.forget()
        await self._desk.close()


def model_call(desk: Desk, api: str, read: Reader) -> Handler:
    """Return the handler of an operation that asks a model."""

    async def handle(request: Request, model: str) -> Answer:
        call = Call(at=time.time(), api=api, model=model)
        try:
            _check(request, model)
            wanted = read(request, model)
            call.metadata = wanted.metadata
            doing, reservation = desk.admit(wanted.ask, model=model)
        except Refusal as refusal:
            desk.refuse(call, refusal)
            return answers.refused(refusal)
        try:
            # A client that goes away stops waiting, not the model: it is paid for all the same.
            completion = await sheltered(desk.pay(call, wanted.ask, doing, reservation))
        except Refusal as refusal:
            return answers.refused(refusal)
        latency_ms = round((time.time() - call.at) * 1000)
        body = wanted.answer(completion, latency_ms=latency_ms)
        return await answers.paid(call, body, doing=doing, latency_ms=latency_ms, tier=wanted.tier)

    return handle


def token_count(desk: Desk) -> Handler:
    """Return the handler of CountTokens; it has no quota, no faults and no price here."""

    async def handle(request: Request, model: str) -> Answer:
        call = Call(at=time.time(), api="CountTokens", model=model)
        try:
            _check(request, model)
            ask = asked(request.body, model=model)
            tokens = await desk.engine_for(ask).count(ask)
        except Refusal as refusal:
            desk.refuse(call, refusal)
            return answers.refused(refusal)
        call.status = 200
        desk.ledger.append(call)
        return answers.plain({"inputTokens": tokens})

    return handle


def _check(request: Request, model: str) -> None:
    if "authorization" not in request.headers:
        raise unsigned()
    known(model)


def _converse(request: Request, model: str) -> Asked:
    return Converse(request.body, model=model)


def _invoke_model(request: Request, model: str) -> Asked:
    metadata = request.headers.get("x-amzn-bedrock-request-metadata")
    tier = request.headers.get("x-amzn-bedrock-service-tier")
    return InvokeModel(request.body, model=model, metadata=metadata, tier=tier)
