"""Slack: how long before its deadline a job must stop waiting for a batch, so that the rest can be asked on demand."""

from datetime import timedelta
from functools import partial

from batchwright.contract import Contract
from batchwright.lanes import minutes_on_demand
from batchwright.limits import Limits
from batchwright.obstacles import reserve

# Whatever is to be asked afterwards, a batch has this part of the time.
LEAST_FOR_THE_BATCH = 0.5


def slack(limits: Limits, contract: Contract) -> timedelta:
    """Return how long asking all of a job on demand takes, by what is known of the quotas, with some room."""
    minutes = minutes_on_demand(limits.totals, partial(limits.of, contract=contract))
    return min(reserve(minutes), (1 - LEAST_FOR_THE_BATCH) * contract.lifetime)
