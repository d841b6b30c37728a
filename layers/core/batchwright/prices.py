"""What a model costs, from the table in ``prices.json``; what the table does not know costs ``None``, never 0."""

import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import Field

from batchwright.promptcaches import prompt_cache_of
from batchwright.usage import Usage
from batchwright.written import Written

# Cross-Region inference profiles are named by a geography before the model's own id
# (docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html).
GEOGRAPHY = re.compile(r"^(us|us-gov|eu|apac|au|ca|jp|global)\.")

# What answered in a batch has the tier that Bedrock's price list calls so.
BATCH = "batch"
LANES: dict[str | None, str] = {None: "on_demand", "default": "on_demand", BATCH: "bedrock_batch"}


type Usd = Annotated[float, Field(ge=0, le=10_000)]


class Price(Written):
    """What somebody's own model costs, in USD a million tokens."""

    input: Usd
    """What is read; a server's own cache of prompts makes it no cheaper."""
    output: Usd
    """What is written."""


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("batchwright").joinpath("prices.json").read_bytes())
    return table


def price_table() -> dict[str, dict[str, float]]:
    """Return USD for a million input and output tokens by model id, and the context that has these prices."""
    models: dict[str, dict[str, float]] = _table()["models"]
    return models


def lane_table() -> dict[str, dict[str, Any]]:
    """Return what part of the price each lane costs, where that is stated, and for which models it is known."""
    lanes: dict[str, dict[str, Any]] = _table()["lanes"]
    return lanes


def model_id(model: str) -> str:
    """Return the id of a model or an inference profile that may be named by its ARN."""
    return model.rsplit("/", 1)[-1]


@lru_cache(256)
def base_id(model: str) -> str:
    """Return the id of the model itself, whichever geography it is asked in."""
    return GEOGRAPHY.sub("", model_id(model))


@lru_cache(256)
def price_of(model: str) -> dict[str, float] | None:
    """Return the prices of a model, an inference profile or an ARN of either, if the table has them."""
    table = price_table()
    return table.get(model_id(model)) or table.get(base_id(model))


def cost_usd(model: str, usage: Usage) -> float | None:
    """Return what ``usage`` of ``model`` costs in USD, or ``None`` where the price is not known.

    What is written into a prompt cache is taken to be kept for five minutes: for longer is dearer.

    >>> cost_usd("us.amazon.nova-lite-v1:0", Usage(input_tokens=1_000_000, output_tokens=500_000))
    0.18
    >>> cost_usd("somebody.new-model-v1:0", Usage(input_tokens=1)) is None
    True
    """
    price = price_of(model)
    if price is None:
        return None
    millionths = usage.input_tokens * price["input"] + usage.output_tokens * price["output"]
    if usage.cached_tokens:
        kept = prompt_cache_of(base_id(model))
        if kept is None:
            return None
        parts = usage.cache_read_tokens * kept.read + usage.cache_write_tokens * kept.write
        millionths += parts * price["input"]
    return round(millionths / 1_000_000, 12)


def saved_usd(model: str, usage: Usage) -> float:
    """Return what a prompt cache has saved; less than nothing where more was written than read.

    >>> saved_usd("amazon.nova-lite-v1:0", Usage(cache_read_tokens=1_000_000, cache_write_tokens=1000))
    0.045
    """
    cost = cost_usd(model, usage)
    whole = usage.input_tokens + usage.cached_tokens
    plain = cost_usd(model, Usage(input_tokens=whole, output_tokens=usage.output_tokens))
    return 0.0 if cost is None or plain is None else round(plain - cost, 12)


def lane_cost_usd(lane: str, model: str, usage: Usage) -> float | None:
    """Return what ``usage`` costs in a lane, or ``None`` where the price, or the lane for the model, is not known.

    >>> million = Usage(input_tokens=1_000_000)
    >>> lane_cost_usd("bedrock_batch", "amazon.nova-lite-v1:0", million), lane_cost_usd("flex", "a.b", million)
    (0.03, None)
    """
    cost, factor = cost_usd(model, usage), lane_factor(lane, model)
    return None if cost is None or factor is None else round(cost * factor, 12)


def tier_cost_usd(tier: str | None, model: str, usage: Usage) -> float | None:
    """Return what ``usage`` costs in a service tier, or ``None`` where the table does not state it.

    >>> million = Usage(input_tokens=1_000_000)
    >>> tier_cost_usd("default", "amazon.nova-lite-v1:0", million)
    0.06
    >>> tier_cost_usd("priority", "amazon.nova-lite-v1:0", million) is None
    True
    """
    lane = LANES.get(tier) or str(tier)
    return lane_cost_usd(lane, model, usage) if lane in lane_table() else None


@lru_cache(256)
def lane_factor(lane: str, model: str) -> float | None:
    """Return what part of its price a model costs in a lane, or ``None`` where that is not known.

    >>> lane_factor("bedrock_batch", "us.amazon.nova-lite-v1:0")
    0.5
    """
    offered = lane_table()[lane]
    known = "*" in offered["models"] or base_id(model) in offered["models"]
    factor: float | None = offered["factor"]
    return factor if known else None
