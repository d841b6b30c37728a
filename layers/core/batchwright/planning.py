"""Reading an input once, line by line: every line is checked, and the file is cut into chunks.

Nothing is remembered that grows with the file but eight bytes a record, and those are put away in time.

The same code plans a job and estimates a file on somebody's laptop.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NamedTuple

import orjson
from msgspec import Struct, field

from batchwright.addresses import keys_of
from batchwright.chunk import ByteRange, Chunk
from batchwright.cutting import Cut, Cutter, Mark
from batchwright.dialects import Dialect, detect
from batchwright.digest import digest
from batchwright.errors import RecordInvalid, Refused, Unforeseen
from batchwright.families import family_of
from batchwright.ids import MOST_HELD, Ids, fingerprint
from batchwright.job import Job, Pin
from batchwright.lane import AUTO, BEDROCK_BATCH
from batchwright.lines import SEPARATORS, Line, lines, rows
from batchwright.needs import TOOLS, Needs
from batchwright.places import ids_key
from batchwright.ports import Objects, Upload
from batchwright.reader import problem_of
from batchwright.record import Problem, Record
from batchwright.rewording import FAMILIES, reworded
from batchwright.route import Route
from batchwright.routing import route_for
from batchwright.totals import Total

# A broken first line must not hide the dialect of the good ones after it.
LINES_TRIED = 100
# A zero byte may be one bad line's: of a file in UTF-16 every line has some.
UNTOLD = {"invalid_json_line", "unknown_dialect", "unsupported_encoding"}


class Progress(Struct, kw_only=True):
    """How far an input is read; all that another run needs to go on."""

    line: int = 1
    start: int = 0
    found: int = 0
    """Problems."""
    problem_bytes: int = 0
    totals: dict[str, Total] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    cut: Cut = field(default_factory=Cut)
    ids: list[list[int]] = field(default_factory=list)
    """What of the ids' fingerprints is stored."""
    suspects: list[int] | None = None
    """The fingerprints that occur more than once, once they are known: the input is read again to name the lines."""
    worded: bool = False
    """Whether each record is tried in its model's own words, from the first one on."""
    first_lines: dict[str, int] = field(default_factory=dict)
    """Where an id of the suspects stood first, by its digest."""

    @property
    def records(self) -> int:
        """How many there are, once the end is reached."""
        return self.cut.records


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is read: the input itself, or what it was unfolded to."""

    pin: Pin
    unfolded: bool
    dialect: str | None = None
    """What it is, where its first line should not tell."""
    first: bytes = b""
    """Its first block, where that was read already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinks:
    """Where chunks and problems go, a line each."""

    chunks: Upload
    problems: Upload


class Way(NamedTuple):
    """Whom to ask for records of one sort, and how much."""

    route: Route
    total: Total
    limit: int
    """The most tokens of an answer where a record does not say."""
    family: str | None
    """Whose own words they may be put into."""


