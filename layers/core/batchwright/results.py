"""The files of the results while they are written, in one run or in several."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import batched
from typing import Any

from batchwright.merkle import Tree
from batchwright.places import tree_key
from batchwright.ports import Objects
from batchwright.receipt import Piece, ResultFile, TreeFiles

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
            self.add(b"\n".join((*some, b"")), len(some))

    def add(self, block: bytes, lines: int = 0) -> None:
        """Add bytes as they are, which hold so many lines."""
        self._upload.write(block)
        self._digest.update(block)
        self._size += len(block)
        self._lines += lines

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


class TreeWriter:
    """Writes a job's tree, one file a level, while its outcomes are put in order."""

    def __init__(
        self, objects: Objects, job_id: str, redrive: int, paused: dict[str, Any] | None = None
    ) -> None:
        """``paused`` is what an earlier run left with :meth:`pause`."""
        paused = paused or {"size": 0, "edge": [], "levels": []}
        self._objects = objects
        self._job_id = job_id
        self._redrive = redrive
        self._tree = Tree(paused["size"], map(bytes.fromhex, paused["edge"]))
        self._levels = [self._level(level, kept) for level, kept in enumerate(paused["levels"])]

    def add(self, leaves: Iterable[str]) -> None:
        """Add leaves, given by their hashes in hexadecimal."""
        for level, new in enumerate(self._tree.append(bytes.fromhex("".join(leaves)))):
            if level == len(self._levels):
                self._levels.append(self._level(level))
            self._levels[level].add(new)

    def pause(self) -> dict[str, Any]:
        """Return what the next run needs to go on."""
        return {
            "size": self._tree.size,
            "edge": [level.hex() for level in self._tree.edge],
            "levels": [level.pause() for level in self._levels],
        }

    def finish(self) -> TreeFiles:
        """Make the files appear; return what the receipt says of the tree."""
        return TreeFiles(
            size=self._tree.size,
            root=self._tree.root().hex(),
            levels=tuple(level.finish() for level in self._levels),
        )

    def abort(self) -> None:
        """Leave nothing behind."""
        for level in self._levels:
            level.abort()

    def _level(self, level: int, paused: dict[str, Any] | None = None) -> ResultWriter:
        return ResultWriter(self._objects, tree_key(self._job_id, level, self._redrive), paused)
