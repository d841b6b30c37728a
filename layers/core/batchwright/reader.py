"""The records of one chunk, read as the plan saw them."""

from collections.abc import Container, Iterator

import orjson
from msgspec import Struct

from batchwright.chunk import ByteRange, Chunk
from batchwright.contract import Contract
from batchwright.dialects import TABLES, Dialect, open_dialect
from batchwright.digest import digest
from batchwright.errors import RecordInvalid, Unforeseen
from batchwright.job import Job
from batchwright.lines import SEPARATORS, Line, rows
from batchwright.places import joined_key, problems_key, unfolded_key
from batchwright.ports import Objects
from batchwright.record import Problem, Record


class Item(Struct, frozen=True, kw_only=True):
    """One record's place and what stands there: a record, a problem, or a record that the plan found at fault."""

    index: int
    line: int
    record: Record | None
    problem: Problem | None
    digest: str | None = None
    """SHA-256 of the line, without its end; ``None`` where it is too long to be read."""


class ChunkReader:
    """Reads a chunk's byte range of the pinned object, and the plan's findings on it."""

    def __init__(self, objects: Objects, job: Job, chunk: Chunk) -> None:
        """Fetch the bytes; :meth:`items` reads them record by record."""
        self._chunk = chunk
        self._objects = objects
        self._pin = job.pinned()
        self.contract: Contract = job.terms
        self.dialect: Dialect = open_dialect(chunk.dialect, self.contract, self._header())
        self._content = self._bytes(chunk.span)
        self._problems = self._found()

    def items(self, wanted: Container[int] | None = None) -> Iterator[Item]:
        """Yield every record of the chunk in order, or those ``wanted``; what else is there is not looked into."""
        wanted = self._chunk.indexes if wanted is None else wanted
        span = self._chunk.span
        if span.start == span.end:
            if self._chunk.first_index in wanted:
                yield self._unread()
            return
        for index, line in self._lines(wanted):
            yield self._item(index, line, self._problems.get(line.number))

    def unread(self, wanted: Container[int]) -> Iterator[Item]:
        """Yield records of the chunk by their places only."""
        for index, line in self._lines(wanted):
            yield Item(
                index=index,
                line=line.number,
                record=None,
                problem=None,
                digest=_digest_of(line),
            )

    def _lines(self, wanted: Container[int]) -> Iterator[tuple[int, Line]]:
        chunk = self._chunk
        lines = self.dialect.framing(
            [self._content], number=chunk.first_line, start=chunk.span.start
        )
        indexes = iter(chunk.indexes)
        for line in lines:
            if not line.blank and (index := next(indexes)) in wanted:
                yield index, line

    def _unread(self) -> Item:
        """Return the one record of a chunk whose line is too long to be fetched."""
        line = self._chunk.first_line
        problem = self._problems[line]
        return Item(index=self._chunk.first_index, line=line, record=None, problem=problem)

    def _header(self) -> bytes | None:
        span = self._chunk.header
        if span is None:
            return None
        separator = SEPARATORS[self._chunk.dialect]
        return next(rows([self._bytes(span)], start=span.start, separator=separator)).content

    def _bytes(self, span: ByteRange) -> bytes:
        chunk, place = self._chunk, (span.start, span.end)
        if chunk.round:
            return self._objects.read(joined_key(chunk.job_id, chunk.round), span=place)
        if chunk.unfolded:
            return self._objects.read(unfolded_key(chunk.job_id), span=place)
        return self._objects.read_pinned(self._pin, span=place)

    def _item(self, index: int, line: Line, problem: Problem | None) -> Item:
        record = None
        try:
            record = self.dialect.read(line)
        except RecordInvalid as fault:
            problem = problem or problem_of(fault, line.number)
        except Exception as fault:  # noqa: BLE001 - as in the plan: one odd line ends no chunk
            told = RecordInvalid("unforeseen", str(Unforeseen.told(fault)))
            problem = problem or problem_of(told, line.number)
        return Item(
            index=index,
            line=line.number,
            record=record,
            problem=problem,
            digest=_digest_of(line),
        )

    def _found(self) -> dict[int | None, Problem]:
        span = self._chunk.problems
        if span is None:
            return {}
        content = self._objects.read(problems_key(self._chunk.job_id), span=(span.start, span.end))
        problems = [Problem(**orjson.loads(line)) for line in content.splitlines()]
        return {problem.line: problem for problem in problems}


class GoneReader:
    """Stands for the reader of a chunk whose input was deleted since it was planned: the places are still known."""

    def __init__(self, job: Job, chunk: Chunk) -> None:
        """Nothing is fetched."""
        self._chunk = chunk
        # The header row is gone, too; a table's failures look like those of rows.
        name = "rows_jsonl" if chunk.dialect in TABLES else chunk.dialect
        self.dialect: Dialect = open_dialect(name, job.terms, None)

    def items(self, wanted: Container[int]) -> Iterator[Item]:
        """Yield the ``wanted`` records by their places; lines are counted as if none were blank or broken up."""
        for offset, index in enumerate(self._chunk.indexes):
            if index in wanted:
                line = self._chunk.first_line + offset
                yield Item(index=index, line=line, record=None, problem=None)


def problem_of(fault: RecordInvalid, line: int) -> Problem:
    """Return a fault of a line as it is told in ``problems.jsonl``."""
    return Problem(
        line=line, record_id=fault.record_id, code=fault.code, message=str(fault), param=fault.param
    )


def _digest_of(line: Line) -> str | None:
    return None if line.content is None else digest(line.content)
