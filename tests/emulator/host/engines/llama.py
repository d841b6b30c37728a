"""The llama engine: SmolLM2-135M-Instruct served by llama.cpp, in a child of its own.

A child, because loading holds Python's lock for seconds and a fault in native code must not take
the host along. It is spoken to over loopback HTTP, so the event loop never waits for the model.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any

import aiohttp

from tests.emulator.host.engines.child import Child
from tests.emulator.host.engines.port import Ask, Completion, StopReason, ToolCall
from tests.emulator.host.refusals import failed, invalid

# Two requests share the model at a time: more only make each other slower on two cores.
SLOTS = 2
CONTEXT_TOKENS = 4096
# Without this the grammar allows any white space, and a small model then writes newlines for ever.
_COMPACT = {"x-guidance": {"whitespace_flexible": False}}


class Llama:
    """A real small model; started on first use."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._slots = asyncio.Semaphore(SLOTS)

    async def ready(self) -> None:
        """Start the child and wait until the model is loaded."""
        await self._running()

    async def complete(self, ask: Ask) -> Completion:
        """Answer, with decoding bound to the schema, or to that of the tool that must be called."""
        child = await self._running()
        async with self._slots:
            tokens = await self._tokens(child, ask)
            room = CONTEXT_TOKENS - len(tokens)
            if room < 1:
                raise invalid("Input is too long for requested model.")
            wanted = room if ask.max_tokens is None else ask.max_tokens
            asked = _sampling(ask) | {"prompt": tokens, "n_predict": min(wanted, room)}
            answer = await self._post(child, "/completion", asked)
        return _completion(answer, ask, cut_short=wanted > room)

    async def count(self, ask: Ask) -> int:
        """Return the true tokens of the prompt as the model would read it, and what is attached."""
        return len(await self._tokens(await self._running(), ask)) + ask.attached_tokens

    async def close(self) -> None:
        """End the child."""
        if self._child is not None:
            child, self._child = self._child, None
            await child.end()

    async def _running(self) -> Child:
        async with self._starting:
            if self._child is None or self._child.ended:
                self._child = await Child.start(slots=SLOTS, context=CONTEXT_TOKENS)
            return self._child

    async def _tokens(self, child: Child, ask: Ask) -> list[int]:
        system = [{"role": "system", "content": ask.system}] if ask.system else []
        turns = [{"role": turn.role, "content": turn.whole} for turn in ask.turns]
        prompt = await self._post(child, "/apply-template", {"messages": system + turns})
        answer = await self._post(child, "/tokenize", {"content": prompt["prompt"]})
        tokens: list[int] = answer["tokens"]
        return tokens

    async def _post(self, child: Child, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with child.session.post(path, json=body) as response:
                answer: dict[str, Any] = await response.json()
        except aiohttp.ClientError as error:
            raise failed(f"The model could not be reached: {type(error).__name__}.") from error
        if response.status != 200:
            raise failed(f"The model refused: {answer['error']['type']}.")
        return answer


def _sampling(ask: Ask) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    if ask.must_call is None:
        asked["stop"] = list(ask.stop_sequences)
    if ask.temperature is not None:
        asked["temperature"] = ask.temperature
    if ask.top_p is not None:
        asked["top_p"] = ask.top_p
    schema = ask.schema if ask.must_call is None else ask.must_call.schema
    if schema is not None:
        asked["json_schema"] = dict(schema) | _COMPACT
    return asked


def _completion(answer: dict[str, Any], ask: Ask, *, cut_short: bool) -> Completion:
    completion = Completion(
        text=answer["content"],
        stop_reason=_stop_reason(answer, ask, cut_short=cut_short),
        stop_sequence=answer["stopping_word"] or None,
        input_tokens=answer["tokens_evaluated"] + ask.attached_tokens,
        output_tokens=answer["tokens_predicted"],
    )
    return completion if ask.must_call is None else _called(completion, ask.must_call.name)


def _called(completion: Completion, tool: str) -> Completion:
    """Return the answer as the call of a tool, if it is whole and an object."""
    if completion.stop_reason is not StopReason.END_TURN:
        return replace(completion, text="")
    given = _json(completion.text)
    if not isinstance(given, dict):
        return replace(completion, text="", stop_reason=StopReason.MALFORMED_TOOL_USE)
    call = ToolCall(name=tool, input=given)
    return replace(completion, text="", stop_reason=StopReason.TOOL_USE, call=call)


def _stop_reason(answer: dict[str, Any], ask: Ask, *, cut_short: bool) -> StopReason:
    match answer["stop_type"]:
        case "limit" if cut_short:
            return StopReason.MODEL_CONTEXT_WINDOW_EXCEEDED
        case "limit":
            return StopReason.MAX_TOKENS
        case "word":
            return StopReason.STOP_SEQUENCE
        case _ if ask.schema is not None and _json(answer["content"]) is _NOT_JSON:
            # llama.cpp answers unbound, and says nothing, when it cannot use a schema.
            return StopReason.MALFORMED_MODEL_OUTPUT
        case _:
            return StopReason.END_TURN


_NOT_JSON = object()


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return _NOT_JSON
    return value
