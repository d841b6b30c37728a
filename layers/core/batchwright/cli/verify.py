"""Verify and audit, as the command tells them."""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from batchwright.auditing import Audit, sealed_in
from batchwright.checkpoint import CheckpointInvalid, PublicKey
from batchwright.cli.evidence import Evidence, Folder, whole
from batchwright.cli.faults import Code, Halt
from batchwright.cli.ledger import brought, brought_key
from batchwright.cli.recordlines import record_lines
from batchwright.cli.signatures import verifies
from batchwright.decision import Decision
from batchwright.errors import Missing
from batchwright.holding import Difference
from batchwright.leaf import Salt
from batchwright.places import CHECKPOINTS, PUBLIC_KEY
from batchwright.reviewed import decisions_in, held_to_ledger
from batchwright.verifying import RECEIPT, SALT, SEAL, Verifier

# Whoever mixed up two jobs' files need not read a million lines of it.
MOST_TOLD = 100


def verify(files: Evidence, key: PublicKey | None, input_file: Path | None) -> dict[str, Any]:
    """Hold a job's files to its receipt and seal; return what was found."""
    with _bar(_size(files)) as seen:
        verifier = Verifier(files, key=key, verifies=verifies, seen=seen, run=files.run)
        found = verifier.differences(partial(record_lines, input_file) if input_file else None)
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


def audit(files: Evidence, key: PublicKey | None) -> dict[str, Any]:
    """Hold the whole ledger to its signed checkpoints, and a job's seal and decisions to it."""
    decisions = decisions_in(files.blocks)
    entries, notes, ledgers = _ledger(files)
    entry, own = _sealed(files)
    audit = Audit({**notes, **own}, key=key or _key_in(files, ledgers), verifies=verifies)
    differences = [*audit.differences(entries)]
    if entry is not None:
        differences += sealed_in(entries, entry)
    differences += _decisions(files, decisions, entries)
    return {
        "verified": not differences,
        "entries": audit.entries,
        "covered": audit.covered,
        "unsigned": audit.entries - audit.covered,
        "checkpoints": len(notes),
        "differences": [each.to_json() for each in differences],
        "told": [str(each) for each in differences],
    }


def _ledger(files: Evidence) -> tuple[list[bytes], Mapping[str, str], str]:
    """Return the ledger's entries, its checkpoints by name, and its public key.

    The checkpoints are read first: they cover nothing that comes while the entries are read.
    """
    if isinstance(files, Folder):
        directory = files.path / "ledger"
        return *brought(directory), brought_key(directory)
    objects = files.stack.objects
    notes = {each: objects.read(each).decode() for each in objects.keys(CHECKPOINTS)}
    entries = [each.content for each in files.stack.ledger.entries()]
    return entries, notes, objects.read(PUBLIC_KEY).decode()


def _sealed(files: Evidence) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """Return the entry of a job's seal, and its checkpoint; what is wrong with them is told beside the files."""
    try:
        seal = orjson.loads(whole(files, SEAL))
        entry, note = seal["entry"], seal["checkpoint"]
    except (Missing, KeyError, TypeError, ValueError):
        return None, {}
    if not isinstance(entry, dict) or not {"job", "kind"} <= entry.keys():
        return None, {}
    return entry, {} if note is None else {SEAL: str(note)}


def _decisions(
    files: Evidence, decisions: list[Decision], entries: list[bytes]
) -> Iterator[Difference]:
    try:
        job_id = orjson.loads(whole(files, RECEIPT))["job_id"]
        salt = Salt(whole(files, SALT).decode().strip())
    except (Missing, KeyError, TypeError, ValueError):
        return  # what is missing is told where the files are looked at
    since = decisions_in(files.blocks)
    yield from held_to_ledger(decisions, entries, since, salt=salt, job_id=job_id)


def read_key(file: Path, files: Evidence) -> PublicKey:
    """Read a public key's file, as ``batchwright ledger`` writes it, or as KMS does, in base64 or PEM.

    KMS does not know the ledger's name; that is the seal's then, and no secret. Raises :class:`Halt`.
    """
    try:
        return _key_of(file.read_text(encoding="utf-8", errors="replace"), files)
    except CheckpointInvalid as fault:
        raise Halt(f"{file}: {fault}", Code.USAGE) from None


def _key_of(text: str, files: Evidence) -> PublicKey:
    lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
    try:
        content = b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        return PublicKey.read(text)
    return PublicKey.of_der(_name_in(files), content)


def _name_in(files: Evidence) -> str:
    try:
        name: str = orjson.loads(whole(files, SEAL))["public_key"].partition("+")[0]
    except (AttributeError, Missing, KeyError, TypeError, ValueError):
        return "a ledger"
    return name


def _key_in(files: Evidence, ledgers: str) -> PublicKey:
    """Return the public key that lies with a job's files, or else with the ledger.

    It proves nothing against who could write these.
    """
    try:
        return PublicKey.read(orjson.loads(whole(files, SEAL))["public_key"])
    except (AttributeError, Missing, KeyError, TypeError, ValueError):
        try:
            return PublicKey.read(ledgers)
        except CheckpointInvalid as fault:
            raise Halt(f"the ledger's key: {fault}", Code.USAGE) from None


def code_of(*found: dict[str, Any]) -> Code:
    """Return the exit code."""
    return Code.DONE if all(each["verified"] for each in found) else Code.DIFFERENT


def _size(files: Evidence) -> int | None:
    try:
        told = orjson.loads(whole(files, RECEIPT))["files"]
        return sum(int(file["bytes"]) for file in told.values())
    except (Missing, orjson.JSONDecodeError, KeyError, TypeError):
        return None


@contextmanager
def _bar(total: int | None) -> Iterator[Any]:
    columns = (TextColumn("verify"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("verify", total=total)
        yield lambda read: progress.advance(task, read)
