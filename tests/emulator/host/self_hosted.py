"""The host as somebody's own server of OpenAI's API: `/v1/chat/completions` and `/v1/models`, with vLLM's errors."""

import time
import uuid
from collections.abc import Awaitable, Callable

import orjson

from tests.emulator.host import answers
from tests.emulator.host.desk import Desk, sheltered
from tests.emulator.host.http1 import Answer, Request
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.chat_completions import CONTEXT, ChatCompletions

API = "chat.completions"
TYPES = {
    400: "BadRequestError",
    404: "NotFoundError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}
# What calls carry in their headers, and the ledger tells as their metadata.
HEADERS = {"job_id": "x-batchwright-job", "idempotency_key": "x-batchwright-record"}

type Handler = Callable[..., Awaitable[Answer]]


def chat(desk: Desk) -> Handler:
    """Return the handler of chat completions."""

    async def handle(request: Request) -> Answer:
        call = Call(at=time.time(), api=API, model="", metadata=_metadata(request))
        if (unwelcome := _unwelcome(desk, request)) is not None:
            call.status = unwelcome.status
            desk.ledger.append(call)
            return unwelcome
        try:
            wanted = ChatCompletions(request.body)
            call.model = wanted.model
            _check_served(desk, wanted.model)
            doing, reservation = desk.admit(wanted.ask, model=wanted.model)
        except Refusal as refusal:
            desk.refuse(call, refusal)
            return _refused(refusal)
        try:
            completion = await sheltered(desk.pay(call, wanted.ask, doing, reservation))
            body = wanted.answer(completion)
        except Refusal as refusal:
            return _refused(refusal)
        return await answers.paid(call, body, doing=doing, latency_ms=0, tier=None)

    return handle


def models(desk: Desk) -> Handler:
    """Return the handler that lists the models."""

    async def handle(request: Request) -> Answer:
        if (unwelcome := _unwelcome(desk, request)) is not None:
            return unwelcome
        served = [
            {"id": name, "object": "model", "created": 0, "owned_by": "host"}
            for name in desk.behaviour.served
        ]
        return _answer(200, {"object": "list", "data": served})

    return handle


def _unwelcome(desk: Desk, request: Request) -> Answer | None:
    """Return the answer to a caller without the key, where there is one; vLLM's has no message."""
    key = desk.behaviour.api_key
    if key is None or request.headers.get("authorization") == f"Bearer {key}":
        return None
    return _answer(401, {"error": "Unauthorized"})


def _check_served(desk: Desk, model: str) -> None:
    if model not in desk.behaviour.served:
        raise Refusal(404, "NotFoundError", f"The model `{model}` does not exist.")


def _metadata(request: Request) -> dict[str, str]:
    told = ((name, request.headers.get(header)) for name, header in HEADERS.items())
    return {name: value for name, value in told if value is not None}


def _refused(refusal: Refusal) -> Answer:
    """Return a refusal in vLLM's shape, and of a prompt that is too long in its words."""
    message = CONTEXT if "too long" in refusal.message else refusal.message
    kind = TYPES.get(refusal.status, "APIError")
    error = {"message": message, "type": kind, "param": None, "code": refusal.status}
    return _answer(refusal.status, {"error": error})


def _answer(status: int, body: dict[str, object]) -> Answer:
    headers = {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex}
    return Answer(status=status, body=orjson.dumps(body), headers=headers)
