"""How filters ask a service: a few calls at once from every worker, again where that may help, and not for ever.

Services of filters have limits of their own, and no governor. So a call that is refused keeps its place in the queue
while it waits: the more is refused, the fewer are made, by every worker alike.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from batchwright.errors import AskAgain, ServiceFault, TimedOut
from batchwright.filters.streak import Streak

MOST_AT_ONCE = 16
BACKOFF_BASE = 0.25
BACKOFF_CAP = 10.0
# So long a call waits where the service is throttled or down; then its record is held.
PATIENCE = 120.0


class Queue:
    """The calls of one worker to one service."""

    def __init__(
        self,
        service: str,
        *,
        chance: Callable[[], float],
        tries: int = 3,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``service`` is what it is called in messages; ``tries`` is how often it may fail at one call."""
        self._service = service
        self._chance = chance
        self._tries = tries
        self._sleep = sleep
        self._now = now
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._streak = Streak(service)

    async def ask[T](self, call: Callable[[], Awaitable[T]], *, timeout: float) -> T:
        """Make a call when its turn has come; ``call`` reads the answer, too, so that an odd one is a failure.

        Raises what the call raises; and :class:`FilterBroken` where nothing ever succeeds.
        """
        async with self._places:
            try:
                answer = await self._answered(call, timeout)
            except Exception as fault:
                self._streak.failed(fault)
                raise
            self._streak.end()
            return answer

    async def _answered[T](self, call: Callable[[], Awaitable[T]], timeout: float) -> T:
        began, delays, faults = self._now(), 0, 0
        while True:
            try:
                return await self._once(call, timeout)
            except AskAgain as fault:
                faults += isinstance(fault, TimedOut | ServiceFault)
                if faults >= self._tries or self._now() - began > PATIENCE:
                    raise
                most = min(BACKOFF_CAP, BACKOFF_BASE * 2.0**delays)
                wished = min(fault.retry_after or 0, PATIENCE)
                await self._sleep(max(self._chance() * most, wished))
                delays += 1

    async def _once[T](self, call: Callable[[], Awaitable[T]], timeout: float) -> T:
        try:
            async with asyncio.timeout(timeout):
                return await call()
        except TimeoutError:
            raise TimedOut(f"{self._service} did not answer within {timeout:g} s") from None
