"""How many calls one worker will have to make soon: those that wait, and those that will come after them.

A worker of which n calls wait or run has the next one as soon as one of them ends, as long as there are records. So
where n turns take longer than an answer does, it can take every turn of a stretch, however long that is.
"""

from collections.abc import Callable
from dataclasses import dataclass

# So much faster than before a worker may become between two stretches.
GROWTH = 2
# A turn may be taken so late: a bucket of requests holds a second's worth.
LATE = 500


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

    def take(self) -> None:
        """Note a turn that was taken."""
        self._taken += 1

    def leased(self, now: int) -> None:
        """Note that a stretch begins to be counted."""
        rate = self._taken / max(1, now - self._leased_at)
        self._rate = (self._rate + rate) / 2
        self._taken_before, self._taken, self._leased_at = self._taken, 0, now

    def coming(
        self, waiting: int, running: int, *, turn: float, latency: float, ahead: float, taken: int
    ) -> int:
        """Return how many calls will come in time for the next stretch, besides those that wait.

        ``turn`` is how long a turn of the fleet takes, ``latency`` how long an answer; the stretch begins ``ahead``. So
        many of them will have been ``taken`` by then, in turns that the worker has.
        """
        if (waiting + running) * turn + LATE / 2 >= latency:
            count = GROWTH * max(self._taken, self._taken_before, waiting + running)
        else:
            back = running * min(1.0, (ahead + LATE) / max(1.0, latency))
            count = int(max(back, self._rate * LATE))
        return min(count, max(0, self.to_come() - taken))
