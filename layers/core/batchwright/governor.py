"""The governor: a call waits here until it may be made.

A thin front on one event loop: what it decides is in :mod:`batchwright.turnstile`, what all workers share is behind the
port :class:`batchwright.ports.Schedules`.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from batchwright.believed import USUAL, suspicious
from batchwright.demand import Ticket, endless
from batchwright.errors import BatchwrightError
from batchwright.lengths import Lengths
from batchwright.ports import Schedules
from batchwright.prices import model_id
from batchwright.quotas import Quota, quota_of
from batchwright.route import Route
from batchwright.schedule import SECOND, Change
from batchwright.turnstile import PATIENCE, Turnstile

TRIES_TO_CLOSE = 3


class Wait(Exception):
    """The model has no room for this worker soon: leave, and come back after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        """The waiting is the workflow's, where it is free."""
        super().__init__(f"wait {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call, now."""

    ticket: Ticket


def schedule_of(route: Route) -> str:
    """Return the name of the schedule that a route shares with every other route to the same quota.

    >>> schedule_of(Route(model="arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"))
    'bedrock#us.amazon.nova-lite-v1:0'
    """
    if route.engine != "bedrock":
        return "#".join(route.asks[:2])
    return f"{route.engine}#{model_id(route.model)}"


def limits_of(route: Route) -> Quota:
    """Return the limits that are told; the other is learnt, since an account may have more than others."""
    return Quota(rpm=route.rpm, tpm=route.tpm)


class Governor:
    """What one worker may ask of one model, among all workers of all jobs."""

    def __init__(  # noqa: PLR0913 - what there is to know of a worker and its surroundings
        self,
        schedules: Schedules,
        route: Route,
        *,
        job: str,
        priority: int,
        seconds: Callable[[], float],
        chance: Callable[[], float],
        lengths: Lengths | None = None,
        to_come: Callable[[], int] = endless,
        patience: float = PATIENCE / SECOND,
        rested: float = 0.0,
    ) -> None:
        """``seconds`` is the time of day since 1970: workers must agree about it to some hundred milliseconds.

        ``lengths`` of the answers are shared with the other workers; ``to_come`` is how many calls there may be besides
        those that wait: turns are asked for no more than that. Where none gets its turn within ``patience`` seconds,
        all hear :class:`Wait`, of which the length depends on that of the worker's last one, ``rested``.
        """
        self._schedules = schedules
        self._model = schedule_of(route)
        self._seconds = seconds
        self._gate = Turnstile(
            caps=limits_of(route),
            usual=quota_of(route.listed).tpm or USUAL,
            job=job,
            priority=priority,
            chance=chance,
            lengths=lengths or Lengths(),
            to_come=to_come,
            patience=int(patience * SECOND),
            rested=rested,
        )
        self._futures: dict[Ticket, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0
        self._telling: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """See how the schedule stands, so that what is asked for first may be had; the table need not answer."""
        with suppress(BatchwrightError):
            item = await asyncio.to_thread(self._schedules.read, self._model)
            self._gate.begin(item, self._now())

    async def permit(self, tokens: int) -> Permit:
        """Wait until a call may be made that reserves so many tokens of the quota; raises :class:`Wait`.

        Every permit must be settled, throttled, failed, or given back unused.
        """
        now = self._now()
        ticket = self._gate.wait(tokens, now)
        # Most calls find their turn there already: then nothing is to be told, and who looks next has been said.
        if self._timer is not None and self._gate.goes_at_once(now):
            return Permit(ticket)
        turn = self._futures[ticket] = asyncio.get_running_loop().create_future()
        self._look()
        try:
            await turn
        except BaseException:
            self._gate.leave(ticket)
            raise
        finally:
            self._futures.pop(ticket, None)
        return Permit(ticket)

    def settle(self, permit: Permit, used_tokens: int) -> None:
        """Tell what an answered call used, in tokens as the quota counts them, like those of :meth:`permit`."""
        self._gate.settle(permit.ticket, used_tokens, self._now())
        # While nothing is known to go through an answer is news; else it brings nobody's turn nearer.
        if suspicious(self._gate.item) or self._timer is None:
            self._look()

    def throttled(self, permit: Permit, retry_after: float | None = None) -> None:
        """Tell that the service refused a call for its limit: everybody slows down."""
        self._gate.throttle(permit.ticket, self._now(), retry_after)
        self._look()

    def failed(self, permit: Permit) -> None:
        """Tell that a call ended without an answer: what it used is not known."""
        self._gate.fail(permit.ticket)
        self._look()

    def unused(self, permit: Permit) -> None:
        """Give back a permit for a call that was not made."""
        self._gate.leave(permit.ticket)
        self._look()

    def stop(self) -> None:
        """Let nobody wait any more: each hears :class:`Wait`."""
        self._refuse_all(Wait(0))

    @property
    def ratio(self) -> float | None:
        """What calls use of what they reserve, on average, as far as it is known."""
        return self._gate.ratio

    async def close(self) -> None:
        """Give back what is not needed; nobody may wait any more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._telling is not None:
            await self._telling
        with suppress(BatchwrightError):  # what is not given back passes by itself
            for _ in range(TRIES_TO_CLOSE):
                if (change := self._gate.closing(self._now())) is None:
                    return
                applied, item = await asyncio.to_thread(
                    self._schedules.exchange, self._model, change
                )
                self._gate.heard(applied, item, self._now())

    def _now(self) -> int:
        return int(self._seconds() * SECOND)

    def _look(self) -> None:
        """Let calls go whose turn it is, tell what must be told, and say when to look again."""
        now = self._now()
        if (seconds := self._gate.rest(now)) is not None:
            self._refuse_all(Wait(seconds))
        for ticket in self._gate.released(now):
            self._let_go(ticket)
        if change := self._gate.change(now):
            self._telling = asyncio.create_task(self._tell(change))
        if self._gate.waiting or self._gate.running:
            self._look_at(self._gate.wakes_at(now), now)

    def _look_at(self, time: int, now: int) -> None:
        """Look again at a time, or before: a timer that comes too early is cheaper than a new one for every call."""
        if self._timer is not None:
            if self._looks_at <= time:
                return
            self._timer.cancel()
        self._looks_at = time
        self._timer = asyncio.get_running_loop().call_later((time - now) / SECOND, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._look()

    def _let_go(self, ticket: Ticket) -> None:
        turn = self._futures.get(ticket)
        if turn is None or turn.done():
            self._gate.leave(ticket)
        else:
            turn.set_result(None)

    def _refuse_all(self, fault: Exception) -> None:
        for ticket in [*self._gate.waiting]:
            self._gate.leave(ticket)
            turn = self._futures[ticket]
            if not turn.done():
                turn.set_exception(fault)

    async def _tell(self, change: Change) -> None:
        try:
            applied, item = await asyncio.to_thread(self._schedules.exchange, self._model, change)
            self._gate.heard(applied, item, self._now())
        except BatchwrightError:
            self._gate.failed(self._now())
        except Exception as fault:  # noqa: BLE001 - nobody awaits this task: who waits for a turn must be told
            self._gate.failed(self._now())
            self._refuse_all(fault)
        self._look()
