"""How many workers of a job its models keep busy, so that no others are started."""

from math import ceil

from batchwright.contract import Contract
from batchwright.limits import Limits
from batchwright.quotas import Quota, output_burndown
from batchwright.totals import Total

# How fast a slow model is: seconds to the first token, and then tokens a second. A faster one needs fewer workers.
FIRST_TOKEN = 2.0
TOKENS_A_SECOND = 30.0
HEADROOM = 1.25


def crew(limits: Limits, contract: Contract, *, in_flight: int, most: int) -> int:
    """Return how many workers may run at once, with so many requests ``in_flight`` each.

    Where a limit is not known, that is ``most``. As many requests are in flight as are made in a second, times the
    seconds that each takes (en.wikipedia.org/wiki/Little%27s_law).
    """
    known = limits.totals.items()
    needed = [_in_flight(limits.of(model, contract), model, total) for model, total in known]
    if not needed or None in needed:
        return most
    return max(1, min(most, ceil(HEADROOM * sum(each or 0 for each in needed) / in_flight)))


def _in_flight(quota: Quota, model: str, total: Total) -> float | None:
    """Return how many requests to a model are in flight at most where its limit is used whole."""
    if quota == Quota():
        return None
    calls = max(1, total.records)
    read, written = max(1.0, total.input_tokens / calls), total.max_output_tokens / calls
    seconds = FIRST_TOKEN + written / TOKENS_A_SECOND
    by_limit = []
    if quota.rpm:
        by_limit.append(quota.rpm / 60 * seconds)
    if quota.tpm:
        # Nobody knows how much of what may be written will be: few tokens make many calls, many make long ones.
        long_ones = seconds / (read + written * output_burndown(model))
        by_limit.append(quota.tpm / 60 * max(FIRST_TOKEN / read, long_ones))
    return min(by_limit)
