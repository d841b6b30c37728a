"""Submit: a local file becomes an object, and the object a job whose id is known at once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchwright.cli.local import safe_name
from batchwright.errors import Missing
from batchwright.job import JobRow, Status, job_id_of
from batchwright.places import INBOX, UPLOADS
from batchwright.steps.admit import find_contract

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

DIGEST = "sha256"
"""The object's metadata that holds the file's whole digest; the key has only the first quarter of it."""


class Via(StrEnum):
    """The two doors."""

    S3 = "s3"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a file."""

    job_id: str
    new: bool
    contract: str
    address: str
    row: JobRow | None
    """The job's row, where it has one already."""

    def standing(self) -> JobRow:
        """Return the job as far as it is known: one that was only just sent has no row yet."""
        return self.row or JobRow(
            job_id=self.job_id,
            status=Status.RECEIVED,
            created_at="",
            updated_at="",
            contract=self.contract,
            input=self.address,
        )


def submit(
    file: Path,
    stack: "Stack",
    *,
    contract: str,
    via: Via,
    again: str | None,
    dialect: str | None = None,
) -> Submitted:
    """Upload a file where it does not lie yet, and ask for its job where it does not stand yet.

    The id is made by the same code as at admission. ``again`` names the wish to run what ran before; it and a
    ``dialect`` are told in the queue's message only, so they need ``via`` the queue.
    """
    terms = find_contract(contract, stack.objects, stack.models)
    content = digest_of(file)
    key = f"{_place(via, contract)}{content[:16]}/{safe_name(file.name)}"
    uploaded = upload_once(file, content, key, stack)
    pin = stack.objects.pin(key)
    job_id = job_id_of(pin, terms.digest(), again, dialect)
    row = stack.jobs.get(job_id)
    # An object that lay there makes no event: what is new then is the contract, or the earlier job's row is gone.
    if row is None and (via is Via.QUEUE or not uploaded):
        wish: dict[str, Any] = {"input": stack.address(key), "contract": contract}
        stack.send(wish | {"again": again or False, "dialect": dialect})
    return Submitted(
        job_id=job_id,
        new=row is None or (uploaded and via is Via.S3 and _made_by(row, key, stack)),
        contract=contract,
        address=stack.address(key),
        row=row,
    )


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, read in blocks."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def upload_once(file: Path, content: str, key: str, stack: "Stack") -> bool:
    """Upload a file in parts, unless this very content lies there; return whether it was uploaded."""
    try:
        lies_there = stack.head(key)["Metadata"].get(DIGEST) == content
    except Missing:
        lies_there = False
    if lies_there:
        return False
    stack.upload(file, key, {DIGEST: content})
    return True


def _place(via: Via, contract: str) -> str:
    """Uploads do not lie in the inbox: the queue's message is what asks for their job."""
    return f"{INBOX}{contract}/" if via is Via.S3 else UPLOADS


def _made_by(row: JobRow, key: str, stack: "Stack") -> bool:
    """Whether a job that has its row already is the one that this upload made: admission may be that quick."""
    uploaded: datetime = stack.head(key)["LastModified"]
    return datetime.fromisoformat(row.created_at) >= uploaded
