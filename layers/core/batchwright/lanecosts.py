"""What a job's records cost in each lane, and whether a batch is the cheaper one."""

from batchwright.caches import prompt_cache_of
from batchwright.contract import Contract
from batchwright.lane import BEDROCK_BATCH, ON_DEMAND
from batchwright.planning import Total
from batchwright.prices import base_id, lane_cost_usd, lane_table, price_of
from batchwright.request import estimated_tokens
from batchwright.usage import Usage

# An assumption: answers are mostly far shorter than they may be.
LIKELY_OUTPUT = 0.25


def lane_knows(lane: str, model: str) -> bool:
    """Whether a lane is known to take a model, or an inference profile of it.

    >>> lane_knows("bedrock_batch", "us.amazon.nova-lite-v1:0"), lane_knows("bedrock_batch", "a.b")
    (True, False)
    """
    offered = lane_table().get(lane)
    return offered is not None and ("*" in offered["models"] or base_id(model) in offered["models"])


def cost_of(lane: str, totals: dict[str, Total]) -> dict[str, float] | None:
    """Return what records cost in a lane at least and at most, ``None`` where that is not known."""
    if lane not in lane_table():
        return None
    least = _cost(lane, totals, 0)
    most = _cost(lane, totals, 1)
    return None if least is None or most is None else {"least": least, "most": most}


def batch_saves(totals: dict[str, Total]) -> float | None:
    """Return how much less records are likely to cost in a batch than on demand, ``None`` where that is not known."""
    whole = _cost(ON_DEMAND, totals, LIKELY_OUTPUT)
    batch = _cost(BEDROCK_BATCH, totals, LIKELY_OUTPUT)
    return None if whole is None or batch is None else whole - batch


def cache_saves(contract: Contract, totals: dict[str, Total]) -> float:
    """Return how much less records cost on demand since a prompt that they share is read from the model's cache."""
    return sum(_kept(contract, model, total) for model, total in totals.items())


def _cost(lane: str, totals: dict[str, Total], output: float) -> float | None:
    costs = [
        lane_cost_usd(
            lane,
            model,
            Usage(
                input_tokens=total.input_tokens,
                output_tokens=round(total.max_output_tokens * output),
            ),
        )
        for model, total in totals.items()
    ]
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 12) if len(known) == len(costs) else None


def _kept(contract: Contract, model: str, total: Total) -> float:
    """Return what a model's prompt cache saves on demand, of the contract's own system prompt; others are not known."""
    offered, price = prompt_cache_of(base_id(model)), price_of(model)
    system = contract.prompt.system if contract.prompt else None
    if system is None or "{" in system or offered is None or price is None:
        return 0.0
    tokens, wish = estimated_tokens([system]), contract.keeps_prompts
    if not wish or tokens < offered.least or (offered.most is not None and tokens > offered.most):
        return 0.0
    return total.records * tokens * price["input"] * (1 - offered.read) / 1_000_000
