"""The container behind an endpoint: it reads a payload, has an engine answer, and writes what it says."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

import orjson

from tests.emulator.host.desk import Desk
from tests.emulator.host.endpoints.behaviour import ContainerName, EndpointBehaviour
from tests.emulator.host.engines.port import Ask, Completion
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.chat_completions import ChatCompletions
from tests.emulator.host.wire.generate import Djl, Plain, Tgi

UNNAMED = "unnamed"


class Asked(Protocol):
    """A request as a container read it."""

    ask: Ask

    def answer(self, completion: Completion) -> Any:
        """Return what the container says."""


class Vllm:
    """vLLM, as the one model of an endpoint: a request need not name it."""

    def __init__(self, body: bytes, model: str) -> None:
        self._read = ChatCompletions(_named(body, model))
        self.ask = self._read.ask
        if self._read.model != model:
            raise Refusal(404, "NotFoundError", f"The model `{self._read.model}` does not exist.")

    def answer(self, completion: Completion) -> Any:
        """Return a chat completion."""
        return self._read.answer(completion)


def _named(body: bytes, model: str) -> bytes:
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    return orjson.dumps({"model": model, **fields}) if isinstance(fields, dict) else body


CONTAINERS: dict[ContainerName, Callable[[bytes, str], Asked]] = {
    "openai": Vllm,
    "tgi": Tgi,
    "djl": Djl,
    "plain": Plain,
}


class Container:
    """What serves behind one endpoint."""

    def __init__(self, name: str, told: EndpointBehaviour, desk: Desk) -> None:
        self._name = name
        self._told = told
        self._desk = desk

    def read(self, payload: bytes) -> list[Asked]:
        """Read one request, or a line each where it takes that; or refuse."""
        shape, model = CONTAINERS[self._told.container], self._told.model or UNNAMED
        lines = [line for line in payload.split(b"\n") if line.strip()]
        if not self._told.takes_jsonl or len(lines) == 1:
            return [shape(payload, model)]
        return [shape(line, model) for line in lines]

    async def answer(self, asked: list[Asked], *, inference_id: str) -> bytes:
        """Answer, and write down what that is paid for."""
        if delay := self._desk.delay():
            await asyncio.sleep(delay)
        told = [await self._one(each, inference_id) for each in asked]
        return b"\n".join(map(orjson.dumps, told)) + (b"\n" if len(told) > 1 else b"")

    async def _one(self, asked: Asked, inference_id: str) -> Any:
        call = Call(
            at=time.time(),
            api="InvokeEndpointAsync",
            model=self._name,
            metadata={"inferenceId": inference_id},
        )
        return asked.answer(await self._desk.pay_in_batch(call, asked.ask))


def texts_of(asked: list[Asked]) -> str:
    """Return what faults match on."""
    return "\n".join(each.ask.user_text for each in asked)


def words_of(refusal: Refusal) -> str:
    """Return why a call failed, as SageMaker says it of a container's refusal."""
    kind = "client" if refusal.status < 500 else "server"
    return (
        f'Received {kind} error ({refusal.status}) from primary with message "{refusal.message}".'
    )


def broken(code: int) -> Refusal:
    """Return the refusal of a container that a fault breaks."""
    return Refusal(code, "ModelError", "The container failed by a scripted fault.")
