"""What a job may ask of its models in a minute: what its contract tells, else what AWS grants the account.

AWS is asked when the job is planned, and not by its workers: a thousand of them would be refused.
"""

import msgspec
from msgspec import Struct, field

from batchwright.contract import Contract
from batchwright.errors import Missing
from batchwright.job import Job
from batchwright.places import limits_key
from batchwright.planning import Total
from batchwright.ports import Account, Objects
from batchwright.quotas import Quota


class Limits(Struct, kw_only=True):
    """What ``limits.json`` says: written with every plan of the job."""

    totals: dict[str, Total] = field(default_factory=dict)
    """What the records, and the filters, ask of each model, fallbacks left out."""
    granted: dict[str, int | None] = field(default_factory=dict)
    """The tokens a minute of models whose limit the contract does not tell; ``None`` is learnt."""

    def of(self, model: str, contract: Contract) -> Quota:
        """Return the limits of a model, as far as they are known."""
        told = told_by(contract, model)
        return Quota(rpm=told.rpm, tpm=told.tpm or self.granted.get(model))


def told_by(contract: Contract, model: str) -> Quota:
    """Return the limits that a contract tells of a model."""
    routes = [route for route in contract.routes if route.model == model]
    rpm = next((route.rpm for route in routes if route.rpm), None)
    return Quota(rpm=rpm, tpm=next((route.tpm for route in routes if route.tpm), None))


def plan_limits(
    job: Job, totals: dict[str, Total], objects: Objects, account: Account | None
) -> Limits:
    """Ask for the limits that the contract does not tell, where there is time; keep and return them."""
    models = dict.fromkeys([*totals, *(route.model for route in job.terms.routes)])
    granted = {
        model: account.tokens_a_minute(model)
        if account and job.terms.route_to(model).listed
        else None
        for model in models
        if told_by(job.terms, model).tpm is None
    }
    limits = Limits(totals=totals, granted=granted)
    objects.write(limits_key(job.job_id), msgspec.json.encode(limits))
    return limits


def read_limits(job_id: str, objects: Objects) -> Limits:
    """Return what is known of a job's limits; of a job that was planned without, nothing is."""
    try:
        return msgspec.json.decode(objects.read(limits_key(job_id)), type=Limits)
    except (Missing, msgspec.DecodeError):
        return Limits()
