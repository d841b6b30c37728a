"""What an estimate comes to, as ``--json`` tells it: tokens, money by lane, time at the quota, and the lane to take."""

from copy import replace
from pathlib import Path
from typing import Any

from batchwright.charges import lane_cost_usd_of
from batchwright.cli.estimate import Estimate
from batchwright.lane import ON_DEMAND
from batchwright.lanes import choose
from batchwright.obstacles import Load
from batchwright.prices import lane_table
from batchwright.quotas import Quota, output_burndown, quota_of, quota_table, reserved_tokens
from batchwright.route import Route
from batchwright.totals import Total
from batchwright.usage import Usage


def facts_of(file: Path, found: Estimate, given: Quota) -> dict[str, Any]:
    """Return an estimate as ``--json`` tells it; what ``given`` says stands before AWS's default quotas."""
    models = [_model(found.routes[model], total, given) for model, total in found.totals.items()]
    total = _total(models)
    return {
        "file": str(file),
        "bytes": found.size,
        "dialect": found.dialect,
        "contract": found.contract,
        "budget": _budget(found, total["cost_usd"][ON_DEMAND]),
        "refused": found.refusal.model_dump() if found.refusal else None,
        "records": found.records,
        "chunks": found.chunks,
        "problems": {
            "count": found.problems.count,
            "by_code": found.problems.by_code,
            "first": found.problems.first,
        },
        "models": models,
        "total": total,
        "lane": _lane(found, total["minutes"]),
        "lanes": {
            name: {"factor": lane["factor"], "source": lane["source"]}
            for name, lane in lane_table().items()
        },
        "quotas": {name: quota_table()[name] for name in ("source", "as_of", "region")},
    }


def _lane(found: Estimate, minutes: float | None) -> dict[str, Any] | None:
    """Say which lane the file would take if it were sent now, and why; a refused file takes none."""
    if found.refusal is not None:
        return None
    load = Load(
        totals=found.asked.totals,
        needs=found.asked.needs,
        left=found.terms.lifetime,
        minutes=minutes,
    )
    return choose(found.terms, load).to_json()


def _budget(found: Estimate, cost: dict[str, float] | None) -> dict[str, Any] | None:
    """Say whether the most that the file may cost fits in the contract's budget; of a refused file nobody knows."""
    if found.budget is None:
        return None
    known = cost is not None and found.refusal is None
    fits = cost["most"] <= found.budget.usd if cost and known else None
    return {"usd": found.budget.usd, "fits": fits}


def _model(route: Route, total: Total, given: Quota) -> dict[str, Any]:
    model = route.listed
    known = quota_of(model)
    quota = replace(known, rpm=given.rpm or known.rpm, tpm=given.tpm or known.tpm)
    reserved = reserved_tokens(model, total.input_tokens, total.max_output_tokens)
    return {
        "model": route.model,
        "records": total.records,
        "input_tokens": total.input_tokens,
        "output_tokens": {"least": 0, "most": total.max_output_tokens},
        "cost_usd": {lane: _cost(lane, route, total) for lane in lane_table()},
        "quota": {
            "rpm": quota.rpm,
            "tpm": quota.tpm,
            "output_burndown": output_burndown(model),
            "reserved_tokens": reserved,
        },
        "minutes": quota.minutes(total.records, reserved),
    }


def _cost(lane: str, route: Route, total: Total) -> dict[str, float] | None:
    usage = Usage(input_tokens=total.input_tokens, output_tokens=total.max_output_tokens)
    least = lane_cost_usd_of(lane, route, replace(usage, output_tokens=0))
    most = lane_cost_usd_of(lane, route, usage)
    return None if least is None or most is None else {"least": least, "most": most}


def _total(models: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up what all models take; their quotas are their own, so the slowest tells the time."""
    minutes = [model["minutes"] for model in models]
    return {
        "input_tokens": sum(model["input_tokens"] for model in models),
        "output_tokens": {
            "least": 0,
            "most": sum(model["output_tokens"]["most"] for model in models),
        },
        "cost_usd": {
            lane: _sum([model["cost_usd"][lane] for model in models]) for lane in lane_table()
        },
        "minutes": None if None in minutes else max(minutes, default=0.0),
    }


def _sum(costs: list[dict[str, float] | None]) -> dict[str, float] | None:
    """Add up costs; an unknown one makes the sum unknown."""
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs):
        return None
    return {bound: round(sum(cost[bound] for cost in known), 12) for bound in ("least", "most")}
