"""Results: all that a job has, brought here block by block and checked against its receipt."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from batchwright.cli.faults import Code, Halt
from batchwright.cli.stack import Stack
from batchwright.errors import Missing
from batchwright.job import JobRow

PROBLEMS = "problems"


def download(row: JobRow, directory: Path, stack: Stack) -> dict[str, str]:
    """Download a job's files; return where each lies here.

    Raises :class:`Halt` where the job has none yet, or a file is not what the receipt says.
    """
    if not row.results:
        raise Halt(
            f"job {row.job_id} is {row.status.value} and has no results yet;"
            f" wait for it with: batchwright watch {row.job_id}",
            Code.REFUSED,
        )
    directory.mkdir(parents=True, exist_ok=True)
    digests = _promised(row.results["receipt"], stack)
    places: dict[str, str] = {}
    for name, key in row.results.items():
        place = directory / key.rpartition("/")[2]
        try:
            _fetch(key, place, stack, digests.get(key))
        except Missing:
            # A step that died before it planned has written none; working files are also deleted sooner.
            if name != PROBLEMS:
                raise
        else:
            places[name] = str(place)
    return places


def _promised(receipt_key: str, stack: Stack) -> dict[str, str]:
    try:
        receipt: dict[str, Any] = orjson.loads(stack.objects.read(receipt_key))
    except Missing:
        raise Missing(
            f"{stack.address(receipt_key)} is no longer there; the stack deletes results after ResultRetentionDays"
        ) from None
    return {file["key"]: file["sha256"] for file in receipt["files"].values()}


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Lend a place beside the one that is meant: a file under its own name is always whole."""
    part = place.with_name(f".{place.name}.part")
    try:
        yield part
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _fetch(key: str, place: Path, stack: Stack, promised: str | None) -> None:
    found = sha256()
    with whole(place) as part:
        pin = stack.objects.pin(key)
        with part.open("wb") as opened:
            for block in stack.objects.blocks(pin):
                found.update(block)
                opened.write(block)
        if promised and found.hexdigest() != promised:
            raise Halt(f"{stack.address(key)} is not what the receipt says", Code.REFUSED)
