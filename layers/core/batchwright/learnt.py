"""What one job has learnt of a model's answers under its contract, for the next job under the same contract.

The workers of a job share it in the model's schedule (:mod:`batchwright.news`). What is handed on has an item of its
own for each model and contract: however many contracts there are, the schedule, which is written all the time, does not
grow, and each is forgotten by itself.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from batchwright.errors import BatchwrightError
from batchwright.lengths import Earlier, Lengths
from batchwright.ports import Schedules
from batchwright.schedule import EVER, EXPIRATION, MINUTE, SECOND, Change

# A contract that no job had for so long is forgotten: by then what it asks may be of another kind.
KEEP = 7 * 24 * 60 * MINUTE
SEEN, LONGEST, RATIO = "seen", "longest", "ratio"


class Learnt:
    """What is known of the answers to one contract's requests, for each model."""

    def __init__(
        self, schedules: Schedules, contract: str | None, time: Callable[[], float]
    ) -> None:
        """``contract`` is its digest, ``None`` where nothing is handed on; ``time`` is in seconds since 1970."""
        self._schedules = schedules
        self._contract = contract
        self._time = time

    async def fetch(self, model: str, lengths: Lengths) -> None:
        """Take in what earlier jobs have left; nothing, where the table does not answer."""
        if self._contract is None:
            return
        now = int(self._time())
        # Where there is nothing, nothing is written; what the table has not deleted in time counts as nothing, too.
        change = Change(put=self._expiration(), within={EXPIRATION: (now, EVER)})
        with suppress(BatchwrightError):
            there, item = await self._exchange(model, change)
            if there:
                lengths.earlier = Earlier(
                    seen=item.get(SEEN, 0),
                    longest=item.get(LONGEST, 0),
                    ratio=item[RATIO] / 1000 if RATIO in item else None,
                )

    async def tell(self, model: str, lengths: Lengths, ratio: float | None) -> None:
        """Leave what this worker knows; ``ratio`` is what calls use of what they may use."""
        if self._contract is None or not lengths.seen:
            return
        put = {**self._expiration(), LONGEST: lengths.handed_on}
        if ratio is not None:
            put[RATIO] = round(1000 * ratio)
        with suppress(BatchwrightError):  # then the next worker tells it
            await self._exchange(model, Change(add={SEEN: lengths.seen}, put=put))

    def _expiration(self) -> dict[str, int]:
        return {EXPIRATION: int(self._time()) + KEEP // SECOND}

    async def _exchange(self, model: str, change: Change) -> tuple[bool, dict[str, int]]:
        name = f"learnt#{model}#{self._contract}"
        there, item = await asyncio.to_thread(self._schedules.exchange, name, change)
        return there, {**item}
