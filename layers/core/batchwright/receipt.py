"""The receipt: what a job was, how it ended, and what its result files hold. Every job ends with one."""

from dataclasses import dataclass
from typing import Any

from batchwright.job import Job, JobRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """One file of the results."""

    key: str
    lines: int
    size: int
    """In bytes."""
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return it as the receipt holds it."""
        return {"key": self.key, "lines": self.lines, "bytes": self.size, "sha256": self.sha256}


def receipt_of(
    job: Job, row: JobRow, files: dict[str, ResultFile], *, version: str
) -> dict[str, Any]:
    """Return a job's receipt; ``row`` is the job's row as it closes, ``version`` that of the code."""
    return {
        "job_id": job.job_id,
        "status": row.status.value,
        "reason": row.reason.model_dump() if row.reason else None,
        "input": job.input.model_dump() if job.input else None,
        "contract": job.contract_name,
        "contract_digest": job.contract_digest,
        **row.tally.to_json(),
        "counts": row.counts(),
        "problems": row.problems,
        "created_at": row.created_at,
        "closed_at": row.updated_at,
        "files": {name: file.to_json() for name, file in files.items()},
        "version": version,
    }
