"""The files of the results while they are written, in one run or in several."""

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import batched
from typing import Any

from batchwright.ports import Objects
from batchwright.receipt import Piece, ResultFile

# Enough lines to make the rest cheap, few enough to stay small.
LINES_AT_ONCE = 256


class ResultWriter:
    """Writes one file of the results, and keeps what the receipt says of it."""

    def __init__(self, objects: Objects, key: str, paused: dict[str, Any] | None = None) -> None:
        """``paused`` is what an earlier run left with :meth:`pause`."""
        self._key = key
        self._upload = objects.resume(key, paused["upload"]) if paused else objects.begin(key)
        self._lines: int = paused["lines"] if paused else 0
        self._written = [Piece(**piece) for piece in paused["pieces"]] if paused else []
        self._digest = sha256()
        self._size = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Add lines, given without their ends."""
        for some in batched(lines, LINES_AT_ONCE, strict=False):
            block = b"\n".join((*some, b""))
            self._upload.write(block)
            self._digest.update(block)
            self._size += len(block)
        self._lines += len(lines)

    def pause(self) -> dict[str, Any]:
        """Return what the next run needs to go on."""
        return {
            "upload": self._upload.pause(),
            "lines": self._lines,
            "pieces": [asdict(piece) for piece in self._pieces()],
        }

    def finish(self) -> ResultFile:
        """Make the file appear; return what was written."""
        self._upload.finish()
        pieces = self._pieces() or [self._piece()]
        return ResultFile(key=self._key, lines=self._lines, pieces=tuple(pieces))

    def abort(self) -> None:
        """Leave nothing behind."""
        self._upload.abort()

    def _pieces(self) -> list[Piece]:
        return [*self._written, self._piece()] if self._size else self._written

    def _piece(self) -> Piece:
        return Piece(bytes=self._size, sha256=self._digest.hexdigest())
