"""Cutting a file into chunks: runs of records that one worker takes, about equally heavy."""

from itertools import accumulate
from typing import Any

from msgspec import Struct, field

from batchwright.chunk import ByteRange, Chunk

# A worker holds one chunk's lines in memory; so does closing, with their answers.
LARGEST_CHUNK = 8_000_000
# Tokens read and written, as estimated: of long prompts and long answers a chunk has fewer.
HEAVIEST_CHUNK = 4_000_000


class Mark(Struct, frozen=True, gc=False, array_like=True):
    """Where a record lies: its bytes, its line, its tokens, and how many bytes of problems came before it."""

    start: int
    end: int
    line: int
    weight: int
    problems: int


class Cut(Struct, kw_only=True):
    """How far a file is cut. It is one chunk behind, so that the last two can share their records evenly."""

    chunks: int = 0
    records: int = 0
    """In the chunks that are cut."""
    held: list[Mark] = field(default_factory=list)
    """The chunk that is full."""
    open: list[Mark] = field(default_factory=list)
    """The one that is being filled."""


class Cutter:
    """Cuts while the file streams by."""

    def __init__(self, cut: Cut, most_records: int, alike: dict[str, Any]) -> None:
        """``alike`` is what all chunks of the job say alike; ``cut`` is changed in place."""
        self.cut = cut
        self._most_records = most_records
        self._alike = alike
        self._weight = sum(mark.weight for mark in cut.open)

    def add(self, mark: Mark) -> Chunk | None:
        """Add a record; return the chunk that this completes, if one."""
        filling, ready = self.cut.open, None
        weight = self._weight + mark.weight
        if filling and (
            len(filling) >= self._most_records
            or mark.end - filling[0].start > LARGEST_CHUNK
            or weight > HEAVIEST_CHUNK
        ):
            ready = self._turn()
            filling, weight = self.cut.open, mark.weight
        filling.append(mark)
        self._weight = weight
        return ready

    def alone(self, mark: Mark, problems: int) -> list[Chunk]:
        """Give a record a chunk of its own, without bytes: its line is too long to be fetched.

        ``problems`` are the bytes of problems by now. Return the chunks that end before it, and its own.
        """
        cut = self.cut
        ready = [self._turn()] if cut.open else []
        ready += [self._chunk(cut.held, mark.problems)] if cut.held else []
        cut.held = []
        empty = Mark(mark.start, mark.start, mark.line, mark.weight, mark.problems)
        return [chunk for chunk in (*ready, self._chunk([empty], problems)) if chunk]

    def finish(self, problems: int) -> list[Chunk]:
        """Return the last chunks, two that are about equally heavy where there are two."""
        marks = [*self.cut.held, *self.cut.open]
        place = self._middle(marks) if self.cut.held else 0
        first, last = marks[:place], marks[place:]
        ready = [self._chunk(first, last[0].problems)] if first else []
        ready += [self._chunk(last, problems)] if last else []
        self.cut.held, self.cut.open = [], []
        return ready

    def _turn(self) -> Chunk | None:
        """Hold the chunk that was being filled; return the one that was held."""
        cut = self.cut
        ready = self._chunk(cut.held, cut.open[0].problems) if cut.held else None
        cut.held, cut.open, self._weight = cut.open, [], 0
        return ready

    def _middle(self, marks: list[Mark]) -> int:
        """Return where the marks of two chunks are divided best, within what a chunk may hold."""
        sums = [*accumulate(mark.weight or 1 for mark in marks)]
        places = sorted(range(1, len(marks)), key=lambda place: abs(sums[-1] - 2 * sums[place - 1]))
        fits = (
            place for place in places if self._fits(marks[:place]) and self._fits(marks[place:])
        )
        return next(fits, len(self.cut.held))

    def _fits(self, marks: list[Mark]) -> bool:
        return (
            len(marks) <= self._most_records and marks[-1].end - marks[0].start <= LARGEST_CHUNK
        ) or len(marks) == 1

    def _chunk(self, marks: list[Mark], problems_end: int) -> Chunk:
        cut, first = self.cut, marks[0]
        problems = ByteRange(start=first.problems, end=problems_end)
        chunk = Chunk(
            **self._alike,
            chunk=cut.chunks,
            records=len(marks),
            first_index=cut.records,
            first_line=first.line,
            span=ByteRange(start=first.start, end=marks[-1].end),
            problems=problems if problems.end > problems.start else None,
        )
        cut.chunks += 1
        cut.records += len(marks)
        return chunk
