"""The lanes: the ways to ask, and what a contract may say of them.

``on_demand`` asks one request after the other, at once; ``flex`` the same in Bedrock's tier of that name, cheaper and
served when there is room; ``bedrock_batch`` hands thousands over together, for half the price, and waits for hours;
``sagemaker_async`` puts them into the queue of an endpoint of one's own.
"""

from collections.abc import Sequence
from typing import Final, Literal

ON_DEMAND: Final = "on_demand"
FLEX: Final = "flex"
BEDROCK_BATCH: Final = "bedrock_batch"
SAGEMAKER_ASYNC: Final = "sagemaker_async"
AUTO: Final = "auto"

Lane = Literal["on_demand", "flex", "bedrock_batch", "sagemaker_async"]
LaneWish = Literal["on_demand", "flex", "bedrock_batch", "sagemaker_async", "auto"]
IfMissing = Literal["on_demand", "fail"]

# Lanes that hand over, wait, and collect.
ASYNCHRONOUS = frozenset({BEDROCK_BATCH, SAGEMAKER_ASYNC})
# The engine that a lane belongs to; every engine is asked on demand.
ENGINE = {FLEX: "bedrock", BEDROCK_BATCH: "bedrock", SAGEMAKER_ASYNC: "sagemaker"}
# Service tiers of calls, which a batch does not have.
TIERS = frozenset({"flex", "priority"})


def lane_fault(wish: LaneWish, engines: Sequence[str], *, says_missing: bool) -> str | None:
    """Return what is wrong with a wish for the engines of a contract's routes, with place and fix, if anything is.

    >>> lane_fault("flex", ["openai"], says_missing=False)
    'lane: flex asks engine: bedrock, and routes.0 has openai: give it that engine, or say lane: on_demand'
    """
    wanted = ENGINE.get(wish)
    if wanted is not None and engines[0] != wanted:
        return (
            f"lane: {wish} asks engine: {wanted}, and routes.0 has {engines[0]}:"
            " give it that engine, or say lane: on_demand"
        )
    if says_missing and wish != AUTO and wish not in ASYNCHRONOUS:
        return (
            f"missing: nothing is left without an answer with lane: {wish}: take it out, or say"
            " lane: bedrock_batch, sagemaker_async or auto"
        )
    return None
