"""A job's lane, chosen when it is planned and kept with all that was known: ``lane.json``."""

from datetime import datetime, timedelta
from functools import partial
from math import ceil
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from batchwright.errors import Missing
from batchwright.job import Job
from batchwright.lanes import LaneChoice, choose, minutes_on_demand
from batchwright.limits import Limits
from batchwright.needs import Needs
from batchwright.obstacles import Load, Workload
from batchwright.places import lane_key
from batchwright.ports import Objects
from batchwright.totals import Total, with_judges


class Kept(Struct, kw_only=True):
    """What the file of a job's first run tells its redrives."""

    totals: dict[str, Total]
    needs: Needs


def plan_lane(
    job: Job,
    asked: Workload,
    limits: Limits,
    objects: Objects,
    *,
    ends_at: datetime,
    now: datetime,
    redrive: int = 0,
) -> LaneChoice:
    """Choose the lane of a job's run, and keep the choice."""
    load = Load(
        totals=asked.totals,
        needs=asked.needs,
        left=max(timedelta(), ends_at - now),
        minutes=minutes_on_demand(
            with_judges(asked.totals, job.terms.filters), partial(limits.of, contract=job.terms)
        ),
    )
    choice = choose(job.terms, load)
    keep_lane(choice, asked, job.job_id, objects, redrive=redrive)
    return choice


def keep_lane(
    choice: LaneChoice, asked: Workload, job_id: str, objects: Objects, *, redrive: int = 0
) -> None:
    """Keep a choice, and what it was made of."""
    kept = Kept(totals=asked.totals, needs=asked.needs)
    content: dict[str, Any] = {**choice.to_json(), **msgspec.to_builtins(kept)}
    objects.write(lane_key(job_id, redrive), orjson.dumps(content, option=orjson.OPT_INDENT_2))


def asked_again(job_id: str, records: int, objects: Objects) -> Workload:
    """Return what a redrive asks that asks so many records, as far as the first run's plan tells.

    Which of the records they are is not looked at: each model's share is taken to be as it was.
    """
    try:
        kept = msgspec.json.decode(objects.read(lane_key(job_id)), type=Kept)
    except (Missing, msgspec.DecodeError):
        # It was planned by a version that had one lane.
        return Workload(totals={}, needs=Needs())
    whole = sum(total.records for total in kept.totals.values())
    share = min(1.0, records / whole) if whole else 0.0
    totals = {model: _part(total, share) for model, total in kept.totals.items()}
    return Workload(totals=totals, needs=kept.needs)


def _part(total: Total, share: float) -> Total:
    return Total(
        records=ceil(total.records * share),
        input_tokens=ceil(total.input_tokens * share),
        max_output_tokens=ceil(total.max_output_tokens * share),
    )
