"""Slack: how long before its deadline a job must stop waiting for a batch, so that the rest can be asked on demand."""

from datetime import timedelta

from batchwright.contract import Contract
from batchwright.limits import Limits
from batchwright.quotas import output_burndown

# A function's life, to stop the batch and to begin; the batch itself takes some minutes to stop.
LEAST = timedelta(minutes=20)
# A limit that nobody knows is taken for a small one, and what is known is not had for this job alone.
UNKNOWN_RPM = 200
SHARE = 1.5
# A batch has half of the time at least: else it should not have been chosen.
MOST = 0.5


def slack(limits: Limits, contract: Contract, model: str, records: int) -> timedelta:
    """Return how long asking so many records on demand takes, going by the limits, with some room."""
    quota, total = limits.of(model, contract), limits.totals.get(model)
    minutes = records / (quota.rpm or UNKNOWN_RPM)
    if quota.tpm and total and total.records:
        tokens = total.input_tokens + total.max_output_tokens * output_burndown(model)
        by_tokens = records * tokens / total.records / quota.tpm
        minutes = by_tokens if quota.rpm is None else max(minutes, by_tokens)
    return min(LEAST + timedelta(minutes=SHARE * minutes), MOST * contract.lifetime)
