"""Asking for one record: the one layer of retries (design §7)."""

import asyncio
from collections.abc import Awaitable, Callable

from batchwright.breaker import Breakers
from batchwright.charges import cost_usd_of
from batchwright.collected import Collected
from batchwright.completion import Completion, fault_of
from batchwright.contract import Contract
from batchwright.errors import (
    AskAgain,
    BatchwrightError,
    BudgetExceeded,
    ContextOverflow,
    JobStops,
    RecordInvalid,
    ServiceFault,
    Throttled,
    TimedOut,
    Truncated,
    Unavailable,
)
from batchwright.gates import Gates
from batchwright.marking import lasts_an_hour
from batchwright.outcome import add_costs
from batchwright.pace import LeftForLater, LeftOpen, Pace, Unresting
from batchwright.ports import Engine
from batchwright.prices import saved_usd
from batchwright.purse import Payer
from batchwright.quotas import quota_tokens
from batchwright.request import Request
from batchwright.room import CutShort, Room
from batchwright.route import Route
from batchwright.settling import Asked
from batchwright.warming import Warming

# What may be the record's own fault.
OWN = (TimedOut, ServiceFault)
# What the service refused, it does not bill.
NOT_BILLED = (Throttled, Unavailable, RecordInvalid, ContextOverflow, JobStops)
BACKOFF_BASE = 0.5
BACKOFF_CAP = 5.0
# An answer that was cut is asked for once more with twice the limit, up to this many tokens.
LARGEST_RETRY = 8192

# Where an answer was paid for, a turn that comes late is asked for again after so many seconds.
LATER = 5.0

# Refused so often in a row by a model, a record asks the next one, where the contract has one for that.
REFUSALS = 3


