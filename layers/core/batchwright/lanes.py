"""Which lane a job takes: by count, deadline, price, and what the model and the records allow; and why.

The same facts make the same choice. Where the contract names a lane, that one is taken or the file is refused; only a
file that is too small for a batch goes on demand by itself. ``auto`` takes a batch where everything speaks for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

from batchwright.contract import Contract
from batchwright.errors import Refused
from batchwright.lane import AUTO, BEDROCK_BATCH, ON_DEMAND, SAGEMAKER_ASYNC, Lane
from batchwright.lanecosts import cost_of, has_engine
from batchwright.obstacles import (
    Load,
    Why,
    Workload,
    batch_time,
    doubts,
    hindrances,
    hours,
    reserve,
)
from batchwright.quotas import Quota, reserved_tokens
from batchwright.totals import Total

LANES: tuple[Lane, ...] = get_args(Lane)
# What an endpoint's queue is given at once: little, so that it stays short.
ENDPOINT_RECORDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFacts:
    """What is known of one lane for one job."""

    hindrances: tuple[Why, ...]
    """What it cannot do for some record."""
    doubts: tuple[Why, ...]
    """Why it is not chosen by itself, besides."""
    cost_usd: dict[str, float] | None
    """At least and at most; ``None`` is not known."""
    minutes: float | None
    """How long it is likely to take; on demand the least that the quotas allow; ``None`` is not known."""

    @property
    def against(self) -> tuple[Why, ...]:
        """All that speaks against it, what decides first."""
        return (*self.hindrances, *self.doubts)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``lane.json`` has it."""
        return {
            "possible": not self.hindrances,
            "against": [why.to_json() for why in self.against],
            "cost_usd": self.cost_usd,
            "minutes": self.minutes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneChoice:
    """Which lane a job takes, and why."""

    lane: Lane
    reasons: tuple[Why, ...]
    """What decided first."""
    wish: str
    """What the contract says."""
    lanes: dict[Lane, LaneFacts]

    def to_json(self) -> dict[str, Any]:
        """Return it as ``lane.json`` has it."""
        return {
            "lane": self.lane,
            "wish": self.wish,
            "reasons": [why.to_json() for why in self.reasons],
            "lanes": {lane: facts.to_json() for lane, facts in self.lanes.items()},
        }

    def instead(self, why: Why) -> "LaneChoice":
        """Return the choice of asking on demand, after it has turned out that the lane will not do."""
        return replace(self, lane=ON_DEMAND, reasons=(why, *self.reasons))


def choose(contract: Contract, load: Load) -> LaneChoice:
    """Choose a job's lane."""
    facts = {lane: _facts(lane, contract, load) for lane in LANES}
    lane, reasons = _chosen(contract, load, facts)
    return LaneChoice(lane=lane, reasons=reasons, wish=contract.lane, lanes=facts)


def check_wish(contract: Contract, asked: Workload) -> None:
    """Refuse a file whose records cannot take the lane that the contract names; raises :class:`Refused`.

    Too few records are no reason: they are asked on demand.
    """
    if contract.lane == AUTO:
        return
    for why in hindrances(contract.lane, contract, asked):
        if why.code != "few_records":
            raise Refused(
                "lane_unsuitable",
                f"contract {contract.name!r} says lane: {contract.lane}, but {why.message}:"
                " say lane: auto or on_demand, or split the file",
                line=why.line,
            )


def chunk_records_of(contract: Contract, most: int) -> int:
    """Return how many records a chunk of the contract's files has at most, where the stack's are ``most``."""
    wished = contract.lane in {SAGEMAKER_ASYNC, AUTO}
    queued = wished and has_engine(SAGEMAKER_ASYNC, contract)
    if not queued:
        return most
    return min(most, ENDPOINT_RECORDS, contract.routes[0].in_flight or ENDPOINT_RECORDS)


def minutes_on_demand(totals: dict[str, Total], quota_of: Callable[[str], Quota]) -> float | None:
    """Return how long the quotas need for records, ``None`` where one is not known; models are asked side by side."""
    each = [
        quota_of(model).minutes(
            total.records, reserved_tokens(model, total.input_tokens, total.max_output_tokens)
        )
        for model, total in totals.items()
    ]
    known = [minutes for minutes in each if minutes is not None]
    return max(known, default=0.0) if len(known) == len(each) else None


def _facts(lane: Lane, contract: Contract, load: Load) -> LaneFacts:
    minutes = None
    if lane == ON_DEMAND:
        minutes = load.minutes
    elif lane == BEDROCK_BATCH and has_engine(lane, contract):
        minutes = batch_time(load.records).total_seconds() / 60
    return LaneFacts(
        hindrances=tuple(hindrances(lane, contract, load)),
        doubts=tuple(doubts(lane, contract, load)),
        cost_usd=cost_of(lane, contract, load.totals),
        minutes=minutes,
    )


def _chosen(
    contract: Contract, load: Load, facts: dict[Lane, LaneFacts]
) -> tuple[Lane, tuple[Why, ...]]:
    wish = contract.lane
    if wish != AUTO:
        said = Why(code="said", message=f"the contract says lane: {wish}")
        against = facts[wish].hindrances
        return (ON_DEMAND, (*against, said)) if against else (wish, (said, *facts[wish].doubts))
    if not facts[SAGEMAKER_ASYNC].hindrances:
        return SAGEMAKER_ASYNC, (_queued(),)
    if not facts[BEDROCK_BATCH].against:
        return BEDROCK_BATCH, (_cheaper(facts), _in_time(load))
    return ON_DEMAND, facts[BEDROCK_BATCH].against


def _queued() -> Why:
    return Why(code="engine", message="the first route asks an endpoint of SageMaker by its queue")


def _cheaper(facts: dict[Lane, LaneFacts]) -> Why:
    batch, whole = facts[BEDROCK_BATCH].cost_usd, facts[ON_DEMAND].cost_usd
    assert batch is not None and whole is not None  # noqa: S101, PT018 - a lane of unknown price is not chosen
    return Why(
        code="price",
        message=f"a batch costs ${batch['most']:,.2f} at most, on demand ${whole['most']:,.2f}",
    )


def _in_time(load: Load) -> Why:
    likely, kept = batch_time(load.records), reserve(load.minutes)
    return Why(
        code="deadline",
        message=f"{hours(load.left)} are left, of which a batch is likely to take {hours(likely)}, and {hours(kept)}"
        " are kept for asking on demand what it leaves",
    )
