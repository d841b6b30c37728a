"""Estimate: what a file would do and cost, found out on this machine by the code that plans jobs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from batchwright.aws.clock import SystemClock
from batchwright.budget import Budget
from batchwright.cli.contracts import local_contract
from batchwright.cli.faults import Code
from batchwright.cli.local import LocalObjects, Seen, check_file
from batchwright.contract import Contract, default_contract
from batchwright.firstplan import FirstPlan
from batchwright.job import Job, Pin, Reason, job_id_of
from batchwright.lines import lines
from batchwright.listing import first_chunk
from batchwright.obstacles import Workload
from batchwright.places import problems_key
from batchwright.planning import Progress
from batchwright.route import Route
from batchwright.settings import CHUNK_RECORDS, MODEL_ARNS, models_of
from batchwright.totals import Total, with_judges

REGION = "us-east-1"
"""The prices and the quotas that are kept are those of this Region."""
MOST_PROBLEMS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which contract a file would run, and which models the stack would let it ask."""

    contract: Contract
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problems:
    """The lines that may not run: how many by code, and the first of them as ``problems.jsonl`` has them."""

    count: int
    by_code: dict[str, int]
    first: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What planning found; of a refused file nothing would run."""

    size: int
    contract: str
    terms: Contract
    dialect: str | None
    refusal: Reason | None
    records: int
    """All that were read, those that may not run included."""
    chunks: int
    problems: Problems
    totals: dict[str, Total]
    """By the model that would be asked, those of filters included."""
    routes: dict[str, Route]
    """The ways to those models."""
    asked: Workload
    """What the records themselves ask."""

    @property
    def budget(self) -> Budget | None:
        """What the file may cost, if the contract says so."""
        return self.terms.budget

    @property
    def code(self) -> Code:
        """The exit code that tells how the file would fare."""
        if self.refusal is not None:
            return Code.REFUSED
        return Code.OTHERWISE if self.problems.count else Code.DONE


def terms_of(contract: str | None, models: Sequence[str]) -> Terms:
    """Return the terms under a local contract, or under the built-in one; raises :class:`Refused`.

    ``models`` may be asked besides those that the contract names; without one they are all there are.
    """
    if contract is None:
        served = tuple(dict.fromkeys(models)) or models_of(MODEL_ARNS, REGION)
        return Terms(contract=default_contract(served), models=served)
    found = local_contract(contract)
    named = (
        *(route.model for route in found.routes),
        *found.models.values(),
        *found.filters.models,
    )
    return Terms(contract=found, models=tuple(dict.fromkeys((*named, *models))))


def estimate(file: Path, terms: Terms, dialect: str | None, seen: Seen) -> Estimate:
    """Plan a file as its job would be planned, in working files that are removed again."""
    check_file(file)
    with TemporaryDirectory(prefix="batchwright-") as folder:
        objects = LocalObjects(file, Path(folder), seen)
        job = _job(objects.pin(objects.input), terms, dialect)
        run = FirstPlan(job, objects, CHUNK_RECORDS, late=lambda: False)
        run.go_on()
        return _found(job, objects, run.progress, run.refusal)


def _job(pin: Pin, terms: Terms, dialect: str | None) -> Job:
    digest = terms.contract.digest()
    return Job.model_validate(
        {
            "job_id": job_id_of(pin, digest, None),
            "created_at": SystemClock().now(),
            "input": pin,
            "contract_name": terms.contract.name,
            "contract": terms.contract.to_json(),
            "contract_digest": digest,
            "models": terms.models,
            "dialect": dialect,
        }
    )


def _found(job: Job, objects: LocalObjects, progress: Progress, refusal: Reason | None) -> Estimate:
    totals = {} if refusal else with_judges(progress.totals, job.terms.filters)
    return Estimate(
        size=job.pinned().size,
        contract=job.contract_name,
        terms=job.terms,
        dialect=None if refusal else first_chunk(job.job_id, objects).dialect,
        refusal=refusal,
        records=progress.records,
        chunks=0 if refusal else progress.cut.chunks,
        problems=_problems(objects, job.job_id, progress.found),
        totals=totals,
        routes={model: job.terms.route_to(model) for model in totals},
        asked=Workload(totals={} if refusal else progress.totals, needs=progress.needs),
    )


def _problems(objects: LocalObjects, job_id: str, count: int) -> Problems:
    """Count the problems by their codes; why a file is refused stands after them, and is none of them."""
    by_code: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    found = _lines(objects, problems_key(job_id)) if count else iter(())
    for line in islice(found, count):
        problem: dict[str, Any] = orjson.loads(line)
        by_code[problem["code"]] += 1
        if len(first) < MOST_PROBLEMS:
            first.append(problem)
    return Problems(count=count, by_code=dict(by_code.most_common()), first=first)


def _lines(objects: LocalObjects, key: str) -> Iterator[bytes]:
    return (line.content or b"" for line in lines(objects.blocks(objects.pin(key))))
