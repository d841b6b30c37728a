"""A circuit breaker: a model that is down is not asked by every record in turn, but by one, now and then.

It belongs to one worker. Powertools has one that all workers share, for functions that block: it would take the
coroutine of a call for its answer, and read its table before the call (``utilities/circuit_breaker``).
"""

from collections.abc import Callable
from types import TracebackType

from batchwright.errors import AskAgain, JobStops, RecordEnds, Throttled, Unavailable

# So many calls in a row, over all records of the worker, that found the model down and no answer in between.
FAILURES = 10
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
# How soon to look again while another record tries whether the model is back.
PROBING = 1.0


class Breaker:
    """Lets calls to one model pass while it answers, and while it is down one after every pause.

    The pauses grow, and are jittered: workers do not know of each other's.
    """

    def __init__(
        self, model: str, *, now: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        """``now`` is a clock that never jumps, ``chance`` a random number from 0 to 1."""
        self._model = model
        self._now = now
        self._chance = chance
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._next_probe: float | None = None
        self._probing = False
        self._denied: JobStops | None = None

    @property
    def open(self) -> bool:
        """Whether the model is taken to be down."""
        return self._next_probe is not None

    def call(self) -> "Call":
        """Make a call in it; without one raises :class:`Unavailable`, or how the model was denied before."""
        return Call(self, probe=self._admit())

    def ended(self, fault: BaseException | None, *, probe: bool) -> None:
        """Take in how a call ended."""
        if probe:
            self._probing = False
        if fault is None or isinstance(fault, RecordEnds):
            self._answered()
        elif isinstance(fault, Unavailable):
            self._failed(probe=probe)
        elif isinstance(fault, JobStops):
            self._denied = fault
        elif isinstance(fault, AskAgain) and probe:
            # A throttle is a word of a model that is up; of other faults nobody knows whose they are.
            self._answered() if isinstance(fault, Throttled) else self._failed(probe=True)
        # A probe that was given up has told nothing: the next one tries.

    def _admit(self) -> bool:
        """Say whether the call is a probe."""
        if self._denied is not None:
            raise type(self._denied)(str(self._denied))
        if self._next_probe is None:
            return False
        wait = PROBING if self._probing else self._next_probe - self._now()
        if wait > 0:
            raise Unavailable(
                f"{self._model} is down, and not asked before it had a pause", retry_after=wait
            )
        self._probing = True
        return True

    def _answered(self) -> None:
        self._failures = 0
        self._pause = FIRST_PAUSE
        self._next_probe = None

    def _failed(self, *, probe: bool) -> None:
        self._failures += 1
        if probe or (self._next_probe is None and self._failures >= FAILURES):
            self._next_probe = self._now() + self._pause * (0.5 + self._chance() / 2)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)


class Call:
    """One call to a model; the breaker hears how it ended."""

    __slots__ = ("_breaker", "_probe")

    def __init__(self, breaker: Breaker, *, probe: bool) -> None:
        """A ``probe`` tries whether the model is back."""
        self._breaker = breaker
        self._probe = probe

    def __enter__(self) -> None:
        """Begin it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._breaker.ended(fault, probe=self._probe)
