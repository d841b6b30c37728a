"""The governors of one worker: before every call it waits for its turn."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from batchwright.demand import endless
from batchwright.errors import Throttled
from batchwright.governor import Governor, Permit, Wait, schedule_of
from batchwright.learnt import Learnt
from batchwright.lengths import Lengths
from batchwright.pace import LeftForLater, Pace
from batchwright.ports import Schedules
from batchwright.quotas import Quota
from batchwright.retries import Retries
from batchwright.route import Route
from batchwright.schedule import SECOND
from batchwright.turnstile import PATIENCE
from batchwright.warmth import Warmth


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to make one call; the governor that gave it must hear what became of the call, by one of these."""

    governor: Governor
    permit: Permit

    def settle(self, used_tokens: int) -> None:
        """Tell what an answered call used."""
        self.governor.settle(self.permit, used_tokens)

    def throttled(self, retry_after: float | None) -> None:
        """Tell that the call was refused for the model's limit."""
        self.governor.throttled(self.permit, retry_after)

    def failed(self) -> None:
        """Tell that there was no answer."""
        self.governor.failed(self.permit)

    def unused(self) -> None:
        """Tell that no call was made."""
        self.governor.unused(self.permit)


# Where another model may be asked, nobody waits for longer without a turn.
IMPATIENCE = 3.0
FULL = "the model had no room for this worker for long"


class Gates:
    """One governor a model."""

    def __init__(  # noqa: PLR0913 - what there is to know of a worker
        self,
        schedules: Schedules,
        pace: Pace,
        *,
        job: str,
        priority: int,
        limit: Callable[[Route], Quota],
        time: Callable[[], float],
        contract: str | None = None,
        to_come: Callable[[], int] = endless,
        rested: float = 0.0,
    ) -> None:
        """``time`` is in seconds since 1970, ``contract`` the digest of what the job has in common with others.

        ``limit`` is what is known of a route's limits, ``to_come`` is how many records were not begun yet. Before this
        worker the workflow ``rested`` for so many seconds.
        """
        self._schedules = schedules
        self._pace = pace
        self._job = job
        self._priority = priority
        self._limit = limit
        self._time = time
        self._contract = contract
        self._learnt = Learnt(schedules, contract, time)
        self._to_come = to_come
        self._rested = rested
        self._governors: dict[str, Governor] = {}
        self._lengths: dict[str, Lengths] = {}
        self._begun: set[str] = set()
        self._beginning = asyncio.Lock()
        self._full_until: dict[str, float] = {}
        pace.when_stopping.append(self._stop)

    async def enter(self, route: Route, tokens: int, *, replaceable: bool = False) -> Leave:
        """Wait for a call's turn, in which it reserves so many tokens; raises :class:`LeftForLater`.

        Where the turn would come late, the workflow waits, for which nobody pays. Of a model that is ``replaceable`` it
        does not: this raises :class:`Throttled`, and does so at once for as long as the workflow would have waited.
        """
        name = schedule_of(route)
        patience = IMPATIENCE if replaceable else PATIENCE / SECOND
        if name not in self._begun:
            await self._begin(name, route, patience)
        if self._pace.stopping.is_set():
            raise LeftForLater
        left = self._full_until.get(name, 0) - self._time()
        if replaceable and left > 0:
            raise Throttled(FULL, retry_after=left)
        governor = self._governor(route, patience)
        try:
            return Leave(governor, await governor.permit(tokens))
        except Wait as wait:
            if self._pace.stopping.is_set():
                raise LeftForLater from None
            if replaceable:
                self._full_until[name] = self._time() + wait.seconds
                raise Throttled(FULL, retry_after=wait.seconds) from None
            self._pace.rest_for(wait.seconds)
            raise LeftForLater from None

    def at(self, pace: Pace) -> "Gates":
        """Return the gates for calls of another pace, with turns of their own; their answers are of another kind."""
        contract = None if self._contract is None else f"{self._contract}#judges"
        return self._other(pace, contract, endless)

    def again(self, pace: Pace) -> "Gates":
        """Return the gates for second calls of another pace: few, of which nothing is learnt, and none will follow."""
        return self._other(pace, None, lambda: 0)

    def _other(self, pace: Pace, contract: str | None, to_come: Callable[[], int]) -> "Gates":
        return Gates(
            self._schedules,
            pace,
            job=self._job,
            priority=self._priority,
            limit=self._limit,
            time=self._time,
            contract=contract,
            to_come=to_come,
        )

    def lengths(self, route: Route) -> Lengths:
        """Return how long a model's answers are; once it is governed, the other workers' are in it."""
        return self._lengths.setdefault(schedule_of(route), Lengths())

    def retries(self) -> Retries:
        """Return what the worker may ask again, of what its job may."""
        return Retries(self._schedules, self._job, self._time)

    def warmth(self) -> Warmth:
        """Return what the workers know of the prompts that models keep."""
        return Warmth(self._schedules, self._time)

    async def close(self) -> None:
        """Give back what the worker does not need, and leave what it has learnt."""
        for name, governor in self._governors.items():
            await governor.close()
            await self._learnt.tell(name, self._lengths[name], governor.ratio)

    async def _begin(self, name: str, route: Route, patience: float) -> None:
        async with self._beginning:
            if name not in self._begun:
                await self._learnt.fetch(name, self.lengths(route))
                await self._governor(route, patience).begin()
                self._begun.add(name)

    def _governor(self, route: Route, patience: float) -> Governor:
        name = schedule_of(route)
        if name not in self._governors:
            limit = self._limit(route)
            # A filter may tell the limits of the models that it asks, which the contract's routes do not know.
            told = {"rpm": route.rpm or limit.rpm, "tpm": route.tpm or limit.tpm}
            route = route.model_copy(update=told)
            self._governors[name] = Governor(
                self._schedules,
                route,
                job=self._job,
                priority=self._priority,
                seconds=self._time,
                chance=self._pace.chance,
                lengths=self.lengths(route),
                to_come=self._to_come,
                patience=patience,
                rested=self._rested,
            )
        return self._governors[name]

    def _stop(self) -> None:
        for governor in self._governors.values():
            governor.stop()
