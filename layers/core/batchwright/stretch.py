"""A worker's part of a model's schedule, and which turns of it are left; times are milliseconds."""

from dataclasses import dataclass, field

# A turn may be taken so late: a bucket of requests holds a second's worth.
LATE = 500
# What is shorter is no turn.
ROUNDING = 0.5
# A refusal comes back within this; a call that is out for longer was admitted.
ADMITTED = 400


@dataclass(slots=True, kw_only=True)
class Stretch:
    """A part of the schedule, and what was made of it."""

    begin: float
    length: float
    """How much of the schedule it is."""
    slowness: float = 1.0
    """How many times its length it lasts, where the worker cannot go as fast as the whole fleet does."""
    probe: bool = False
    """Whether its first call must show that anything goes through at all."""
    under: int = 0
    """When the limit had been lowered when it was leased."""
    calls: int = 0
    tokens: int = 0
    given: float = field(init=False)
    """Up to when the schedule was given away with it."""
    _began: float = field(init=False)
    _first_at: int = 0

    def __post_init__(self) -> None:
        """It begins and ends at fixed times, whatever is made of it."""
        self.given = self.begin + self.length
        self._began = self.begin

    @property
    def end(self) -> float:
        """When it is over."""
        return self._began + self.length * self.slowness

    def turn(self, made: float, now: int) -> float:
        """Return when the next call may begin, after calls that cost so much; what was not taken in time has passed."""
        self._pass(made, now)
        return self.begin + made

    def left(self, made: float, now: int) -> float:
        """Return how much of the schedule is left in it; less than nothing where calls took more."""
        self._pass(made, now)
        return (self.end - self.begin) / self.slowness - made

    def _pass(self, made: float, now: int) -> None:
        self.begin = max(self.begin, now - LATE - made * self.slowness)

    def over(self, made: float, now: int) -> bool:
        """Whether no call may begin in it any more."""
        return self.left(made, now) <= ROUNDING or now > self.end + LATE

    def take(self, tokens: int, now: int) -> None:
        """Count a call that begins."""
        self._first_at = self._first_at or now
        self.calls += 1
        self.tokens += tokens

    def proved_at(self) -> int:
        """Return from when on a second call may follow a probe."""
        return self._first_at + ADMITTED if self.probe and self.calls == 1 else 0