class Planner:
    """One run over one input, or a part of it."""

    def __init__(
        self,
        job: Job,
        objects: Objects,
        source: Source,
        sinks: Sinks,
        progress: Progress,
        *,
        chunk_records: int,
    ) -> None:
        """``progress`` is changed as the reading goes on."""
        self.progress = progress
        self._job = job
        self._contract = job.terms
        self._objects = objects
        self._source = source
        self.sinks = sinks
        self._chunk_records = chunk_records
        self.ids = Ids(int(job.job_id[:8], 16), progress.ids)
        self._suspects = frozenset(progress.suspects or ())
        self._ways: dict[object, Way] = {}
        self._may_batch = self._contract.lane in {AUTO, BEDROCK_BATCH}
        self._late = False
        self._head = b""
        self._rest: Iterator[bytes] = iter(())

    def run(self, late: Callable[[], bool]) -> bool:
        """Read on, to the end or until it is late; return whether the end was reached.

        Raises :class:`Refused` where the input may not run as a whole.
        """
        self._dialect, header = self._opened()
        self._read = self._dialect.read
        cutter, progress, check = self._cutter(header), self.progress, self._check
        after = header.start if header else -1
        for line in self._lines(late):
            if self._late:
                progress.line, progress.start = line.number, line.start
                return False
            if line.start <= after or line.blank:
                continue
            before = progress.problem_bytes
            mark = Mark(line.start, line.end, line.number, check(line), before)
            if line.content is None:
                self._write(cutter.alone(mark, progress.problem_bytes))
            elif ready := cutter.add(mark):
                self._write([ready])
        self._write(cutter.finish(progress.problem_bytes))
        return True

    def check_whole(self) -> None:
        """Refuse what may not run as a whole, once every line was looked at."""
        progress, contract = self.progress, self._contract
        if progress.records == 0:
            raise Refused("empty_file", "the file holds a header row and no record")
        if progress.found == progress.records:
            raise Refused(
                "no_valid_record",
                f"none of the {progress.records} records may run; see problems.jsonl",
            )
        if contract.strict and progress.found:
            raise Refused(
                "strict",
                f"{progress.found} of {progress.records} records may not run, and contract {contract.name!r} is strict",
            )
        self._check_prices()

    def _check_prices(self) -> None:
        """Refuse to keep a budget blindly."""
        totals, route_to = self.progress.totals, self._contract.route_to
        unknown = [model for model in totals if not route_to(model).priced]
        if self._contract.budget is not None and unknown:
            raise Refused(
                "price_unknown",
                f"contract {self._contract.name!r} has a budget, and the price of {unknown[0]!r} is not known:"
                " take the budget out, or ask a model whose price is in prices.json",
            )

    @property
    def unworded(self) -> bool:
        """Whether it must be known of all records whether other words than Converse's hold them, and is not."""
        progress = self.progress
        wanted = self._may_batch and progress.needs.of(TOOLS).records and not progress.worded
        return bool(wanted) and any(family_of(model) in FAMILIES for model in progress.totals)

    def repeated(self, most: int) -> list[int]:
        """Return the fingerprints of ids that occur more than once, so many at most."""
        return [*islice(self.ids.repeated(self._stored), most)]

    def put_away(self) -> None:
        """Store the fingerprints that are held."""
        self.ids.put_away(self._store)

    def _opened(self) -> tuple[Dialect, Line | None]:
        refusal: Refused | None = None
        self._head = self._source.first or next(self._further(0), b"")
        self._rest = self._further(len(self._head))
        blocks = chain([self._head], self._further(len(self._head)))
        found = (line for line in lines(blocks) if not line.blank)
        for line in islice(found, LINES_TRIED):
            try:
                return self._detected(line)
            except Refused as fault:
                refusal = refusal or fault
                if fault.code not in UNTOLD:
                    break
        raise refusal or Refused("empty_file", "the file holds no record")

    def _detected(self, line: Line) -> tuple[Dialect, Line | None]:
        """Return the dialect that a line tells, and the header; a quoted cell of a header may hold line ends."""
        try:
            dialect = detect(line, self._contract, self._source.dialect)
        except Refused as fault:
            if fault.code != "invalid_header" or (row := self._row_from(line)).end == line.end:
                raise
            line, dialect = row, detect(row, self._contract, self._source.dialect)
        return dialect, line if dialect.header else None

    def _row_from(self, line: Line) -> Line:
        """Return the row that a line begins, in CSV or in TSV: a quote opens a cell in one of them only."""
        begun = (
            next(
                rows(self._further(line.start), number=line.number, start=line.start, separator=by)
            )
            for by in SEPARATORS.values()
        )
        return max(
            (row for row in begun if row.content is not None), key=attrgetter("end"), default=line
        )

    def _cutter(self, header: Line | None) -> Cutter:
        alike: dict[str, Any] = {
            "job_id": self._job.job_id,
            "dialect": self._dialect.name,
            "unfolded": self._source.unfolded,
            "header": ByteRange(start=header.start, end=header.end) if header else None,
        }
        return Cutter(self.progress.cut, self._chunk_records, alike)

    def _lines(self, late: Callable[[], bool]) -> Iterator[Line]:
        progress = self.progress
        return self._dialect.framing(
            self._watched(self._blocks(progress.start), late),
            number=progress.line,
            start=progress.start,
        )

    def _blocks(self, start: int) -> Iterator[bytes]:
        """Yield the input from ``start`` on; its first block was read to find out what it is."""
        if start:
            return self._further(start)
        head, self._head = self._head, b""  # it is large, and the reading goes on
        return chain([head], self._rest)

    def _further(self, start: int) -> Iterator[bytes]:
        yield from self._objects.blocks(self._source.pin, start=start)

    def _watched(self, blocks: Iterable[bytes], late: Callable[[], bool]) -> Iterator[bytes]:
        """Look at the time once a block; a run reads one at least, so that every run comes further."""
        for block in blocks:
            yield block
            self._late = late()
            if self.ids.held >= MOST_HELD:
                self.put_away()

    def _check(self, line: Line) -> int:
        """Check a line; return the tokens that its record may take."""
        try:
            record = self._read(line)
            if self._suspects:
                self._check_once(record, line.number)
            else:
                self.ids.add(record.record_id)
            if record.attachments:
                keys_of(record, self._objects.bucket)
            way = self._way(record)
            tokens = self._estimate(record, way)
            self.progress.needs.note(record, line.number)
            if record.tools or self.progress.worded:
                self._reword(record, way, line.number)
        except RecordInvalid as fault:
            self._found(problem_of(fault, line.number))
        except Exception as fault:  # noqa: BLE001 - whatever is odd about one line, the others go on
            told = Unforeseen.told(fault)
            message = f"line {line.number} could not be read ({told})"
            self._found(problem_of(RecordInvalid("unforeseen", message), line.number))
        else:
            return tokens
        return 0

    def _check_once(self, record: Record, number: int) -> None:
        if fingerprint(record.record_id, self.ids.seed) not in self._suspects:
            return
        first = self.progress.first_lines.setdefault(digest(record.record_id.encode())[:32], number)
        if first != number:
            raise RecordInvalid(
                "duplicate_custom_id",
                f"lines {first} and {number} have the same id; ids must be unique in a file",
                param=self._dialect.id_field,
                record_id=record.record_id,
            )

    def _way(self, record: Record) -> Way:
        """Return whom to ask for a record; raises :class:`RecordInvalid` where that is nobody."""
        sort: object = record.model
        if record.family is not None or record.embeds:
            sort = (sort, record.family, record.native, record.texts, record.dimensions)
        known = self._ways.get(sort)
        if known is None:
            route = route_for(self._contract, record, self._job.models)
            total = self.progress.totals.setdefault(route.model, Total())
            limit, family = self._contract.default_limit(record, route), family_of(route.model)
            asked_elsewhere = record.native or record.embeds or family not in FAMILIES
            known = Way(route, total, limit, None if asked_elsewhere else family)
            self._ways[sort] = known
        return known

    def _reword(self, record: Record, way: Way, number: int) -> None:
        """Note what of a record only Converse has words for: where some bring tools, a batch is not asked in those.

        That is dear, and most files bring none: it is begun where the first record does, or the input is read again.
        """
        progress = self.progress
        if not progress.worded:
            first = sum(total.records for total in progress.totals.values()) == 1
            progress.worded = first and self._may_batch
        if not progress.worded or way.family is None:
            return
        request = self._contract.prepared(way.route, record, self._dialect.request(record))
        try:
            reworded(request, way.family)
        except RecordInvalid as fault:
            self.progress.needs.note_words(str(fault), number)

    def _estimate(self, record: Record, way: Way) -> int:
        """Count what a record may use."""
        total = way.total
        output_tokens = record.max_tokens or way.limit
        total.records += 1
        total.input_tokens += record.input_tokens
        total.max_output_tokens += output_tokens
        return record.input_tokens + output_tokens

    def _found(self, problem: Problem) -> None:
        line = problem_line(problem)
        self.sinks.problems.write(line)
        self.progress.found += 1
        self.progress.problem_bytes += len(line)

    def _write(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            self.sinks.chunks.write(chunk.to_line())

    def _store(self, number: int, content: bytes) -> None:
        self._objects.write(ids_key(self._job.job_id, number), content)

    def _stored(self, number: int, span: tuple[int, int]) -> bytes:
        return self._objects.read(ids_key(self._job.job_id, number), span=span)


def problem_line(problem: Problem) -> bytes:
    """Return a problem as its line of ``problems.jsonl``."""
    return orjson.dumps(problem.to_json()) + b"\n"
