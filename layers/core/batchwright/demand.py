"""How many calls one worker will have to make soon: those that wait, and those that will come after them.

A worker of which n calls wait or run has the next one as soon as one of them ends, as long as there are records. So
where n turns take longer than an answer does, it can take every turn of a stretch, however long that is.
"""

from collections.abc import Callable
from dataclasses import dataclass

from batchwright.schedule import SECOND
from batchwright.stretch import LATE

# So much faster than before a worker may become between two stretches.
GROWTH = 2
# A stretch of a worker that is slower than the fleet lasts so long at most, and goes so much faster than its answers.
SPREAD = 4 * SECOND
HASTE = 0.9
TINY = 1e-9


def endless() -> int:
    """Return more records than anybody has: nobody said how many there are."""
    return 2**31


@dataclass(slots=True, kw_only=True)
class Demand:
    """What one worker knows of the calls that it will make; times are milliseconds."""

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

    def slowness(self, calls: int, *, turn: float, latency: float) -> float:
        """Return how many times a turn of the fleet one of this worker takes, of which so many calls wait or run.

        Where stretches begin at once, nothing is slowed down: the limit is far away.
        """
        if self._ahead <= LATE or calls * turn + LATE / 2 >= latency:
            return 1.0
        return max(1.0, HASTE * latency / calls / max(turn, TINY))

    def coming(self, waiting: int, running: int, *, turn: float, latency: float) -> int:
        """Return how many calls will come in time for a stretch, besides those that wait.

        A ``turn`` of the fleet takes so long, an answer the ``latency``.
        """
        calls = waiting + running
        slowness = self.slowness(calls, turn=turn, latency=latency)
        if slowness > 1:
            count = int(SPREAD / max(turn, TINY) / slowness) - waiting
        elif calls * turn + LATE / 2 >= latency:
            count = GROWTH * max(self._taken, self._taken_before, calls)
        else:
            back = running * min(1.0, (self._ahead + LATE) / latency)
            count = int(max(back, self._rate * LATE))
        return min(max(0, count), self.to_come())
