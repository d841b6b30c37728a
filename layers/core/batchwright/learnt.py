"""What one job has learnt of a model's answers under its contract, for the next job under the same contract.

The workers of a job share it in the model's schedule (:mod:`batchwright.news`). What is handed on has an item of its
own for each model and contract: however many contracts there are, the schedule, which is written all the time, does not
grow, and each is forgotten by itself.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from batchwright.errors import BatchwrightError
from batchwright.lengths import FEW, Earlier, Lengths
from batchwright.ports import Schedules
from batchwright.schedule import EXPIRATION, MINUTE, SECOND, Change, Item

# What nobody told again for so long is forgotten: by then what the contract asks may be of another kind.
KEEP = 10 * 24 * 60 * MINUTE
# What has not changed is told again after so long: so a contract is kept for a week after its last job at least.
AGAIN = 3 * 24 * 60 * MINUTE
SEEN, LONGEST, RATIO = "seen", "longest", "ratio"
# What differs by no more than this part is not told: answers of the same kind are not the same.
ABOUT = 0.1


class Learnt:
    """What is known of the answers to one contract's requests, for each model."""

    def __init__(
        self, schedules: Schedules, contract: str | None, time: Callable[[], float]
    ) -> None:
        """``contract`` is its digest, ``None`` where nothing is handed on; ``time`` is in seconds since 1970."""
        self._schedules = schedules
        self._contract = contract
        self._time = time
        self._found: dict[str, Item] = {}

    async def fetch(self, model: str, lengths: Lengths) -> None:
        """Take in what earlier jobs have left; nothing, where the table does not answer."""
        if self._contract is None:
            return
        with suppress(BatchwrightError):
            item = await asyncio.to_thread(self._schedules.read, self._name(model))
            # What the table has not deleted in time counts as nothing.
            if item.get(EXPIRATION, -1) >= self._time():
                self._found[model] = item
                lengths.earlier = Earlier(
                    seen=item.get(SEEN, 0),
                    longest=item.get(LONGEST, 0),
                    ratio=item[RATIO] / 1000 if RATIO in item else None,
                )

    async def tell(self, model: str, lengths: Lengths, ratio: float | None) -> None:
        """Leave what this worker knows and what it found does not say; ``ratio`` is what calls use of what they may."""
        if self._contract is None or not lengths.seen:
            return
        put = {EXPIRATION: int(self._time()) + KEEP // SECOND, LONGEST: lengths.handed_on}
        if ratio is not None:
            put[RATIO] = round(1000 * ratio)
        if self._is_news(self._found.get(model, {}), put):
            change = Change(add={SEEN: lengths.seen}, put=put)
            with suppress(BatchwrightError):  # then the next worker tells it
                await asyncio.to_thread(self._schedules.exchange, self._name(model), change)

    def _is_news(self, found: Item, put: Item) -> bool:
        """Whether what was found says something else, or of too few answers, or some days ago."""
        if found.get(SEEN, 0) < FEW or put[EXPIRATION] - found[EXPIRATION] > AGAIN // SECOND:
            return True
        return any(
            abs(put[name] - found.get(name, 0)) > ABOUT * found.get(name, 0)
            for name in put.keys() - {EXPIRATION}
        )

    def _name(self, model: str) -> str:
        return f"learnt#{model}#{self._contract}"
