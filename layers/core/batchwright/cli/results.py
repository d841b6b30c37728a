"""Results: all that a job has, brought here block by block and checked against its receipt, piece by piece."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from batchwright.cli.faults import Code, Halt
from batchwright.errors import Missing
from batchwright.job import JobRow
from batchwright.receipt import Piece

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

PROBLEMS = "problems"


def download(row: JobRow, directory: Path, stack: "Stack") -> dict[str, str]:
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
    promised = _promised(row.results["receipt"], stack)
    places: dict[str, str] = {}
    for name, key in row.results.items():
        place = directory / key.rpartition("/")[2]
        try:
            _fetch(key, place, stack, promised.get(key))
        except Missing:
            # A step that died before it planned has written none; working files are also deleted sooner.
            if name != PROBLEMS:
                raise
        else:
            places[name] = str(place)
    return places


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


class Check:
    """Compares bytes with the pieces that a receipt tells, in one pass."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        """``pieces`` follow each other."""
        self._pieces = deque(pieces)
        self._digest = sha256()
        self._size = 0
        self._right = True

    def add(self, block: bytes) -> None:
        """Look at the next bytes."""
        rest = memoryview(block)
        while rest and self._pieces:
            lacking = self._pieces[0].bytes - self._size
            self._digest.update(rest[:lacking])
            self._size += len(rest[:lacking])
            rest = rest[lacking:]
            if self._size == self._pieces[0].bytes:
                self._next()
        # Bytes that are in no piece are nobody's.
        self._right = self._right and not rest

    def passed(self) -> bool:
        """Whether that was every piece, each as it is told, and nothing more."""
        while self._pieces and self._pieces[0].bytes == self._size:
            self._next()  # an empty file is one empty piece
        return self._right and not self._pieces

    def _next(self) -> None:
        piece = self._pieces.popleft()
        self._right = self._right and piece.sha256 == self._digest.hexdigest()
        self._digest = sha256()
        self._size = 0
