"""How much of a model's schedule calls take, by the limits that are told or believed and by what calls really use."""

from dataclasses import dataclass, field

from batchwright.believed import USUAL, believed, first_guess
from batchwright.quotas import Quota
from batchwright.schedule import MINUTE, RATIO, Item

# Of a limit that was told, for what clocks and late turns bring into the wrong minute.
MARGIN = 0.995
# How fast means follow what they are the means of.
MEMORY = 0.05
LATENCY_MEMORY = 0.2
UNLIMITED = 1e12
# What is believed changes slowly: it is looked up so often.
FRESH = 100
SHORTEST_TURN = 1e-6


@dataclass(slots=True, kw_only=True)
class Reckoning:
    """What one worker reckons with; times are milliseconds."""

    caps: Quota
    """The limits that were told."""
    job: str
    before: float | None = None
    """What calls of earlier jobs used of what they reserved, on average."""
    usual: int = USUAL
    """The tokens a minute that are tried first where nothing was told."""
    tokens_a_call: float = 0.0
    """What a call is reckoned to use, on average."""
    latency: float = 0.0
    """How long an answer takes, on average."""
    ratio: float | None = None
    """What calls use of what they reserve, on average, where the worker has seen any."""
    _item: Item = field(default_factory=dict)
    _limit: float = UNLIMITED
    _limit_until: int = 0

    def look(self, item: Item, now: int) -> None:
        """Reckon with what the item says now."""
        if item is not self._item or now >= self._limit_until:
            self._item = item
            self._limit = self._tokens_a_minute(now)
            self._limit_until = now + FRESH

    def expected(self, tokens: int) -> int:
        """Return what a call will use that reserves so many tokens."""
        known = self.known_ratio
        return tokens if known is None else round(tokens * known)

    @property
    def known_ratio(self) -> float | None:
        """What calls use of what they reserve, as the worker has seen it, else its job, else earlier jobs."""
        if self.ratio is None and RATIO + self.job in self._item:
            return self._item[RATIO + self.job] / 1000
        return self.before if self.ratio is None else self.ratio

    def cost(self, calls: int, tokens: float) -> float:
        """Return how long a part of the schedule calls take."""
        for_calls = calls * MINUTE / (MARGIN * self.caps.rpm) if self.caps.rpm else 0.0
        return max(for_calls, tokens * MINUTE / self._limit)

    @property
    def turn(self) -> float:
        """How long a part of the schedule a call takes, on average."""
        return max(SHORTEST_TURN, self.cost(1, self.tokens_a_call))

    def pace(self) -> float:
        """Return the tokens a minute at which the fleet goes, whichever limit makes it."""
        if not self.caps.rpm:
            return self._limit
        return min(self._limit, MARGIN * self.caps.rpm * max(1.0, self.tokens_a_call))

    def count(self, expected: int) -> None:
        """Note a call that was begun."""
        a_call = self.tokens_a_call or expected
        self.tokens_a_call = a_call + MEMORY * (expected - a_call)

    def learn(self, reserved: int, used: int, latency: int) -> None:
        """Note what an answered call used."""
        before = self.latency or latency
        self.latency = before + LATENCY_MEMORY * (latency - before)
        if reserved:
            seen = used / reserved
            self.ratio = seen if self.ratio is None else self.ratio + MEMORY * (seen - self.ratio)

    def _tokens_a_minute(self, now: int) -> float:
        limits = (self.caps.tpm and MARGIN * self.caps.tpm, believed(self._item, now))
        known = [limit for limit in limits if limit is not None]
        if not known and self.caps.rpm is None:
            known = [first_guess(self._item, now, self.usual)]
        return max(1.0, min(known, default=UNLIMITED))
