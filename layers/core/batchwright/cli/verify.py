"""Verify and audit, as the command tells them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from batchwright.auditing import Audit
from batchwright.checkpoint import PublicKey
from batchwright.cli.evidence import Evidence, whole
from batchwright.cli.faults import Code, Halt
from batchwright.cli.signatures import verifies
from batchwright.errors import Missing
from batchwright.holding import Difference
from batchwright.leaf import Salt
from batchwright.lines import lines, rows
from batchwright.places import LEDGER
from batchwright.reviewed import Reviewed, held_to_ledger
from batchwright.verifying import RECEIPT, SALT, SEAL, Verifier

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

# Whoever mixed up two jobs' files need not read a million lines of it.
MOST_TOLD = 100


def verify(files: Evidence, key: PublicKey | None, record_lines: Path | None) -> dict[str, Any]:
    """Hold a job's files to its receipt and seal; return what was found."""
    with _bar(_size(files)) as seen:
        verifier = Verifier(files, key=key, verifies=verifies, seen=seen)
        found = verifier.differences(_lines(record_lines) if record_lines else None)
        differences = [*islice(found, MOST_TOLD)]
    checkpoint = verifier.checkpoint
    return {
        "verified": not differences,
        "records": verifier.records,
        "ledger": checkpoint.origin if checkpoint else None,
        "checkpoint": checkpoint.size if checkpoint else None,
        "key_given": key is not None,
        "differences": [each.to_json() for each in differences],
        "told": [str(each) for each in differences],
    }


def audit(stack: "Stack", key: PublicKey, files: Evidence) -> dict[str, Any]:
    """Hold the stack's whole ledger to its signed checkpoints, and a job's seal and decisions to it."""
    notes = {
        each: stack.objects.read(each).decode()
        for each in stack.objects.keys(f"{LEDGER}checkpoints/")
    }
    entries = [each.content for each in stack.ledger.entries()]
    return audited(entries, notes, key, files)


def audited(
    entries: list[bytes], notes: Mapping[str, str], key: PublicKey, files: Evidence
) -> dict[str, Any]:
    """Hold entries to checkpoints, and a job's seal and decisions to the entries; return what was found."""
    audit = Audit(notes, key=key, verifies=verifies)
    differences = [*audit.differences(entries)]
    entry = orjson.loads(whole(files, SEAL))["entry"]
    if entry is not None and entry not in map(orjson.loads, entries):
        differences.append(Difference(file=SEAL, reason="its entry is not in the ledger"))
    differences += _decisions(files, entries)
    return {
        "verified": not differences,
        "entries": audit.entries,
        "covered": audit.covered,
        "checkpoints": len(notes),
        "differences": [each.to_json() for each in differences],
        "told": [str(each) for each in differences],
    }


def _decisions(files: Evidence, entries: list[bytes]) -> Iterator[Difference]:
    try:
        receipt = orjson.loads(whole(files, RECEIPT))
        salt = Salt(whole(files, SALT).decode().strip())
        reviewed = Reviewed(files.blocks, receipt)
    except (Missing, KeyError, TypeError, ValueError):
        return  # what is missing is told where the files are looked at
    yield from held_to_ledger(reviewed.decisions, salt, receipt["job_id"], entries)


def read_key(file: Path) -> PublicKey:
    """Read a public key's file, as ``batchwright ledger`` writes it."""
    return PublicKey.read(file.read_text())


def key_in(files: Evidence) -> PublicKey:
    """Return the public key that lies with a job's files; it proves nothing against who could write these."""
    return PublicKey.read(orjson.loads(whole(files, SEAL))["public_key"])


def code_of(*found: dict[str, Any]) -> Code:
    """Return the exit code."""
    return Code.DONE if all(each["verified"] for each in found) else Code.DIFFERENT


def _size(files: Evidence) -> int | None:
    try:
        told = orjson.loads(whole(files, RECEIPT))["files"]
        return sum(int(file["bytes"]) for file in told.values())
    except (Missing, orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the records of an input that has one a line, or one a row behind its header."""
    with file.open("rb") as opened:
        blocks = iter(lambda: opened.read(1 << 20), b"")
        table = file.suffix == ".csv"
        found = (line for line in (rows(blocks) if table else lines(blocks)) if not line.blank)
        if table:
            next(found, None)
        for line in found:
            if line.content is None:
                raise Halt(f"{file}, line {line.number}: it is too long to be read", Code.REFUSED)
            yield line.content


@contextmanager
def _bar(total: int | None) -> Iterator[Any]:
    columns = (TextColumn("verify"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verify", total=total)
        yield lambda read: progress.advance(task, read)
