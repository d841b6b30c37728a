"""Files that are read as lines and held to what is known of them: their digests, and whose line is whose."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, islice
from typing import Any

from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.lines import lines
from batchwright.merkle import HASH
from batchwright.outcome import Ending, Outcome
from batchwright.receipt import Piece

OUTPUT, ERRORS, TREE = "output.jsonl", "errors.jsonl", "tree"
OTHER_DIGEST = "its digest is not the one in the receipt"
# How far ahead a record's line is looked for, where the next one is not it.
WINDOW = 64

type Blocks = Callable[[str], Iterator[bytes]]
"""Reads a file by its name; raises :class:`Missing`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not as it was sealed."""

    file: str
    reason: str
    line: int | None = None
    """From 1."""
    record_id: str | None = None

    def __str__(self) -> str:
        """Tell where it is and what is wrong."""
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        whose = "" if self.record_id is None else f" (record {self.record_id!r})"
        return f"{place}{whose}: {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "file": self.file,
            "line": self.line,
            "record_id": self.record_id,
            "reason": self.reason,
        }


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


class File:
    """One file of the results, read as lines and held to the digests of the receipt."""

    def __init__(self, blocks: Blocks, name: str, pieces: list[dict[str, Any]]) -> None:
        """``pieces`` are the receipt's."""
        self.name = name
        self._blocks = blocks
        self._check = Check(Piece(**piece) for piece in pieces)
        self._missing = False

    def lines(self) -> Iterator[bytes]:
        """Yield the lines; none where the file is missing."""
        try:
            for line in lines(self._read()):
                yield line.content or b""
        except Missing:
            self._missing = True

    def differences(self) -> Iterator[Difference]:
        """Yield what is wrong with the whole, once all of it was read."""
        if self._missing:
            yield Difference(file=self.name, reason="it is missing")
        elif not self._check.passed():
            yield Difference(file=self.name, reason=OTHER_DIGEST)

    def _read(self) -> Iterator[bytes]:
        for block in self._blocks(self.name):
            self._check.add(block)
            yield block


class Matching:
    """The lines of one file, each found for the outcome whose digest it has, in order."""

    def __init__(self, file: File) -> None:
        """Nothing is read yet."""
        self._file = file
        self._lines = file.lines()
        self._ahead: deque[tuple[str, int]] = deque()
        self._number = 0
        self._unmatched: list[Outcome] = []

    def match(self, outcome: Outcome) -> Iterable[Difference]:
        """Find an outcome's line; return what is wrong with the lines before it."""
        if (
            not self._ahead
            and not self._unmatched
            and (line := next(self._lines, None)) is not None
        ):
            self._number += 1
            found = digest(line)
            if found == outcome.output_digest:
                return ()  # as it is with nearly all
            self._ahead.append((found, self._number))
        return self._sought(outcome)

    def _sought(self, outcome: Outcome) -> Iterator[Difference]:
        wanted = outcome.output_digest
        self._look_ahead()
        place = next((n for n, (found, _) in enumerate(self._ahead) if found == wanted), None)
        if place is None:
            self._unmatched.append(outcome)
            if len(self._unmatched) > WINDOW:
                yield from self._pair([self._next()] if self._ahead else [])
            return
        yield from self._pair([self._next() for _ in range(place)], until=True)
        self._next()

    def differences(self) -> Iterator[Difference]:
        """Yield what is wrong with the lines that are left, and with the whole."""
        while self._unmatched and self._ahead:
            yield from self._pair([self._next()])
            self._look_ahead()
        rest = [number for _, number in self._ahead]
        self._ahead.clear()
        yield from self._pair(rest, until=True)
        for _ in self._lines:
            self._number += 1
            yield self._told(self._number, None, "no record has this line")
        yield from self._file.differences()

    def _look_ahead(self) -> None:
        for line in islice(self._lines, WINDOW - len(self._ahead)):
            self._number += 1
            self._ahead.append((digest(line), self._number))

    def _next(self) -> int:
        return self._ahead.popleft()[1]

    def _pair(self, numbers: list[int], *, until: bool = False) -> Iterator[Difference]:
        """Tell lines that no outcome has beside outcomes that have no line: the one was changed into the other.

        ``until`` says that what is left of either has no counterpart.
        """
        for number in numbers:
            if self._unmatched:
                changed = "it is not the line that its outcome tells: it was changed"
                yield self._told(number, self._unmatched.pop(0), changed)
            else:
                yield self._told(
                    number, None, "no record has this line here: it was added or moved"
                )
        if until or not numbers:
            for outcome in self._unmatched:
                yield self._told(None, outcome, "its line is missing here")
            self._unmatched.clear()

    def _told(self, line: int | None, outcome: Outcome | None, reason: str) -> Difference:
        whose = outcome.record_id if outcome else None
        return Difference(file=self._file.name, line=line, record_id=whose, reason=reason)


class Results:
    """Output and errors, each line held to the outcome that it belongs to."""

    def __init__(self, blocks: Blocks, receipt: dict[str, Any]) -> None:
        """The receipt tells how many lines there are, and their digests."""
        files = receipt["files"]
        self._files = {
            name: Matching(File(blocks, name, files[name]["pieces"])) for name in (OUTPUT, ERRORS)
        }
        # Where the peers write failures between the answers, the output has a line for every record.
        self._inline = files[OUTPUT]["lines"] == receipt["tree"]["size"]

    def match(self, outcome: Outcome) -> Iterable[Difference]:
        """Find an outcome's lines; return what is wrong."""
        if outcome.status is Ending.SUCCEEDED:
            return self._files[OUTPUT].match(outcome)
        told = self._files[OUTPUT].match(outcome) if self._inline else ()
        return chain(told, self._files[ERRORS].match(outcome))

    def differences(self) -> Iterator[Difference]:
        """Yield what is wrong with what is left."""
        for file in self._files.values():
            yield from file.differences()


class Leaves:
    """The tree's files: the leaves one by one, and every level as a whole."""

    def __init__(self, blocks: Blocks, levels: Sequence[dict[str, Any]]) -> None:
        """``levels`` are the receipt's. Nothing is read yet."""
        self._blocks = blocks
        self._checks = [Check(Piece(**piece) for piece in level["pieces"]) for level in levels]
        self._missing: set[int] = set()
        self._leaves = self._read(0)
        self._held = b""
        self._first = 0

    def at(self, index: int) -> bytes | None:
        """Return a leaf; ``None`` where the file has none, is not there, or is past it already."""
        place = (index - self._first) * HASH
        if place < 0:
            return None
        while len(self._held) < place + HASH and (block := next(self._leaves, None)) is not None:
            passed = min(place, len(self._held)) // HASH
            self._held = self._held[passed * HASH :] + block
            self._first += passed
            place -= passed * HASH
        leaf = self._held[place : place + HASH]
        return leaf if len(leaf) == HASH else None

    def differences(self) -> Iterator[Difference]:
        """Yield the levels that are not as they were sealed; one that is missing can be made again."""
        for level, check in enumerate(self._checks):
            for _ in self._leaves if level == 0 else self._read(level):
                pass  # to its end
            if level not in self._missing and not check.passed():
                yield Difference(file=f"{TREE}/{level}", reason=OTHER_DIGEST)

    def _read(self, level: int) -> Iterator[bytes]:
        try:
            for block in self._blocks(f"{TREE}/{level}"):
                self._checks[level].add(block)
                yield block
        except Missing:
            self._missing.add(level)
