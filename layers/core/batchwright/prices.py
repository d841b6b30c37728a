"""What a model costs, from the table in ``prices.json``; what the table does not know costs ``None``, never 0."""

import json
import re
from functools import cache
from importlib.resources import files

from batchwright.usage import Usage

# Cross-Region inference profiles are named by a geography before the model's own id
# (docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html).
GEOGRAPHY = re.compile(r"^(us|us-gov|eu|apac|au|ca|jp|global)\.")


@cache
def price_table() -> dict[str, dict[str, float]]:
    """Return USD for a million input and output tokens, by model id."""
    models: dict[str, dict[str, float]] = json.loads(
        files("batchwright").joinpath("prices.json").read_bytes()
    )["models"]
    return models


def price_of(model: str) -> dict[str, float] | None:
    """Return the prices of a model, an inference profile or an ARN of either, if the table has them."""
    model_id = model.rsplit("/", 1)[-1]
    table = price_table()
    return table.get(model_id) or table.get(GEOGRAPHY.sub("", model_id))


def cost_usd(model: str, usage: Usage) -> float | None:
    """Return what ``usage`` of ``model`` costs in USD, or ``None`` where the price is not known.

    >>> cost_usd("us.amazon.nova-lite-v1:0", Usage(input_tokens=1_000_000, output_tokens=500_000))
    0.18
    >>> cost_usd("somebody.new-model-v1:0", Usage(input_tokens=1)) is None
    True
    """
    price = price_of(model)
    if price is None:
        return None
    # Cached tokens are billed apart and at other rates; until the table holds those, their price is not known.
    if usage.cache_read_tokens or usage.cache_write_tokens:
        return None
    millionths = usage.input_tokens * price["input"] + usage.output_tokens * price["output"]
    return round(millionths / 1_000_000, 12)
