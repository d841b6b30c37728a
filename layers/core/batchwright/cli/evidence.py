"""Where a job's files are read to prove something of it: a folder here, or the stack."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from batchwright.cli.faults import Code, Halt
from batchwright.decision import DECISIONS, RELEASED
from batchwright.errors import Missing
from batchwright.job import JobRow
from batchwright.leaf import Salt
from batchwright.places import result_key
from batchwright.verifying import RECEIPT, SALT, SEAL, Files, JobRun, gone

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Folder:
    """What ``batchwright results`` brought, or anybody handed over."""

    path: Path
    run: JobRun | None = None
    """Whose files they are to be: a folder does not tell."""

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        try:
            with (self.path / name).open("rb") as opened:
                while block := opened.read(BLOCK):
                    yield block
        except FileNotFoundError:
            raise Missing(f"{self.path / name} is not there") from None

    def span(self, name: str, start: int, end: int) -> bytes:
        """Return a part of a file."""
        try:
            with (self.path / name).open("rb") as opened:
                opened.seek(start)
                return opened.read(end - start)
        except FileNotFoundError:
            raise Missing(f"{self.path / name} is not there") from None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the stack keeps of a job's newest run."""

    row: JobRow
    stack: "Stack"

    @property
    def run(self) -> JobRun:
        """Whose files they are to be."""
        return JobRun(self.row.job_id, self.row.redrives)

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        try:
            pin = self.stack.objects.pin(self._key(name))
        except Missing:
            raise gone(self.row.job_id, name) from None
        yield from self.stack.objects.blocks(pin)

    def span(self, name: str, start: int, end: int) -> bytes:
        """Return a part of a file."""
        return self.stack.objects.read(self._key(name), span=(start, end))

    def _key(self, name: str) -> str:
        # What people decided is of the job, whichever run held the record.
        redrive = 0 if name in (DECISIONS, RELEASED) else self.row.redrives
        return result_key(self.row.job_id, name, redrive)


type Evidence = Folder | Kept


def ended(row: JobRow, stack: "Stack") -> Kept:
    """Return the files of a job that has ended; raises :class:`Halt` where it has not."""
    if not row.status.final:
        raise Halt(
            f"job {row.job_id} is {row.status.value}: it is sealed when it ends;"
            f" wait for it with: batchwright watch {row.job_id}",
            Code.REFUSED,
        )
    return Kept(row, stack)


def whole(files: Files, name: str) -> bytes:
    """Return a file."""
    return b"".join(files.blocks(name))


def sealed(files: Files) -> tuple[dict[str, Any], dict[str, Any], Salt]:
    """Return a job's receipt, seal and salt; raises :class:`Halt` where it was sealed without a tree."""
    receipt, seal = (_object(files, name) for name in (RECEIPT, SEAL))
    if receipt.get("tree") is None:
        raise Halt("the job has no records to prove: it was refused", Code.REFUSED)
    return receipt, seal, Salt(whole(files, SALT).decode().strip())


def _object(files: Files, name: str) -> dict[str, Any]:
    try:
        found = orjson.loads(whole(files, name))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Halt(
            f"{name} is not as it was sealed: it cannot be read; batchwright verify tells more",
            Code.DIFFERENT,
        )
    return found
