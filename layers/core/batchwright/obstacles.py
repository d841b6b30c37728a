"""What stands against a lane: what it cannot do for some record, and what makes it unwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from batchwright.batches import BATCH_LIKELY, BATCH_RECORDS, BATCHES_AT_ONCE, FEWEST_RECORDS
from batchwright.contract import Contract
from batchwright.errors import LONGEST_NAME_SHOWN
from batchwright.families import family_of
from batchwright.lane import BEDROCK_BATCH, ENGINE, FLEX, TIERS, Lane
from batchwright.lanecosts import batch_saves, cache_saves, has_engine, lane_knows
from batchwright.needs import ATTACHMENTS, NATIVE, TOOLS, WORDS, Needs
from batchwright.prices import lane_table
from batchwright.rewording import FAMILIES
from batchwright.totals import Total

# What must be left of the deadline for asking on demand what a batch did not answer: so many times as long as the
# quotas allow at best, and time to stop the batch; an assumption where no quota is known.
SLOWER = 2.0
STOPPING = timedelta(minutes=30)
UNKNOWN = timedelta(hours=4)
# What a batch must save, in USD, that hours are waited for it where nobody has asked for one.
WORTH_WAITING = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a job asks."""

    totals: dict[str, Total]
    """By the model that its records ask."""
    needs: Needs

    @property
    def records(self) -> int:
        """How many may be asked."""
        return sum(total.records for total in self.totals.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Workload):
    """What a job asks, and how much time it has for that."""

    left: timedelta
    """Until its deadline."""
    minutes: float | None = None
    """How long its models' quotas need for it on demand, at the least; ``None`` where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """A fact that speaks for a lane, or against one."""

    code: str
    message: str
    line: int | None = None
    """Of the first record that it is about."""

    def to_json(self) -> dict[str, Any]:
        """Return it as ``lane.json`` has it."""
        return {"code": self.code, "message": self.message, "line": self.line}


def hindrances(lane: Lane, contract: Contract, load: Workload) -> Iterator[Why]:
    """Yield what a lane cannot do for some of the records, whatever anybody wishes."""
    if not has_engine(lane, contract):
        engine = contract.routes[0].engine
        yield Why(code="engine", message=f"the first route asks {engine}, and not {ENGINE[lane]}")
    elif lane == BEDROCK_BATCH:
        yield from _of_the_contract(contract)
        yield from _of_the_records(load)


def doubts(lane: Lane, contract: Contract, load: Load) -> Iterator[Why]:
    """Yield why a lane that could take the records is still not chosen by itself."""
    if lane not in lane_table() or not has_engine(lane, contract):
        return
    unknown = [model for model in load.totals if not lane_knows(lane, model)]
    if unknown:
        model = unknown[0][:LONGEST_NAME_SHOWN]
        yield Why(
            code="model", message=f"{model!r} is not among the models that are known to take {lane}"
        )
    if lane == FLEX:
        yield Why(code="price", message="AWS does not put the discount of flex into a number")
    if lane == BEDROCK_BATCH:
        yield from _of_patience(contract, load)
        yield from _of_the_price(contract, load)


def words_of_batch(model: str, needs: Needs) -> str | None:
    """Return the family whose own words a batch of a model is put into, since some of its records bring tools.

    ``None`` where there are none, and Converse's will do.
    """
    return family_of(model) if needs.of(TOOLS).records else None


def reserve(minutes: float | None) -> timedelta:
    """Return how much of a job's time is kept for asking on demand what a batch leaves, if it takes so long by quota.

    >>> str(reserve(90)), str(reserve(None))
    ('3:30:00', '4:30:00')
    """
    asking = UNKNOWN if minutes is None else timedelta(minutes=SLOWER * minutes)
    return asking + STOPPING


def batch_time(records: int) -> timedelta:
    """Return how long batches of so many records are likely to take.

    >>> str(batch_time(300)), str(batch_time(1_500_000))
    ('6:00:00', '12:00:00')
    """
    batches = ceil(records / BATCH_RECORDS)
    return max(1, ceil(batches / BATCHES_AT_ONCE)) * BATCH_LIKELY


def hours(span: timedelta) -> str:
    """Return a time as people read it.

    >>> hours(timedelta(minutes=90)), hours(timedelta(days=2)), hours(timedelta(seconds=-5))
    ('1.5 h', '48 h', '0 h')
    """
    return f"{max(0.0, span / timedelta(hours=1)):.1f}".removesuffix(".0") + " h"


def _of_the_contract(contract: Contract) -> Iterator[Why]:
    if any(route.guardrail is not None for route in contract.routes):
        yield Why(code="guardrail", message="a batch is asked without the guardrail of the routes")
    tier = next((route.tier for route in contract.routes if route.tier in TIERS), None)
    if tier is not None:
        yield Why(code="tier", message=f"a route asks the tier {tier}, and a batch has none")


def _of_the_records(load: Workload) -> Iterator[Why]:
    if load.records < FEWEST_RECORDS:
        yield Why(
            code="few_records",
            message=f"there are {load.records:,} records, and a batch has {FEWEST_RECORDS} at least",
        )
    if len(load.totals) > 1:
        yield Why(
            code="several_models",
            message=f"the records ask {len(load.totals)} models, and a batch asks one",
        )
    yield from _of_tools(load)
    attached = load.needs.of(ATTACHMENTS)
    if attached.records:
        yield Why(
            code="attachments",
            message=f"{attached.records:,} of the records name files, and nobody knows how large a batch they make",
            line=attached.line,
        )
    native = load.needs.of(NATIVE)
    if 0 < native.records < load.records:
        yield Why(
            code="mixed",
            message="a batch calls Converse or InvokeModel, and some records need the one, some the other",
            line=native.line,
        )


def _of_tools(load: Workload) -> Iterator[Why]:
    tools, words = load.needs.of(TOOLS), load.needs.of(WORDS)
    brought = (
        f"{tools.records:,} of the records bring tools, which Converse does not take in a batch"
    )
    other = [model for model in load.totals if family_of(model) not in FAMILIES]
    if tools.records and other:
        model = other[0][:LONGEST_NAME_SHOWN]
        message = f"{brought}, and {model!r} is neither Claude nor Nova by its name"
        yield Why(code="tools", message=message, line=tools.line)
    elif tools.records and words.records:
        message = f"{brought}, and the model's own words do not hold {words.records:,} records: {words.told}"
        yield Why(code="tools", message=message, line=words.line)


def _of_patience(contract: Contract, load: Load) -> Iterator[Why]:
    if contract.document is not None and contract.document.join is not None:
        yield Why(
            code="join", message="answers are joined, and joining would wait for whole batches"
        )
    likely, kept = batch_time(load.records), reserve(load.minutes)
    if load.left < likely + kept:
        asking = "no quota is known" if load.minutes is None else "by the quotas"
        yield Why(
            code="deadline",
            message=f"{hours(load.left)} are left: a batch is likely to take {hours(likely)}, and {hours(kept)} are"
            f" kept for asking on demand what it leaves ({asking})",
        )


def _of_the_price(contract: Contract, load: Load) -> Iterator[Why]:
    saved = batch_saves(contract, load.totals)
    if saved is None:
        yield Why(code="price", message="what a batch costs is not known")
    elif saved < WORTH_WAITING:
        yield Why(
            code="price",
            message=f"a batch is likely to save less than ${WORTH_WAITING:.2f}, which is not worth hours",
        )
    elif saved <= cache_saves(contract, load.totals):
        yield Why(
            code="prompt_cache",
            message="on demand costs less: the prompt that the records share is read from the model's cache",
        )
