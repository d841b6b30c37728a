"""The services that filters ask, on the wire: guardrails, guardrail checks, and Comprehend."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from tests.emulator.host import answers
from tests.emulator.host.desk import Desk
from tests.emulator.host.http1 import Answer, Request
from tests.emulator.host.ledger import Call
from tests.emulator.host.looks import Look
from tests.emulator.host.refusals import Refusal, unknown_operation, unsigned
from tests.emulator.host.wire.comprehend import DetectPiiEntities, DetectToxicContent
from tests.emulator.host.wire.guardrails import ApplyGuardrail, InvokeGuardrailChecks

TARGET = "Comprehend_20171127."
COMPREHEND: dict[str, Callable[[bytes], "Looked"]] = {
    "DetectPiiEntities": DetectPiiEntities,
    "DetectToxicContent": DetectToxicContent,
}


class Looked(Protocol):
    """A request as it was read from one of the wires."""

    @property
    def text(self) -> str:
        """All that is to be looked at."""

    def answer(self, looks: Sequence[Look]) -> dict[str, Any]:
        """Return the body of the answer."""


type Handler = Callable[..., Awaitable[Answer]]


def guardrail(desk: Desk) -> Handler:
    """Return the handler of ApplyGuardrail."""

    async def handle(request: Request, guardrail: str, version: str) -> Answer:
        name = f"{guardrail}:{version}"
        return await _looked(desk, request, "ApplyGuardrail", name, ApplyGuardrail)

    return handle


def guardrail_checks(desk: Desk) -> Handler:
    """Return the handler of InvokeGuardrailChecks."""

    async def handle(request: Request) -> Answer:
        return await _looked(desk, request, "InvokeGuardrailChecks", "", InvokeGuardrailChecks)

    return handle


def comprehend(desk: Desk) -> Handler:
    """Return the handler of Comprehend's operations, all of which have one path."""

    async def handle(request: Request) -> Answer:
        api = request.headers.get("x-amz-target", "").removeprefix(TARGET)
        if api not in COMPREHEND:
            return answers.refused(unknown_operation(), in_body=True)
        return await _looked(desk, request, api, "", COMPREHEND[api])

    return handle


async def _looked(
    desk: Desk, request: Request, api: str, name: str, read: Callable[[bytes], Looked]
) -> Answer:
    call = Call(at=time.time(), api=api, model=name)
    try:
        if "authorization" not in request.headers:
            raise unsigned()
        wanted = read(request.body)
        doing = desk.fault(wanted.text, api)
    except Refusal as refusal:
        desk.refuse(call, refusal)
        # Comprehend's JSON protocol names the error in the body, and throttles with 400.
        return answers.refused(refusal, in_body=api in COMPREHEND)
    if delay := desk.delay():
        await asyncio.sleep(delay)
    desk.ledger.append(call)
    body = wanted.answer(desk.behaviour.looks)
    return await answers.paid(call, body, doing=doing, latency_ms=0, tier=None)
