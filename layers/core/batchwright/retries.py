"""A budget of retries: a service that fails is not asked several times as much as one that works.

(aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter)
"""

import asyncio
from collections.abc import Callable

from batchwright.errors import BatchwrightError
from batchwright.ports import Schedules
from batchwright.schedule import EXPIRATION, FORGET, GIVEN, MINUTE, SECOND, Change, Item

# A record's first call by a worker earns so much of a retry. What an earlier worker left in flight is no failure.
SHARE = 0.2
# A job may have so many besides, and as many again each minute, for all of its workers: a few records that fail again
# and again are no failing service.
FLOOR = 50
# A worker fetches so many of those at once, for one write.
SLICE = 10
STEP = SLICE * MINUTE // FLOOR
# Who meets others at the item tries again.
TRIES = 3


class Retries:
    """What one worker of a job may still ask again: what its own records earn, and then what the job has."""

    def __init__(self, schedules: Schedules, job: str, time: Callable[[], float]) -> None:
        """``time`` is in seconds since 1970."""
        self._schedules = schedules
        self._name = f"retries#{job}"
        self._time = time
        self._item: Item = {}
        self._left = 0.0
        self._fetches_at = 0.0
        self._deaf = False
        self._fetching = asyncio.Lock()

    @property
    def spent(self) -> bool:
        """Whether no call may be made again now."""
        return self._left < 1

    def earn(self) -> None:
        """Count a first call."""
        self._left += SHARE

    async def fetch(self) -> None:
        """Fetch some of what the job has, where nothing is left; when it has none, not again before it may."""
        if not self.spent:
            return
        async with self._fetching:
            if not self.spent or self._time() < self._fetches_at:
                return
            try:
                fetched = await asyncio.to_thread(self._fetch)
            except BatchwrightError:  # once a worker does without the table, and then it has none
                fetched, self._deaf = not self._deaf, True
            if fetched:
                self._left += SLICE
            else:
                self._fetches_at = self._time() + STEP / SECOND

    def take(self) -> bool:
        """Take one retry, if one is left."""
        if self.spent:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """Take back that a call was made again."""
        self._left += 1

    def _fetch(self) -> bool:
        """Move up to when the job's retries are given away, as a schedule is moved (:mod:`batchwright.turnstile`)."""
        for _ in range(TRIES):
            now = int(self._time() * SECOND)
            last = now + MINUTE - STEP
            put = {EXPIRATION: (now + FORGET) // SECOND}
            if self._item.get(GIVEN, -1) < now:
                change = Change(put={**put, GIVEN: now + STEP}, within={GIVEN: (None, now - 1)})
            else:
                change = Change(put=put, add={GIVEN: STEP}, within={GIVEN: (now, last)})
            applied, self._item = self._schedules.exchange(self._name, change)
            if applied or self._item.get(GIVEN, 0) > last:
                return applied
        return False
