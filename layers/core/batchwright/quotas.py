"""How much of a model AWS lets an account ask in a minute, from the table in ``quotas.json``; unknown is ``None``."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from batchwright.families import family_of
from batchwright.prices import base_id, model_id
from batchwright.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Requests and tokens a minute; ``None`` is no limit, or none that is known."""

    rpm: int | None = None
    tpm: int | None = None

    def minutes(self, requests: int, tokens: int) -> float | None:
        """Return how long so much takes at least, ``None`` where no limit is known.

        >>> Quota(rpm=100, tpm=10_000).minutes(50, 40_000), Quota().minutes(50, 40_000)
        (4.0, None)
        """
        limits = ((requests, self.rpm), (tokens, self.tpm))
        return max((much / limit for much, limit in limits if limit), default=None)


@cache
def quota_table() -> dict[str, Any]:
    """Return the table as it is kept, header and all."""
    table: dict[str, Any] = json.loads(files("batchwright").joinpath("quotas.json").read_bytes())
    return table


def quota_of(model: str) -> Quota:
    """Return AWS's default quota of a model or an inference profile: each has its own."""
    return Quota(tpm=quota_table()["tokens_a_minute"].get(model_id(model)))


def output_burndown(model: str) -> int:
    """Return how many tokens of the quota one token of output takes.

    >>> output_burndown("us.anthropic.claude-sonnet-4-20250514-v1:0"), output_burndown("amazon.nova-lite-v1:0")
    (5, 1)
    """
    rule = quota_table()["output_burndown"]
    older = base_id(model).startswith(tuple(rule["older"]))
    return int(rule["factor"]) if family_of(model) == rule["family"] and not older else 1


def reserved_tokens(model: str, input_tokens: int, max_output_tokens: int) -> int:
    """Return what requests take of the quota at most: their input, and their output as it is burnt down."""
    return input_tokens + max_output_tokens * output_burndown(model)


def quota_tokens(model: str, usage: Usage) -> int:
    """Return what an answered call has taken of the quota: tokens that a cache held are not counted.

    (docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html)
    """
    return (
        usage.input_tokens + usage.cache_write_tokens + usage.output_tokens * output_burndown(model)
    )
