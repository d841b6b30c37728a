"""What a job's records cost in each lane, and whether a batch is the cheaper one."""

from batchwright.charges import lane_cost_usd_of
from batchwright.contract import Contract
from batchwright.lane import BEDROCK_BATCH, ENGINE, ON_DEMAND, SAGEMAKER_ASYNC
from batchwright.outcome import add_costs
from batchwright.prices import base_id, lane_table, price_of
from batchwright.promptcaches import prompt_cache_of
from batchwright.request import estimated_tokens
from batchwright.totals import Total
from batchwright.usage import Usage

# An assumption: answers are mostly far shorter than they may be.
LIKELY_OUTPUT = 0.25


def has_engine(lane: str, contract: Contract) -> bool:
    """Whether a lane is one of the engine that a contract asks first."""
    wanted = ENGINE.get(lane)
    return wanted is None or contract.routes[0].engine == wanted


def lane_knows(lane: str, model: str) -> bool:
    """Whether a lane is known to take a model, or an inference profile of it.

    >>> lane_knows("bedrock_batch", "us.amazon.nova-lite-v1:0"), lane_knows("bedrock_batch", "a.b")
    (True, False)
    """
    offered = lane_table().get(lane)
    return offered is not None and ("*" in offered["models"] or base_id(model) in offered["models"])


def cost_of(lane: str, contract: Contract, totals: dict[str, Total]) -> dict[str, float] | None:
    """Return what records cost in a lane at least and at most, ``None`` where that is not known."""
    least, most = (_cost(lane, contract, totals, output) for output in (0, 1))
    return None if least is None or most is None else {"least": least, "most": most}


def batch_saves(contract: Contract, totals: dict[str, Total]) -> float | None:
    """Return how much less records are likely to cost in a batch than on demand, ``None`` where that is not known."""
    whole = _cost(ON_DEMAND, contract, totals, LIKELY_OUTPUT)
    batch = _cost(BEDROCK_BATCH, contract, totals, LIKELY_OUTPUT)
    return None if whole is None or batch is None else whole - batch


def cache_saves(contract: Contract, totals: dict[str, Total]) -> float:
    """Return how much less records cost on demand since a prompt that they share is read from the model's cache."""
    return sum(_kept(contract, model, total) for model, total in totals.items())


def _cost(lane: str, contract: Contract, totals: dict[str, Total], output: float) -> float | None:
    if not has_engine(lane, contract):
        return None
    # An endpoint costs the same however it is asked.
    listed = ON_DEMAND if lane == SAGEMAKER_ASYNC else lane
    cost: float | None = 0.0
    for model, total in totals.items():
        written = round(total.max_output_tokens * output)
        usage = Usage(input_tokens=total.input_tokens, output_tokens=written)
        cost = add_costs(cost, lane_cost_usd_of(listed, contract.route_to(model), usage))
    return cost


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
