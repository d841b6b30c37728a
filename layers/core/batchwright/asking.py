"""Asking for one record: the one layer of retries (design §7)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from batchwright.completion import fault_of
from batchwright.contract import Route
from batchwright.errors import AskAgain, RecordInvalid, ServiceFault, TimedOut, Truncated
from batchwright.ports import Engine
from batchwright.request import Request
from batchwright.settling import Asked

# AWS advises six calls at most (docs.aws.amazon.com/bedrock/latest/userguide/scaling-throughput-best-practices.html).
# Only calls that got no answer and may be this record's own fault count, over all workers that tried. Throttles and an
# overloaded service say nothing about the record: they are waited out.
MOST_CALLS = 6
BACKOFF_BASE = 0.5
BACKOFF_CAP = 5.0
# Asked to wait longer than this, a worker hands the waiting to the workflow, where it is free.
LONGEST_WAIT = 5.0
# A worker that had no answer at all for so long, against throttles, rests.
PATIENCE = 10.0
REST = 60.0
# An answer that was cut is asked for once more with twice the limit, up to this many tokens.
LARGEST_RETRY = 8192


class LeftForLater(Exception):
    """The worker stops; the record has no outcome and waits for the next worker."""


@dataclass(slots=True)
class Pace:
    """What the records of one worker share: whether to go on, and since when nothing worked."""

    now: Callable[[], float]
    """Seconds of a clock that never jumps."""
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    answered_at: float
    """When the last answer came, by the same clock; at first, when the worker began."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    rest: float | None = None
    """Seconds that the workflow should wait, once somebody asked for it."""
    calls: int = 0
    ambiguous_calls: int = 0

    async def wait(self, seconds: float, *, for_all: bool) -> None:
        """Wait, but not past the worker's stop; raises :class:`LeftForLater`.

        ``for_all`` means that other records would fare no better: then a long wait is the workflow's.
        """
        if for_all and (seconds > LONGEST_WAIT or self.now() - self.answered_at > PATIENCE):
            self.rest_for(max(seconds, REST * (0.5 + self.chance() / 2)))
        await self.sleep(seconds)
        if self.stopping.is_set():
            raise LeftForLater

    async def sleep(self, seconds: float) -> None:
        """Let time pass, or the worker's stop come."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def take_calls(self) -> tuple[int, int]:
        """Return the calls, and those of them that are ambiguous, since this was last asked."""
        taken = self.calls, self.ambiguous_calls
        self.calls = self.ambiguous_calls = 0
        return taken

    def rest_for(self, seconds: float) -> None:
        """Stop the worker and have the workflow wait."""
        self.rest = max(self.rest or 0, seconds)
        self.stopping.set()


class Asker:
    """Asks an engine for records, again where that may help, and counts every call."""

    def __init__(self, engine: Engine, pace: Pace, time_left: Callable[[], float]) -> None:
        """``time_left`` is how many seconds the worker can still wait for an answer."""
        self._engine = engine
        self._pace = pace
        self._time_left = time_left

    async def ask(self, request: Request, route: Route, asked: Asked, job_id: str) -> None:
        """Ask until there is an answer, and put it into ``asked``.

        Raises :class:`RecordEnds` or :class:`AskAgain` where the record ends without one, :class:`JobStops` where all
        would, :class:`LeftForLater` where the worker stops first.
        """
        metadata = {"job_id": job_id, "idempotency_key": asked.key}
        delays = 0
        enlarged = False
        if asked.counted_calls >= MOST_CALLS:
            raise TimedOut(f"{asked.counted_calls} calls ended without a whole answer")
        while True:
            try:
                await self._call(request, route, asked, metadata)
            except AskAgain as fault:
                own = isinstance(fault, TimedOut | ServiceFault)
                asked.counted_calls += own
                if asked.counted_calls >= MOST_CALLS:
                    raise
                await self._pace.wait(self._backoff(delays, fault.retry_after), for_all=not own)
                delays += 1
            except RecordInvalid:
                if not enlarged:
                    raise
                # The model does not write that much; the cut answer, which was paid for, is what there is.
                raise Truncated(
                    "the answer was cut at max_tokens, the model writes no more"
                ) from None
            except Truncated:
                limit = request.max_tokens or 0
                larger = min(2 * limit, LARGEST_RETRY)
                if enlarged or larger <= limit:
                    raise
                request, enlarged = request.with_max_tokens(larger), True
            else:
                return

    async def _call(
        self, request: Request, route: Route, asked: Asked, metadata: dict[str, str]
    ) -> None:
        if self._pace.stopping.is_set():
            raise LeftForLater
        asked.calls += 1
        self._pace.calls += 1
        try:
            asked.completion = await self._engine.ask(
                request,
                model=route.model,
                timeout=min(route.timeout, self._time_left()),
                metadata=metadata,
            )
        except TimedOut:
            self._count_ambiguous(asked)
            raise
        except asyncio.CancelledError:  # the worker's time is up before the call's
            self._count_ambiguous(asked)
            asked.counted_calls += 1
            raise
        self._pace.answered_at = self._pace.now()
        asked.usage += asked.completion.usage
        if fault := fault_of(asked.completion):
            raise fault

    def _count_ambiguous(self, asked: Asked) -> None:
        asked.ambiguous_calls += 1
        self._pace.ambiguous_calls += 1

    def _backoff(self, delays: int, retry_after: float | None) -> float:
        """Full jitter, or what was asked for.

        (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter)
        """
        most = min(BACKOFF_CAP, BACKOFF_BASE * 2.0**delays)
        return max(self._pace.chance() * most, retry_after or 0)
