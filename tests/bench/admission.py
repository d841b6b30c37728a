"""What admission does to the bucket and the table, for benches that begin after it."""

from datetime import datetime

from batchwright.contract import Contract
from batchwright.job import Job, JobRow, Pin, Status, timestamp
from batchwright.places import job_key
from batchwright.ports import Jobs, Objects
from tests.fakes import SALT


def write_job(
    objects: Objects, job_id: str, pin: Pin, contract: Contract, *, model: str, at: datetime
) -> None:
    """Write a job's file."""
    job = Job(
        job_id=job_id,
        created_at=at,
        input=pin,
        contract_name=contract.name,
        contract=contract.to_json(),
        contract_digest=contract.digest(),
        models=(model,),
        salt=SALT,
    )
    objects.write(job_key(job_id), job.model_dump_json().encode())


def add_row(jobs: Jobs, job_id: str, *, at: datetime) -> None:
    """Give a job its row."""
    jobs.add(
        JobRow(
            job_id=job_id,
            status=Status.RECEIVED,
            created_at=timestamp(at),
            updated_at=timestamp(at),
            contract="default",
        )
    )
