"""A worker's part of the job's budget: money is set aside before a call, and booked when its cost is known.

It is fetched in slices, so that a call costs a fraction of a table write, and what was not needed is given back. What a
worker had set aside when it was killed stays set aside: the calls that it had in flight may have been billed.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from batchwright.charges import most_of, spent_of
from batchwright.errors import BudgetExceeded, RecordInvalid, Unavailable
from batchwright.money import BILLIONTHS, Money
from batchwright.pace import Pace
from batchwright.ports import Budgets
from batchwright.request import Request
from batchwright.route import Route
from batchwright.usage import Usage

# A slice is so many times what the call at hand may cost, and no more than a part of what is left: so the last of it
# does not lie with workers that no longer need it.
SLICE = 64
PART = 20
# Others may give back what they have set aside: it is looked at so often, and after a while by the next worker.
BETWEEN_LOOKS = 1.0
# No worker lives for longer (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), and each gives back when
# it leaves: what has not moved since was set aside by workers that were killed.
LONGEST_LIFE = 900.0
CENT = 0.01


class Payer(Protocol):
    """Who pays for calls. Amounts are billionths of a dollar."""

    def most_for(self, request: Request, route: Route) -> int:
        """Return what a call may cost at most; raises :class:`RecordInvalid` where nobody knows the price."""
        ...

    def cost_of(self, route: Route, usage: Usage) -> int | None:
        """Return what a call has cost, ``None`` where that is not known."""
        ...

    async def reserve(self, amount: int) -> None:
        """Set aside what a call may cost; raises :class:`BudgetExceeded`, or :class:`LeftForLater` to wait for long."""
        ...

    def settle(self, amount: int, spent: int) -> None:
        """Book what was spent of an amount that was set aside; the rest is free for other calls."""
        ...

    async def book(self) -> None:
        """Tell what was spent."""
        ...

    async def close(self) -> None:
        """Tell what was spent, and give back what was not needed."""
        ...


class Unlimited:
    """Pays for everything: the contract sets no budget."""

    def most_for(self, request: Request, route: Route) -> int:  # noqa: ARG002 - a Payer's
        """Return nothing: it is not counted."""
        return 0

    def cost_of(self, route: Route, usage: Usage) -> int | None:  # noqa: ARG002 - a Payer's
        """Return nothing: it is not counted."""
        return 0

    async def reserve(self, amount: int) -> None:
        """Set nothing aside."""

    def settle(self, amount: int, spent: int) -> None:
        """Book nothing."""

    async def book(self) -> None:
        """Tell nothing."""

    async def close(self) -> None:
        """Give nothing back."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What is to be told to the table, under a name of its own: told twice, it counts once."""

    reserved: int
    spent: int
    token: str


class Purse:
    """What one worker has of its job's budget."""

    def __init__(
        self, budgets: Budgets, job_id: str, limit: int, pace: Pace, *, new_token: Callable[[], str]
    ) -> None:
        """``new_token`` gives a text that nobody else has."""
        self._budgets = budgets
        self._job_id = job_id
        self._limit = limit
        self._pace = pace
        self._new_token = new_token
        self._turn = asyncio.Lock()
        self._free = 0
        self._assigned = 0
        self._spent = 0
        self._untold: list[Booking] = []
        self._unheard: Booking | None = None
        self._telling = asyncio.Lock()

    def most_for(self, request: Request, route: Route) -> int:
        """Return what a call may cost at most."""
        most = most_of(request, route)
        if most is None:
            raise RecordInvalid(
                "price_unknown", f"a budget needs a price, and {route.model} has none"
            )
        return most

    def cost_of(self, route: Route, usage: Usage) -> int | None:
        """Return what a call has cost."""
        return spent_of(route, usage)

    async def reserve(self, amount: int) -> None:
        """Set aside what a call may cost, waiting for what may come back: at last in the workflow, which is free."""
        async with self._turn:
            while self._free < amount:
                money = await asyncio.to_thread(self._budgets.money, self._job_id)
                if await self._fetch(amount, money):
                    continue
                self._check(amount, money)
                idle = self._assigned == 0
                if idle:  # it does not do here, and may do for others, who wait likewise
                    await self.close()
                await self._pace.wait(BETWEEN_LOOKS, for_all=idle)
            self._free -= amount
            self._assigned += amount

    def settle(self, amount: int, spent: int) -> None:
        """Book what a call has cost."""
        self._assigned -= amount
        self._free += amount - spent
        self._spent += spent

    async def book(self) -> None:
        """Tell the table what was spent since the last time."""
        await self._tell(give_back=0)

    async def close(self) -> None:
        """Tell the rest, and give back what was not needed."""
        with suppress(Unavailable):
            await self._hear()
        give_back, self._free = self._free, 0
        await self._tell(give_back=give_back)

    async def _fetch(self, amount: int, money: Money) -> bool:
        await self._hear()
        lacking = amount - self._free
        if lacking <= 0:  # a call ended meanwhile, and gave back what it did not need
            return True
        left = self._limit - money.spent - money.reserved
        wanted = max(lacking, min(SLICE * amount, left // PART))
        return wanted <= left and await self._wish(Booking(wanted, 0, self._new_token()))

    async def _hear(self) -> None:
        """Wish once more for what nobody said is granted: by its token it is the same wish, and not set aside twice."""
        if self._unheard is not None:
            await self._wish(self._unheard)

    async def _wish(self, wish: Booking) -> bool:
        self._unheard = wish
        granted = await asyncio.to_thread(
            self._budgets.reserve,
            self._job_id,
            wish.reserved,
            limit=self._limit,
            token=wish.token,
        )
        self._unheard = None
        self._free += wish.reserved if granted else 0
        return granted

    def _check(self, amount: int, money: Money) -> None:
        """Raise :class:`BudgetExceeded` where nothing comes back that would do: what is spent does not."""
        unbooked = self._spent + sum(booking.spent for booking in self._untold)
        told = f"the budget of {_told(self._limit)} has no room for another call"
        if money.spent + unbooked + amount > self._limit:
            raise BudgetExceeded(told)
        if money.unmoved > LONGEST_LIFE and not (money.held or self._assigned):
            dead = _told(money.reserved)
            raise BudgetExceeded(
                f"{told}: {dead} of it stay set aside for the calls of workers that were killed"
            )

    async def _tell(self, *, give_back: int) -> None:
        spent, self._spent = self._spent, 0
        if spent or give_back:
            self._untold.append(Booking(spent + give_back, spent, self._new_token()))
        with suppress(Unavailable):  # told again the next time; what is never told stays set aside
            async with self._telling:
                while self._untold:
                    first = self._untold[0]
                    await asyncio.to_thread(
                        self._budgets.settle,
                        self._job_id,
                        reserved=first.reserved,
                        spent=first.spent,
                        token=first.token,
                    )
                    del self._untold[0]


def _told(amount: int) -> str:
    dollars = amount / BILLIONTHS
    return f"${dollars:,.2f}" if dollars >= CENT else f"${dollars:,.6f}"
