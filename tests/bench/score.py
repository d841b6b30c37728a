"""How well a limit was used, read from the model host's ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MINUTE = 60.0
OK, THROTTLED = 200, 429


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So much a minute, which may be another from some moment on.

    It is counted as it flows, in both of the host's models of a limit: a whole window may be spent at its beginning,
    but who spreads it evenly uses it as well. The second's worth of requests with which a bucket begins is not counted.
    """

    per_minute: float
    tokens: bool = False
    """Whether it is one of tokens, and not of requests."""
    stock: float = 0.0
    """What there is at the beginning besides."""
    change: tuple[float, float] | None = None
    """After how many seconds it is how much a minute."""

    def allowed(self, start: float, end: float) -> float:
        """Return what may be used between two moments, in seconds since the beginning.

        >>> Limit(per_minute=60, stock=5, change=(10, 30)).allowed(0, 20)
        20.0
        """
        return self._until(end) - (self._until(start) if start > 0 else 0)

    def seconds_for(self, amount: float) -> float:
        """Return how long it takes to use an amount.

        >>> Limit(per_minute=60, stock=5, change=(10, 30)).seconds_for(20)
        20.0
        """
        amount = max(0.0, amount - self.stock)
        second, slower = self.change or (float("inf"), self.per_minute)
        at_first = min(amount, self.per_minute * second / MINUTE)
        return MINUTE * (at_first / self.per_minute + (amount - at_first) / slower)

    def _until(self, moment: float) -> float:
        second, slower = self.change or (moment, self.per_minute)
        before, after = min(moment, second), max(0.0, moment - second)
        return self.stock + (before * self.per_minute + after * slower) / MINUTE


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the ledger says of one client's run."""

    answered: int
    refused: int
    """Calls that were throttled."""
    used: float
    """What was used while there was work, of what was allowed; 1 where a window was spent ahead of its time."""

    def for_each_answer(self, count: float) -> float:
        """Return how many that is for each call that was answered."""
        return count / max(1, self.answered)


def score(
    calls: Sequence[dict[str, Any]], limit: Limit, *, began: float, since: float = 0.0
) -> Score:
    """Read a ledger; ``since`` is the second from which on the limit is to be used.

    Work remained until the last prompt was taken: what came after is waiting for answers, or for nothing.
    """
    taken = [call for call in calls if call["status"] == OK]
    moments = [call["at"] - began for call in taken]
    counted = sum(
        _amount(call, limit) for call, at in zip(taken, moments, strict=True) if at >= since
    )
    allowed = limit.allowed(since, max(moments, default=0.0))
    return Score(
        answered=len(taken),
        refused=sum(call["status"] == THROTTLED for call in calls),
        used=min(1.0, counted / allowed) if allowed > 0 else 0.0,
    )


def _amount(call: dict[str, Any], limit: Limit) -> int:
    return int(call["input_tokens"] + call["output_tokens"]) if limit.tokens else 1
