"""Submit: a local file becomes an object, and the object a job whose id is known at once."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchwright.cli.faults import Code, Halt
from batchwright.cli.local import check_file, safe_name
from batchwright.errors import Missing
from batchwright.job import JobRow, Status, job_id_of
from batchwright.places import INBOX, UPLOADS
from batchwright.steps.admit import find_contract

if TYPE_CHECKING:
    from io import FileIO

    from _typeshed import WriteableBuffer

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
    check_file(file)
    terms = find_contract(contract, stack.objects, stack.models, stack.kept)
    content = digest_of(file)
    name = f"{content[:16]}/{safe_name(file.name)}"
    # What is another job anyway keeps to its door: whoever forgets a job deletes its input.
    doors = [via] if again or dialect else [*Via]
    keys = (f"{_place(door, contract)}{name}" for door in doors)
    lying = next((key for key in keys if _lies(key, content, stack)), None)
    key, uploaded = lying or f"{_place(via, contract)}{name}", lying is None
    if uploaded:
        _upload(file, content, key, stack)
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


class _Unchanged(RawIOBase):
    """A file that is read once, from its beginning; its end is not told where it is not the content that it was.

    An upload that meets no end leaves no object.
    """

    def __init__(self, opened: "FileIO", content: str) -> None:
        """``content`` is the digest that was told of it."""
        self._opened = opened
        self._content = content
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read what comes next; raises :class:`Halt` at the end of a file that was changed."""
        view = memoryview(buffer)
        size = self._opened.readinto(view)
        self._digest.update(view[:size])
        if not size and self._digest.hexdigest() != self._content:
            raise Halt(
                f"{self._opened.name} was changed while it was read, and was not uploaded;"
                " submit it when it is whole",
                Code.USAGE,
            )
        return size


def _upload(file: Path, content: str, key: str, stack: "Stack") -> None:
    with file.open("rb", buffering=0) as opened:
        size = file.stat().st_size
        stack.upload(BufferedReader(_Unchanged(opened, content)), size, key, {DIGEST: content})


def _lies(key: str, content: str, stack: "Stack") -> bool:
    """Whether this very content lies under a key."""
    try:
        return bool(stack.head(key)["Metadata"].get(DIGEST) == content)
    except Missing:
        return False


def _place(via: Via, contract: str) -> str:
    """Uploads do not lie in the inbox: the queue's message is what asks for their job."""
    return f"{INBOX}{contract}/" if via is Via.S3 else UPLOADS


def _made_by(row: JobRow, key: str, stack: "Stack") -> bool:
    """Whether a job that has its row already is the one that this upload made: admission may be that quick."""
    uploaded: datetime = stack.head(key)["LastModified"]
    return datetime.fromisoformat(row.created_at) >= uploaded
