"""The receipt: what a job was, how it ended, and what its result files hold. Every job ends with one.

A file is told in pieces, one a run of closing that wrote to it: a SHA-256 that was begun cannot be carried from run to
run. ``sha256`` is the digest of the whole where there is one piece, and null where there are several; then whoever
checks the file checks its pieces, one after the other.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from batchwright.job import Job, JobRow, Reason, Status
from batchwright.outcome import Tally
from batchwright.places import result_key

# The same for people; not sealed, since it is made from the receipt.
REPORT = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes of a file that were written in one run."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """One file of the results; its pieces are what it holds from its beginning to its end, one at least."""

    key: str
    lines: int
    pieces: tuple[Piece, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as the receipt holds it."""
        return {
            "key": self.key,
            "lines": self.lines,
            "bytes": sum(piece.bytes for piece in self.pieces),
            "sha256": self.pieces[0].sha256 if len(self.pieces) == 1 else None,
            "pieces": [asdict(piece) for piece in self.pieces],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFiles:
    """The tree over all records of a job, in order (:mod:`batchwright.merkle`)."""

    size: int
    root: str
    """Its hash, in hexadecimal."""
    levels: tuple[ResultFile, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as the receipt holds it."""
        return {
            "size": self.size,
            "root": self.root,
            "levels": [level.to_json() for level in self.levels],
        }


def receipt_of(
    job: Job,
    row: JobRow,
    files: dict[str, ResultFile],
    tree: TreeFiles | None,
    *,
    dialect: str | None,
    version: str,
) -> dict[str, Any]:
    """Return a job's receipt; ``row`` is the job's row as it closes, ``dialect`` what its input was read as.

    ``version`` is that of the code. A job that was refused, or admitted by a version that had none, has no ``tree``.
    """
    return {
        "job_id": job.job_id,
        "status": row.status.value,
        "reason": row.reason.model_dump() if row.reason else None,
        "incomplete_reason": row.incomplete_reason,
        "lane": row.lane,
        "lane_reason": row.lane_reason,
        "redrive": row.redrive.model_dump(mode="json") if row.redrive else None,
        "input": job.input.model_dump() if job.input else None,
        "dialect": dialect,
        "contract": job.contract_name,
        "contract_digest": job.contract_digest,
        **row.tally.to_json(),
        "counts": row.counts(),
        "problems": row.problems,
        "created_at": row.created_at,
        "closed_at": row.updated_at,
        "files": {name: file.to_json() for name, file in files.items()},
        "tree": tree.to_json() if tree else None,
        "report": result_key(job.job_id, REPORT, row.redrives),
        "version": version,
    }


def row_told_by(receipt: dict[str, Any], row: JobRow) -> JobRow:
    """Return a job's row as the receipt tells its end."""
    reason = receipt["reason"]
    return replace(
        row,
        status=Status(receipt["status"]),
        reason=Reason.model_validate(reason) if reason else None,
        tally=Tally.from_json(receipt),
        updated_at=receipt["closed_at"],
    )


def manifest_of(row: JobRow) -> dict[str, int]:
    """Return what Bedrock's batch inference says of a job in ``manifest.json.out``
    (docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html).
    """
    counts, usage = row.counts(), row.tally.usage
    never_asked = counts["expired"] + counts["cancelled"]
    return {
        "totalRecordCount": row.total,
        "processedRecordCount": row.total - never_asked,
        "successRecordCount": counts["succeeded"],
        "errorRecordCount": row.total - never_asked - counts["succeeded"],
        "inputTokenCount": usage.input_tokens,
        "outputTokenCount": usage.output_tokens,
    }
