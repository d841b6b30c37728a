"""The governors of one worker: before a call of a model whose limits the contract tells, it waits for its turn."""

from collections.abc import Callable
from dataclasses import dataclass

from batchwright.contract import Route
from batchwright.demand import endless
from batchwright.governor import Governor, Permit, Wait, schedule_of
from batchwright.lengths import Lengths
from batchwright.pace import LeftForLater, Pace
from batchwright.ports import Schedules


class Leave:
    """Leave to make one call, of a model that has no governor: nobody needs to hear what became of it."""

    def settle(self, used_tokens: int) -> None:
        """Tell what an answered call used."""

    def throttled(self, retry_after: float | None) -> None:
        """Tell that the call was refused for the model's limit."""

    def failed(self) -> None:
        """Tell that there was no answer."""

    def unused(self) -> None:
        """Tell that no call was made."""


@dataclass(frozen=True, slots=True)
class Governed(Leave):
    """Leave that a governor gave; it must hear what became of the call, by one of these."""

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


FREE = Leave()


class Gates:
    """One governor a model; a model whose limits nobody tells has none."""

    def __init__(
        self,
        schedules: Schedules,
        pace: Pace,
        *,
        job: str,
        priority: int,
        time: Callable[[], float],
        to_come: Callable[[], int] = endless,
    ) -> None:
        """``time`` is in seconds since 1970; ``to_come`` is how many records were not begun yet."""
        self._schedules = schedules
        self._pace = pace
        self._job = job
        self._priority = priority
        self._time = time
        self._to_come = to_come
        self._governors: dict[str, Governor] = {}
        self._lengths: dict[str, Lengths] = {}
        pace.when_stopping.append(self._stop)

    async def enter(self, route: Route, tokens: int) -> Leave:
        """Wait for a call's turn, in which it reserves so many tokens; raises :class:`LeftForLater`.

        Where the turn would come late, the workflow waits, for which nobody pays.
        """
        if route.rpm is None and route.tpm is None:
            return FREE
        if self._pace.stopping.is_set():
            raise LeftForLater
        governor = self._governor(route)
        try:
            return Governed(governor, await governor.permit(tokens))
        except Wait as wait:
            if not self._pace.stopping.is_set():
                self._pace.rest_for(wait.seconds)
            raise LeftForLater from None

    def at(self, pace: Pace) -> "Gates":
        """Return the gates for calls of another pace, with turns of their own."""
        return Gates(self._schedules, pace, job=self._job, priority=self._priority, time=self._time)

    def lengths(self, route: Route) -> Lengths:
        """Return how long a model's answers are; where it has a governor, the other workers' are in it."""
        return self._lengths.setdefault(schedule_of(route), Lengths())

    async def close(self) -> None:
        """Give back what the worker does not need."""
        for governor in self._governors.values():
            await governor.close()

    def _governor(self, route: Route) -> Governor:
        name = schedule_of(route)
        if name not in self._governors:
            self._governors[name] = Governor(
                self._schedules,
                route,
                job=self._job,
                priority=self._priority,
                seconds=self._time,
                chance=self._pace.chance,
                lengths=self.lengths(route),
                to_come=self._to_come,
            )
        return self._governors[name]

    def _stop(self) -> None:
        for governor in self._governors.values():
            governor.stop()
