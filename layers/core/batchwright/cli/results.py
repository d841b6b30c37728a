"""Results: all that a job has, brought here block by block and checked against its receipt, piece by piece."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from batchwright.cli.faults import Code, Halt
from batchwright.decision import DECISIONS, RELEASED
from batchwright.errors import Missing
from batchwright.holding import Check
from batchwright.job import JobRow, Pin
from batchwright.marked import visible
from batchwright.places import file_name, result_key
from batchwright.receipt import Piece
from batchwright.verifying import RECEIPT, gone

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

PROBLEMS = "problems"
DECIDED_TRIES = 5


def download(row: JobRow, directory: Path, stack: "Stack") -> dict[str, str]:
    """Download a job's files; return where each lies here.

    Raises :class:`Halt` where the job has none yet, another job's lie there, or a file is not what the receipt says.
    """
    if not row.results:
        raise Halt(
            f"job {row.job_id} is {row.status.value} and has no results yet;"
            f" wait for it with: batchwright watch {row.job_id}",
            Code.REFUSED,
        )
    standing = _whose(directory)
    if standing not in (None, row.job_id):
        raise Halt(
            f"{directory} holds the files of job {visible(standing)}; name another folder with -o",
            Code.USAGE,
        )
    directory.mkdir(parents=True, exist_ok=True)
    promised = _promised(row.results["receipt"], stack)
    places: dict[str, str] = {}
    for name, key in row.results.items():
        place = directory / (f"tree/{file_name(key)}" if "/tree/" in key else file_name(key))
        place.parent.mkdir(exist_ok=True)
        try:
            _fetch(key, place, stack, promised.get(key))
        except Missing:
            # A step that died before it planned has written none; working files are also deleted sooner.
            if name != PROBLEMS:
                raise gone(row.job_id, file_name(key)) from None
        else:
            places[name] = str(place)
    return places | _decided(row.job_id, directory, stack)


def _decided(job_id: str, directory: Path, stack: "Stack") -> dict[str, str]:
    """Download what people decided; once more where they did meanwhile: a released line comes with its decision."""
    places: dict[str, str] = {}
    for _ in range(DECIDED_TRIES):
        seen = _decisions(job_id, stack)
        for name in (DECISIONS, RELEASED):
            with suppress(Missing):  # where nobody decided anything yet
                _fetch(result_key(job_id, name), directory / name, stack, None)
                places[name.removesuffix(".jsonl")] = str(directory / name)
        if _decisions(job_id, stack) == seen:
            break
    return places


def _decisions(job_id: str, stack: "Stack") -> Pin | None:
    with suppress(Missing):
        return stack.objects.pin(result_key(job_id, DECISIONS))
    return None


def _whose(directory: Path) -> str | None:
    """Return the job whose files lie in a folder; what only one of two jobs has would be taken for the other's."""
    try:
        job_id = orjson.loads((directory / RECEIPT).read_bytes())["job_id"]
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    return job_id if isinstance(job_id, str) else None


def _promised(receipt_key: str, stack: "Stack") -> dict[str, list[Piece]]:
    try:
        receipt: dict[str, Any] = orjson.loads(stack.objects.read(receipt_key))
    except Missing:
        raise Missing(
            f"{stack.address(receipt_key)} is no longer there; the stack deletes results after ResultRetentionDays"
        ) from None
    return {
        file["key"]: [Piece(**piece) for piece in file["pieces"]]
        for file in receipt["files"].values()
    }


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Lend a place beside the one that is meant: a file under its own name is always whole."""
    part = place.with_name(f".{place.name}.part")
    try:
        yield part
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)


def _fetch(key: str, place: Path, stack: "Stack", promised: list[Piece] | None) -> None:
    check = Check(promised or ())
    with whole(place) as part:
        pin = stack.objects.pin(key)
        with part.open("wb") as opened:
            for block in stack.objects.blocks(pin):
                check.add(block)
                opened.write(block)
        if promised and not check.passed():
            raise Halt(f"{stack.address(key)} is not what the receipt says", Code.REFUSED)
