"""Which beginnings of prompts are kept by a model's service, as far as the workers of the stack know it.

Of all workers that begin at once, one writes what all of them are going to read.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import orjson

from batchwright.digest import digest
from batchwright.errors import BatchwrightError
from batchwright.marking import Key
from batchwright.ports import Schedules
from batchwright.prices import model_id
from batchwright.schedule import EXPIRATION, FORGET, SECOND, Change, Item

CLAIMED = "claimed"
"""Until when somebody writes it."""
KEPT = "kept"
"""Until when it is kept at least: it is for longer, where it was read since."""

type Whose = Literal["mine", "another's", "kept"]


class Warmth:
    """For each beginning of a model's prompts one item of the state table, by its digest."""

    def __init__(self, schedules: Schedules, time: Callable[[], float]) -> None:
        """``time`` is in seconds since 1970."""
        self._schedules = schedules
        self._time = time

    async def known(self, model: str, key: Key) -> float | None:
        """Return for how many seconds yet a beginning is kept that others met often.

        Returns ``None`` where nobody did lately, or the table does not answer.
        """
        now = self._now()
        try:
            item = await asyncio.to_thread(self._schedules.read, _name(model, key))
        except BatchwrightError:
            return None
        # What the table has not deleted in time counts as nothing.
        there = item.get(EXPIRATION, -1) * SECOND >= now
        return max(0, item.get(KEPT, 0) - now) / SECOND if there else None

    async def claim(self, model: str, key: Key, seconds: float) -> Whose:
        """Claim for so long to write a beginning, unless it is kept or another writes it.

        Where the table does not answer, everybody writes for themselves.
        """
        now = self._now()
        put = {CLAIMED: now + int(seconds * SECOND)}
        within = {CLAIMED: (None, now - 1), KEPT: (None, now - 1)}
        change = Change(put={**put, **_expiration(now)}, within={**within})
        try:
            claimed, item = await self._exchange(model, key, change)
        except BatchwrightError:
            return "mine"
        if claimed:
            return "mine"
        return "kept" if item.get(KEPT, 0) >= now else "another's"

    async def tell(self, model: str, key: Key, seconds: float) -> None:
        """Tell for how long a beginning is kept that was claimed; 0 where it was not written."""
        now = self._now()
        put = {CLAIMED: 0, KEPT: now + int(seconds * SECOND) if seconds else 0}
        with suppress(BatchwrightError):  # then the claim passes
            await self._exchange(model, key, Change(put={**put, **_expiration(now)}))

    async def _exchange(self, model: str, key: Key, change: Change) -> tuple[bool, Item]:
        return await asyncio.to_thread(self._schedules.exchange, _name(model, key), change)

    def _now(self) -> int:
        return int(self._time() * SECOND)


def _name(model: str, key: Key) -> str:
    return f"warm#{model_id(model)}#{digest(orjson.dumps(key))}"


def _expiration(now: int) -> dict[str, int]:
    return {EXPIRATION: (now + FORGET) // SECOND}
