"""Bedrock's quotas: requests and tokens a minute for each model, reserved up front, settled after.

Pure: the clock is an argument. Two models of a limit:

* window: fixed windows of 60 seconds, counted from the moment that the quota was set.
* bucket: refilled without pause. Requests may burst by one second's worth; tokens by a minute's
  worth, since a reservation is held for as long as its call takes and one second's worth would
  be less than the calls in flight.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol

from tests.emulator.host.behaviour import LimitModel

MINUTE = 60.0
# Claude 3.7 and every later Claude count an output token five times.
_BURNS_FIVEFOLD = re.compile(r"anthropic\.claude-(?!instant|v[12]|2|3-haiku|3-sonnet|3-opus|3-5)")


class Meter(Protocol):
    """What is left of one limit."""

    def has(self, amount: float, *, now: float) -> bool:
        """Say whether this much may be taken now."""

    def take(self, amount: float, *, now: float) -> None:
        """Take it."""

    def settle(self, taken: float, used: float, *, at: float, now: float) -> None:
        """Put right what was taken `at` an earlier moment, now that the true use is known."""


@dataclass(slots=True, kw_only=True)
class Window:
    """So much in every 60 seconds, counted from `start`."""

    limit: float
    start: float
    used: float = 0.0
    index: int = 0

    def has(self, amount: float, *, now: float) -> bool:
        """Say whether the present window has room."""
        self._turn(now)
        return self.used + amount <= self.limit

    def take(self, amount: float, *, now: float) -> None:
        """Count it in the present window."""
        self._turn(now)
        self.used += amount

    def settle(self, taken: float, used: float, *, at: float, now: float) -> None:
        """Correct the window it was taken from, if that one still runs."""
        self._turn(now)
        if self._index(at) == self.index:
            self.used += used - taken

    def _turn(self, now: float) -> None:
        index = self._index(now)
        if index != self.index:
            self.index, self.used = index, 0.0

    def _index(self, now: float) -> int:
        return int((now - self.start) // MINUTE)


@dataclass(slots=True, kw_only=True)
class Bucket:
    """So much a minute, refilled without pause, at most `burst` at once."""

    limit: float
    burst: float
    start: float
    level: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        """Begin full."""
        self.level, self.at = self.burst, self.start

    def has(self, amount: float, *, now: float) -> bool:
        """Say whether the bucket holds as much."""
        self._refill(now)
        # A refill of 0.02 s at 50 a second may come to 0.9999999999999: that is a whole one.
        return self.level + 1e-9 >= amount

    def take(self, amount: float, *, now: float) -> None:
        """Take it out."""
        self._refill(now)
        self.level -= amount

    def settle(self, taken: float, used: float, *, at: float, now: float) -> None:  # noqa: ARG002 - a bucket forgets when it was taken
        """Put back what was not used, or take out what was used beyond."""
        self._refill(now)
        self.level = min(self.burst, self.level + taken - used)

    def _refill(self, now: float) -> None:
        self.level = min(self.burst, self.level + (now - self.at) * self.limit / MINUTE)
        self.at = now


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Tokens held for one call until it ends."""

    tokens: int
    at: float
    meter: Meter | None
    burndown: int

    def settle(self, input_tokens: int, output_tokens: int, *, now: float) -> None:
        """Replace what was reserved by what was used."""
        if self.meter is not None:
            used = input_tokens + output_tokens * self.burndown
            self.meter.settle(self.tokens, used, at=self.at, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """The limit that a call ran into."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The limits of every model, each model with its own."""

    rpm: int | None
    tpm: int | None
    limit_model: LimitModel
    start: float
    _meters: dict[str, tuple[Meter | None, Meter | None]] = field(default_factory=dict)

    def reserve(self, model: str, tokens: int, *, now: float) -> Reservation | Shortage:
        """Take one request and these tokens from the model's quota, or say which was short."""
        requests_left, tokens_left = self._of(model)
        if requests_left is not None and not requests_left.has(1, now=now):
            return Shortage(what="requests")
        if tokens_left is not None and not tokens_left.has(tokens, now=now):
            return Shortage(what="tokens")
        if requests_left is not None:
            requests_left.take(1, now=now)
        if tokens_left is not None:
            tokens_left.take(tokens, now=now)
        return Reservation(tokens=tokens, at=now, meter=tokens_left, burndown=burndown(model))

    def _of(self, model: str) -> tuple[Meter | None, Meter | None]:
        name = model.rpartition("/")[2]  # an ARN and its id share one quota
        if name not in self._meters:
            self._meters[name] = (
                self._meter(self.rpm, burst_seconds=1),
                self._meter(self.tpm, burst_seconds=60),
            )
        return self._meters[name]

    def _meter(self, limit: int | None, *, burst_seconds: float) -> Meter | None:
        if limit is None:
            return None
        if self.limit_model == "window":
            return Window(limit=limit, start=self.start)
        burst = max(1.0, limit * burst_seconds / MINUTE)
        return Bucket(limit=limit, burst=burst, start=self.start)


def burndown(model: str) -> int:
    """Return how many tokens of the quota one output token of this model uses up.

    >>> burndown("us.anthropic.claude-sonnet-4-20250514-v1:0"), burndown("amazon.nova-lite-v1:0")
    (5, 1)
    """
    return 5 if _BURNS_FIVEFOLD.search(model) else 1
