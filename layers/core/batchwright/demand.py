"""How many calls one worker will have to make soon: those that wait, and those that will come after them.

A worker of which n calls wait or run has the next one as soon as one of them ends, as long as there are records. So
where n turns take longer than an answer does, it can take every turn of a stretch, however long that is.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from batchwright.reckoning import Reckoning
from batchwright.schedule import SECOND
from batchwright.stretch import LATE, ROUNDING

# So many times as many calls as before a worker may make in the next stretch.
GROWTH = 2
# A stretch of a worker that is slower than the fleet lasts so long at most, and goes somewhat faster than its answers.
SPREAD = 4 * SECOND
HASTE = 0.9
SHORTEST = 2.0


def endless() -> int:
    """Return more records than anybody has: nobody said how many there are."""
    return 2**31


@dataclass(slots=True, eq=False)
class Ticket:
    """A call that waits for its turn, and then one that is being made."""

    tokens: int
    """What it reserves."""
    expected: int = 0
    """What it is reckoned to use."""
    began: int = 0
    under: int = 0
    """When the limit had been lowered under which it got its turn."""


@dataclass(slots=True, kw_only=True)
class Demand:
    """What one worker knows of the calls that it will make; times are milliseconds."""

    reckoning: Reckoning
    to_come: Callable[[], int] = endless
    """How many records there are that do not wait yet."""
    _taken: int = 0
    _taken_before: int = 0
    _leased_at: int = 0
    _rate: float = 0.0
    """Calls a millisecond."""
    _ahead: float = 0.0
    """How long after it was leased the last stretch began."""

    def take(self) -> None:
        """Note a turn that was taken."""
        self._taken += 1

    def leased(self, now: int, begin: float) -> None:
        """Note that a stretch was leased."""
        self._ahead = max(0.0, begin - now)
        rate = self._taken / max(1, now - self._leased_at)
        self._rate = (self._rate + rate) / 2
        self._taken_before, self._taken, self._leased_at = self._taken, 0, now

    def wanted(
        self, waiting: Collection[Ticket], running: int, *, left: float, length: float
    ) -> float:
        """Return how much of the schedule to ask for: whole calls, about a ``length``, and no more than will be there.

        So much is ``left`` of what the worker has: those that wait longest take it.
        """
        cost, calls, tokens = self.reckoning.cost, 0, 0
        for ticket in waiting:
            expected = self.reckoning.expected(ticket.tokens)
            if (one := cost(1, expected)) <= left + ROUNDING:
                left -= one
                continue
            calls, tokens = calls + 1, tokens + expected
            if cost(calls, tokens) >= length:
                return cost(calls, tokens)
        coming = self._coming(len(waiting), running)
        more = coming * self.reckoning.tokens_a_call
        whole = cost(calls + coming, tokens + more) - left
        # A call that waits is never left without: what is left may be less than it turns out to need.
        if not calls and whole <= 0:
            return 0.0
        return max(SHORTEST, cost(calls, tokens), min(length, whole))

    def slowness(self, calls: int, *, age: int) -> float:
        """Return how many turns of the fleet one of this worker lasts, of which so many calls wait or run.

        The oldest of those that run has such an ``age``: an answer takes as long at least. Nothing is slowed down where
        stretches begin at once, since the limit is far away, and where no records are to come.
        """
        latency = max(age, self.reckoning.latency)
        if self._ahead <= LATE or self._keeps_up(calls, latency) or not self.to_come():
            return 1.0
        return max(1.0, self._own_turn(calls, latency) / self.reckoning.turn)

    def _coming(self, waiting: int, running: int) -> int:
        """Return how many calls will come in time for the next stretch, besides those that wait."""
        calls, latency = waiting + running, self.reckoning.latency
        if self._keeps_up(calls, latency):
            count = GROWTH * max(self._taken, self._taken_before, calls)
        elif self._ahead > LATE:
            count = int(SPREAD / self._own_turn(calls, latency)) - waiting
        else:
            back = running * min(1.0, (self._ahead + LATE) / latency)
            count = int(max(back, self._rate * LATE))
        return min(max(0, count), self.to_come())

    def _keeps_up(self, calls: int, latency: float) -> bool:
        """Whether calls come back before the fleet's turns run out of them."""
        return calls * self.reckoning.turn + LATE / 2 >= latency

    def _own_turn(self, calls: int, latency: float) -> float:
        return HASTE * latency / max(1, calls)