class Asker:
    """Asks an engine for records, again where that may help, and counts every call.

    Calls that got no answer and may be the record's own fault are bounded, over all workers that tried. Throttles and
    an overloaded service say nothing about the record: they are waited out. Calls that failed are made
    again for a share of the records, and some more that the job's workers share; then the workflow waits.
    """

    def __init__(  # noqa: PLR0913 - what the records of a worker share
        self,
        engine: Engine,
        pace: Pace,
        payer: Payer,
        gates: Gates,
        breakers: Breakers,
        contract: Contract,
        *,
        time_left: Callable[[], float],
        collected: Collected | None = None,
    ) -> None:
        """``time_left`` is how many seconds the worker can still wait for an answer.

        What a lane has ``collected`` is looked into before anybody is asked.
        """
        self._collected = collected
        self._engine = engine
        self._pace = pace
        self._payer = payer
        self._gates = gates
        self._breakers = breakers
        self._contract = contract
        self._max_attempts = contract.max_attempts
        self._tight = contract.reservations == "tight"
        self._warming = Warming(pace, contract.keeps_prompts, gates.warmth())
        self._time_left = time_left
        self._retries = gates.retries()
        self._goes_on: Asker | None = None

    def unresting(self) -> "Asker":
        """Return who asks on behalf of records that were answered already, and goes on where the worker stops."""
        pace = self._pace.unresting()
        return self._at(pace, self._gates.at(pace))

    async def close(self) -> None:
        """Give back the turns that are not needed."""
        await self._gates.close()
        if self._goes_on is not None:
            await self._goes_on.close()

    async def ask(
        self,
        request: Request,
        route: Route,
        asked: Asked,
        job_id: str,
        *,
        falls_back_on: tuple[type[BatchwrightError], ...] = (),
        answered: bool = False,
    ) -> None:
        """Ask until there is an answer, and put it into ``asked``.

        Raises :class:`RecordEnds` or :class:`AskAgain` where the record ends without one, :class:`JobStops` where all
        would, :class:`LeftForLater` where the worker stops first; and what it ``falls_back_on`` instead of waiting for
        long. Where it was ``answered`` before, it is asked though the worker rests or stops: what was paid for would be
        lost.
        """
        metadata = {"job_id": job_id, "idempotency_key": asked.key}
        if asked.counted_calls >= self._max_attempts:
            raise TimedOut(f"{asked.counted_calls} calls ended without a whole answer")
        async with self._warming.shared(request, route.listed) as marked:
            await self._ask(marked, route, asked, metadata, falls_back_on, answered=answered)

    def was_asked(self, index: int) -> bool:
        """Whether a lane has asked for a record, which must be told before anything else is."""
        return self._collected is not None and self._collected.holds(index)

    async def _waited[T](self, asked: Asked, turn: Awaitable[T]) -> T:
        began = self._pace.now()
        try:
            return await turn
        finally:
            asked.waited += self._pace.now() - began

    async def _ask(
        self,
        request: Request,
        route: Route,
        asked: Asked,
        metadata: dict[str, str],
        falls_back_on: tuple[type[BatchwrightError], ...],
        *,
        answered: bool,
    ) -> None:
        tight = self._tight and route.reserves and request.trimmable
        lengths = self._gates.lengths(route) if tight else None
        room = Room(lengths, route.reserve_at_least)
        enlarged = cut = False
        self._retries.earn()
        while True:
            ask = self._insist if answered or cut else self._until_answered
            try:
                await ask(request, route, asked, metadata, room, falls_back_on)
            except CutShort:
                cut = True
            except BudgetExceeded:
                if not cut:
                    raise
                # As with a repair: the record was asked for all that, and the next one stops the job.
                raise Truncated(
                    "the answer was cut, and the budget has no room for a longer one"
                ) from None
            except (RecordInvalid, ContextOverflow):
                if not enlarged:
                    raise
                # The model does not write that much, or not after this prompt; the cut answer was paid for.
                raise Truncated(
                    "the answer was cut at max_tokens, the model writes no more"
                ) from None
            except Truncated:
                limit = request.max_tokens or 0
                larger = min(2 * limit, LARGEST_RETRY)
                if enlarged or larger <= limit or self._only_collected:
                    raise
                request, enlarged, room.whole = request.with_max_tokens(larger), True, True
                cut = True
            else:
                return

    async def _insist(
        self,
        request: Request,
        route: Route,
        asked: Asked,
        metadata: dict[str, str],
        room: Room,
        falls_back_on: tuple[type[BatchwrightError], ...],
    ) -> None:
        """Ask as :meth:`_until_answered` does, and go on where the worker rests or stops: who left would pay again."""
        asker = self
        while True:
            try:
                await asker._until_answered(request, route, asked, metadata, room, falls_back_on)
            except LeftOpen:
                raise
            except LeftForLater:
                if isinstance(asker._pace, Unresting):
                    await self._waited(asked, asyncio.sleep(LATER))
                else:
                    asker = self._unresting
            else:
                return

    async def _until_answered(
        self,
        request: Request,
        route: Route,
        asked: Asked,
        metadata: dict[str, str],
        room: Room,
        falls_back_on: tuple[type[BatchwrightError], ...],
    ) -> None:
        """Ask until there is an answer, whole or cut, at one limit of tokens."""
        delays = 0
        again = False
        replaceable = Throttled in falls_back_on
        while True:
            calls = asked.calls
            await self._afford(again=again)
            try:
                await self._call(request, route, asked, metadata, room, replaceable=replaceable)
            except AskAgain as fault:
                asked.counted_calls += isinstance(fault, OWN)
                again = await self._is_made_again(fault, again=again, made=asked.calls > calls)
                seconds = self._backoff(delays, fault.retry_after)
                delays += 1
                hopeless = delays >= REFUSALS or self._hopeless(route, seconds, again=again)
                if asked.counted_calls >= self._max_attempts or (
                    hopeless and isinstance(fault, falls_back_on)
                ):
                    raise
                named = fault.retry_after is not None  # by the service, of itself
                pause = self._pace.wait(seconds, for_all=named or not isinstance(fault, OWN))
                await self._waited(asked, pause)
            else:
                return

    @property
    def _unresting(self) -> "Asker":
        """Who goes on where this one stops, for what has been answered already; most workers need none."""
        if self._goes_on is None:
            pace = self._pace.unresting()
            self._goes_on = self._at(pace, self._gates.again(pace))
        return self._goes_on

    def _at(self, pace: Pace, gates: Gates) -> "Asker":
        return Asker(
            self._engine,
            pace,
            self._payer,
            gates,
            self._breakers,
            self._contract,
            time_left=self._time_left,
        )

    def _take(self, request: Request, route: Route, asked: Asked) -> bool:
        """Take what a lane answered to the record, if it did: a call as any other, at the lane's price.

        Raises as a call does; and :class:`LeftOpen` where nothing else may be asked.
        """
        if self._collected is None:
            return False
        self._count_collected(asked)
        answer = self._collected.take(asked.index, request, route.model, asked.input_tokens)
        first = answer is not None and not asked.collected
        if first:
            self._pace.answered_at = self._pace.now()
            asked.collected = True
        if answer is None or isinstance(answer, AskAgain):
            if self._only_collected:
                raise LeftOpen
            return False
        if isinstance(answer, BatchwrightError):
            raise answer
        asked.completion = answer
        if first:
            asked.usage += answer.usage
            self._count_cost(request, route, asked, answer)
        if found := fault_of(answer):
            raise found
        return True

    def _count_collected(self, asked: Asked) -> None:
        """Count the calls that a lane made for a record, each once, whether it has answered or not."""
        assert self._collected is not None  # noqa: S101 - nothing is taken without
        made, unanswered = self._collected.calls(asked.index)
        if made > asked.handed:
            lost = min(unanswered, made - asked.handed)
            self._pace.calls["made"] += made - asked.handed
            self._pace.calls["ambiguous"] += lost
            asked.calls += made - asked.handed
            asked.ambiguous_calls += lost
            asked.handed = made

    @property
    def _only_collected(self) -> bool:
        return self._collected is not None and self._collected.only

    async def _call(
        self,
        request: Request,
        route: Route,
        asked: Asked,
        metadata: dict[str, str],
        room: Room,
        *,
        replaceable: bool,
    ) -> None:
        if self._take(request, route, asked):
            return
        # The governor reckons what calls use by what they may use: that stays the same whatever is reserved.
        tokens = asked.input_tokens + (request.max_tokens or 0)
        turn = self._gates.enter(route, tokens, replaceable=replaceable)
        leave = await self._waited(asked, turn)
        sent = room.fitted(request)
        try:
            completion = await self._paid_call(sent, route, asked, metadata)
        except Throttled as fault:
            leave.throttled(fault.retry_after)
            raise
        except (LeftForLater, JobStops):
            leave.unused()
            raise
        except BaseException:
            leave.failed()
            raise
        leave.settle(quota_tokens(route.listed, completion.usage))
        room.learn(completion, request, sent)
        if found := fault_of(completion):
            raise found

    async def _paid_call(
        self, request: Request, route: Route, asked: Asked, metadata: dict[str, str]
    ) -> Completion:
        most = self._payer.most_for(request, route)
        await self._payer.reserve(most)
        spent = 0
        try:
            async with self._breakers.of(route).call():
                await self._pace.may_call()
                # Until it is known better: what got no whole answer may have been billed.
                spent = most
                completion = await self._answer(request, route, asked, metadata)
                cost = self._payer.cost_of(route, completion.usage)
                spent = most if cost is None else cost
        except NOT_BILLED:
            spent = 0
            raise
        finally:
            self._payer.settle(most, spent)
        return completion

    async def _answer(
        self, request: Request, route: Route, asked: Asked, metadata: dict[str, str]
    ) -> Completion:
        asked.calls += 1
        self._pace.calls["made"] += 1
        try:
            completion = await self._engine.ask(
                request,
                route=route,
                timeout=min(route.timeout, self._time_left()),
                metadata=metadata,
            )
        except BatchwrightError as fault:
            if isinstance(fault, TimedOut):
                self._count_ambiguous(asked)
            raise
        except BaseException:  # the worker's time is up before the call's, or nobody foresaw it
            self._count_ambiguous(asked)
            asked.counted_calls += 1
            raise
        self._pace.answered_at = self._pace.now()
        asked.completion = completion
        asked.usage += completion.usage
        self._count_cost(request, route, asked, completion)
        return completion

    def _count_cost(
        self, request: Request, route: Route, asked: Asked, completion: Completion
    ) -> None:
        usage = completion.usage
        cost = cost_usd_of(route, usage, completion.tier or request.tier)
        if usage.cached_tokens and cost is not None:
            if usage.cache_write_tokens and lasts_an_hour(request):
                cost = None  # nobody tells which part is kept for so long
            else:
                asked.saved_usd = round(asked.saved_usd + saved_usd(route.listed, usage), 12)
        asked.cost_usd = add_costs(asked.cost_usd, cost)

    async def _afford(self, *, again: bool) -> None:
        """Take a call that is made ``again`` from the budget; where that is spent, the workflow waits."""
        if not again:
            return
        await self._retries.fetch()
        if not self._retries.take():
            self._pace.rest_a_while()
            raise LeftForLater

    async def _is_made_again(self, fault: AskAgain, *, again: bool, made: bool) -> bool:
        """Whether the next call takes from the budget, after one that was ``made`` or that the breaker forbade."""
        if made:
            again = not isinstance(fault, Throttled)  # the governor sees to those
        elif again:
            self._retries.give_back()
        if again:
            await self._retries.fetch()
        return again

    def _hopeless(self, route: Route, seconds: float, *, again: bool) -> bool:
        """Whether a model is down, or wants a longer wait than a worker waits, or may not be asked again."""
        spent = again and self._retries.spent
        return spent or self._breakers.of(route).open or self._pace.too_long(seconds)

    def _count_ambiguous(self, asked: Asked) -> None:
        asked.ambiguous_calls += 1
        self._pace.calls["ambiguous"] += 1

    def _backoff(self, delays: int, retry_after: float | None) -> float:
        """Full jitter, or what was asked for.

        (aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter)
        """
        most = min(BACKOFF_CAP, BACKOFF_BASE * 2.0 ** min(delays, 8))
        return max(self._pace.chance() * most, retry_after or 0)
