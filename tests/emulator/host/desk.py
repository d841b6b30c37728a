"""The desk: where a call is admitted, paid for, answered by an engine and written down."""

import asyncio
import random
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from math import log
from typing import Any

from tests.emulator.host.batch.faults import BatchFaults
from tests.emulator.host.behaviour import Behaviour, Doing, EngineName
from tests.emulator.host.endpoints.faults import EndpointFaults
from tests.emulator.host.engines.echo import Echo
from tests.emulator.host.engines.embedder import Embedder
from tests.emulator.host.engines.llama import Llama
from tests.emulator.host.engines.port import Ask, Completion, Engine, StopReason
from tests.emulator.host.faults import Faults
from tests.emulator.host.ledger import Call, Ledger
from tests.emulator.host.looks import places
from tests.emulator.host.prompt_caches import PromptCaches
from tests.emulator.host.quota import Quotas, Reservation, Shortage
from tests.emulator.host.refusals import Refusal, scripted, too_many

# What is reserved for a call that names no maximum: the whole output of a model.
UNSET_MAX_TOKENS = 4096
INTERVENED = "Sorry, the model cannot answer this question."
FILTERED = "The generated text has been blocked by our content filters."


class Desk:
    """The host's state: how it behaves, what quota is left, which faults are armed, what was paid.

    Calls in flight keep the ledger and the reservation that they began with, so a reset forgets them.
    """

    def __init__(self, begin_with: Behaviour) -> None:
        self._begin_with = begin_with
        self.behaviour = begin_with
        self._engines: dict[EngineName, Engine] = {"echo": Echo(), "llama": Llama()}
        self._embedder = Embedder()
        self.reset()

    def reset(self) -> None:
        """Go back to how it was at the start."""
        self.ledger = Ledger()
        self.caches = PromptCaches()
        self.behave(self._begin_with.model_dump())

    def behave(self, given: dict[str, Any]) -> None:
        """Change what is given. A limit given begins afresh, and so do faults or a seed given."""
        self.behaviour = self.behaviour.changed_by(given)
        told = self.behaviour
        if given.keys() & {"rpm", "tpm", "limit_model"}:
            self._quotas = Quotas(
                rpm=told.rpm, tpm=told.tpm, limit_model=told.limit_model, start=time.monotonic()
            )
        if given.keys() & {"faults", "seed"}:
            self._faults = Faults(told.faults, seed=told.seed)
            self._dice = random.Random(told.seed)
        if given.keys() & {"batch", "seed"}:
            self.batch_faults = BatchFaults(told.batch.faults, seed=told.seed)
        if given.keys() & {"endpoints", "seed"}:
            self.endpoint_faults = EndpointFaults(told.endpoints.faults, seed=told.seed)

    @property
    def engine(self) -> Engine:
        """The engine that answers now."""
        return self._engines[self.behaviour.engine]

    def engine_for(self, ask: Ask) -> Engine:
        """The engine that answers this request: vectors come from no language model."""
        return self._embedder if ask.wants_vectors else self.engine

    async def close(self) -> None:
        """Let go of the engines."""
        for engine in self._engines.values():
            await engine.close()

    def admit(self, ask: Ask, *, model: str) -> tuple[Doing | None, Reservation]:
        """Return the fault that is to hit the call, and its reservation; or refuse it at once."""
        doing = self.fault(ask.user_text, model=model)
        wanted = UNSET_MAX_TOKENS if ask.max_tokens is None else ask.max_tokens
        tokens = ask.input_tokens + wanted
        reservation = self._quotas.reserve(model, tokens, now=time.monotonic())
        if isinstance(reservation, Shortage):
            raise too_many(reservation.what)
        return doing, reservation

    def fault(self, text: str, api: str | None = None, *, model: str | None = None) -> Doing | None:
        """Return the fault that is to hit a call, or refuse the call by it."""
        doing = self._faults.of_call(text, api=api, model=model)
        if doing is not None and (refusal := scripted(doing)) is not None:
            raise refusal
        return doing

    async def pay(
        self, call: Call, ask: Ask, doing: Doing | None, reservation: Reservation
    ) -> Completion:
        """Wait as long as the model would, have the engine answer, settle and write it down."""
        ledger, engine, used = self.ledger, self.engine_for(ask), (0, 0)
        caches, model = self.caches, call.model
        kept = caches.look(ask, model=model, now=time.monotonic())
        try:
            if delay := self.delay():
                await asyncio.sleep(delay)
            if self._intervenes(ask.guarded):
                return refused_by_guardrail()
            completion = altered(await engine.complete(ask), doing)
            if ask.guarded is not None and self._intervenes((completion.text,)):
                completion = refused_by_guardrail(completion)
            completion = replace(
                completion,
                input_tokens=completion.input_tokens - kept.tokens,
                cache_read_tokens=kept.read,
                cache_write_tokens=kept.written,
            )
            caches.keep(ask, kept, model=model, now=time.monotonic())
            used = completion.input_tokens, completion.output_tokens
            call.cache_read_tokens, call.cache_write_tokens = kept.read, kept.written
        except Refusal as refusal:
            call.status = refusal.status
            raise
        finally:
            # What was read from a cache is not counted in the end.
            reservation.settle(used[0] + call.cache_write_tokens, used[1], now=time.monotonic())
            call.input_tokens, call.output_tokens = used
            ledger.append(call)
        return completion

    def _intervenes(self, texts: Sequence[str] | None) -> bool:
        """Whether a guardrail finds anything in texts: here, every guardrail blocks whatever is looked for."""
        looks = self.behaviour.looks
        return any(True for text in texts or () for _ in places(looks, text))

    async def pay_in_batch(self, call: Call, ask: Ask) -> Completion:
        """Have the engine answer a record of a batch job, and write it down.

        Such a record has no quota, no latency and no prompt cache of its own.
        """
        ledger = self.ledger
        try:
            completion = await self.engine_for(ask).complete(ask)
            call.status = 200
            call.input_tokens = completion.input_tokens
            call.output_tokens = completion.output_tokens
        except Refusal as refusal:
            call.status = refusal.status
            raise
        finally:
            ledger.append(call)
        return completion

    def refuse(self, call: Call, refusal: Refusal) -> None:
        """Write down a call that was refused before it was paid for."""
        call.status = refusal.status
        self.ledger.append(call)

    def delay(self) -> float:
        """Return how long the next answer takes, in seconds."""
        median, sigma = self.behaviour.latency_ms / 1000, self.behaviour.latency_sigma
        if median == 0 or sigma == 0:
            return median
        return self._dice.lognormvariate(log(median), sigma)


async def sheltered[T](work: Coroutine[Any, Any, T]) -> T:
    """Do the work, and go on with it even if nobody waits any longer."""
    task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
    return task.result() if task.done() else await asyncio.shield(task)


def refused_by_guardrail(completion: Completion | None = None) -> Completion:
    """Return the guardrail's words instead of an answer; without one, no model was asked and nothing is paid."""
    return Completion(
        text=INTERVENED,
        stop_reason=StopReason.GUARDRAIL_INTERVENED,
        input_tokens=completion.input_tokens if completion else 0,
        output_tokens=completion.output_tokens if completion else 0,
    )


def altered(completion: Completion, doing: Doing | None) -> Completion:
    """Return the answer as the faults `truncate` and `filtered` leave it; others leave it be.

    A call of a tool that is cut short or blocked is no call any more.
    """
    if doing == "truncate":
        half = completion.text[: len(completion.text) // 2]
        return replace(
            completion,
            text=half,
            call=None,
            stop_reason=StopReason.MAX_TOKENS,
            output_tokens=(completion.output_tokens + 1) // 2,
        )
    if doing == "filtered":
        return replace(
            completion, text=FILTERED, call=None, stop_reason=StopReason.CONTENT_FILTERED
        )
    return completion
