"""What a job may ask of its models in a minute: what its contract tells, else what AWS grants the account.

AWS is asked when the job is planned, and not by its workers: a thousand of them would be refused.
"""

import msgspec
from msgspec import Raw, Struct, field

from batchwright.contract import Contract
from batchwright.errors import Missing
from batchwright.finding import Stage
from batchwright.job import Job
from batchwright.places import job_key, planned_key
from batchwright.ports import Account, Objects
from batchwright.quotas import Quota
from batchwright.totals import Total


class Limits(Struct, kw_only=True):
    """What is known of the limits of a job's models."""

    totals: dict[str, Total] = field(default_factory=dict)
    """What the records, and the filters, ask of each model, fallbacks left out."""
    granted: dict[str, int | None] = field(default_factory=dict)
    """The tokens a minute of models whose limit the contract does not tell; ``None`` is learnt."""

    def of(self, model: str, contract: Contract) -> Quota:
        """Return the limits of a model, as far as they are known."""
        told = told_by(contract, model)
        return Quota(rpm=told.rpm, tpm=told.tpm or self.granted.get(model))


class Planned(Struct, kw_only=True):
    """What ``planned.json`` says: all that a worker wants to know of its job, in one read."""

    job: Raw
    """The very bytes of ``job.json``."""
    limits: Limits


def told_by(contract: Contract, model: str) -> Quota:
    """Return the limits that a contract tells of a model: with a route, or else with a judge among its filters."""
    told = [Quota(rpm=each.rpm, tpm=each.tpm) for each in contract.routes if each.model == model]
    for stage in Stage:
        judges = (entry.judge for entry in contract.filters.at(stage) if entry.judge)
        told += [Quota(rpm=each.rpm, tpm=each.tpm) for each in judges if each.model == model]
    rpm = next((each.rpm for each in told if each.rpm), None)
    return Quota(rpm=rpm, tpm=next((each.tpm for each in told if each.tpm), None))


def plan_limits(
    job: Job, totals: dict[str, Total], objects: Objects, account: Account | None
) -> Limits:
    """Ask for the limits that the contract does not tell, where there is time; keep and return them.

    They are asked for with every plan of the job, so with every redrive, too.
    """
    models = dict.fromkeys([*totals, *(route.model for route in job.terms.routes)])
    granted = {
        model: account.tokens_a_minute(model)
        if account and job.terms.route_to(model).listed
        else None
        for model in models
        if told_by(job.terms, model).tpm is None
    }
    limits = Limits(totals=totals, granted=granted)
    planned = Planned(job=Raw(job.model_dump_json().encode()), limits=limits)
    objects.write(planned_key(job.job_id), msgspec.json.encode(planned))
    return limits


def read_limits(job_id: str, objects: Objects) -> Limits:
    """Return what is known of a job's limits; of a job that was planned without, nothing is."""
    planned = _planned(job_id, objects)
    return planned.limits if planned else Limits()


def read_planned(job_id: str, objects: Objects) -> tuple[Job, Limits]:
    """Return a job, and what is known of its limits."""
    planned = _planned(job_id, objects)
    content = bytes(planned.job) if planned else objects.read(job_key(job_id))
    return Job.model_validate_json(content), planned.limits if planned else Limits()


def _planned(job_id: str, objects: Objects) -> Planned | None:
    try:
        return msgspec.json.decode(objects.read(planned_key(job_id)), type=Planned)
    except (Missing, msgspec.DecodeError):
        return None
