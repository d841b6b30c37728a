"""Plan: read the input once, check every line, and cut it into chunks, before anything is spent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import orjson

from batchwright.chunk import ByteRange, Chunk
from batchwright.contract import Contract
from batchwright.dialects import Dialect, detect
from batchwright.digest import digest
from batchwright.errors import AccessDenied, Missing, RecordInvalid, Refused, Unforeseen
from batchwright.job import Job, JobRow, Pin, Reason, Status, timestamp
from batchwright.lines import Line, lines
from batchwright.outcome import add_costs
from batchwright.places import job_key, plan_key, problems_key
from batchwright.ports import Clock, Events, Jobs, Objects, Upload
from batchwright.prices import cost_usd
from batchwright.reader import problem_of
from batchwright.record import Problem, Record
from batchwright.usage import Usage

# A worker holds one chunk's lines in memory; so does closing, with their answers.
LARGEST_CHUNK = 8_000_000
# A broken first line must not hide the dialect of the good ones after it.
LINES_TRIED = 100
UNTOLD = {"invalid_json_line", "unknown_dialect"}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What planning needs of the world."""

    objects: Objects
    jobs: Jobs
    events: Events
    clock: Clock


def plan(job_id: str, world: World, *, chunk_records: int, max_concurrency: int) -> dict[str, Any]:
    """Plan a job, or refuse it; return the answer for the workflow, pointers only.

    ``state`` is ``done`` with the plan's place, or ``refused``; the problems are in ``problems.jsonl`` either way.
    """
    job = Job.model_validate_json(world.objects.read(job_key(job_id)))
    row = world.jobs.get(job_id)
    if row is None:
        raise Missing(f"job {job_id} has no row")
    world.jobs.change(
        replace(row, status=Status.VALIDATING, updated_at=timestamp(world.clock.now()))
    )
    with world.objects.upload(problems_key(job_id)) as upload:
        planner = Planner(job, world.objects, upload, chunk_records)
        refusal = planner.run()
    row = replace(row, updated_at=timestamp(world.clock.now()), problems=planner.found)
    if refusal is not None:
        world.jobs.change(replace(row, status=Status.CLOSING, reason=refusal))
        return {"state": "refused", "reason": refusal.code}
    world.jobs.change(_running(row, planner))
    world.events.job_changed(job_id, Status.RUNNING, {"total": planner.records})
    return {
        "state": "done",
        "plan": {"bucket": world.objects.bucket, "key": plan_key(job_id)},
        "max_concurrency": max_concurrency,
    }


def _running(row: JobRow, planner: "Planner") -> JobRow:
    return replace(
        row,
        status=Status.RUNNING,
        total=planner.records,
        chunks=planner.chunks,
        estimate=planner.estimate.to_json(),
    )


@dataclass(slots=True)
class Estimate:
    """What a job may use: the input guessed, the output at its limit."""

    input_tokens: int = 0
    max_output_tokens: int = 0
    max_cost_usd: float | None = 0.0

    def add(self, model: str, input_tokens: int, output_tokens: int) -> None:
        """Add one record."""
        self.input_tokens += input_tokens
        self.max_output_tokens += output_tokens
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        self.max_cost_usd = add_costs(self.max_cost_usd, cost_usd(model, usage))

    def to_json(self) -> dict[str, Any]:
        """Return it as the job's row keeps it."""
        return {
            "input_tokens": self.input_tokens,
            "max_output_tokens": self.max_output_tokens,
            "max_cost_usd": self.max_cost_usd,
        }


@dataclass(slots=True, kw_only=True)
class Cut:
    """The chunk that is being filled."""

    first_index: int
    first_line: int
    start: int
    end: int
    problems_start: int
    records: int = 0


@dataclass(slots=True)
class Planner:
    """One pass over one input."""

    job: Job
    objects: Objects
    problems: Upload
    chunk_records: int
    records: int = 0
    chunks: int = 0
    found: int = 0
    estimate: Estimate = field(default_factory=Estimate)
    _problem_bytes: int = 0
    _seen: dict[bytes, int] = field(default_factory=dict)

    def run(self) -> Reason | None:
        """Write the plan and the problems; return why the job is refused, if it is."""
        try:
            with self.objects.upload(plan_key(self.job.job_id)) as plan_upload:
                self._cut(plan_upload)
        except Refused as refusal:
            reason = Reason(code=refusal.code, message=str(refusal), line=refusal.line)
            self._write(reason.as_problem())
            return reason
        return None

    def _cut(self, plan_upload: Upload) -> None:
        if self.job.refusal is not None:
            refusal = self.job.refusal
            raise Refused(refusal.code, refusal.message, line=refusal.line)
        pin = self.job.pinned()
        contract = self.job.terms()
        with _readable(pin):
            dialect, header = self._opened(pin, contract)
            for chunk in self._chunks(pin, contract, dialect, header):
                plan_upload.write(orjson.dumps(chunk.model_dump(exclude_none=True)) + b"\n")
                self.chunks += 1
        self._check_whole(contract)

    def _opened(self, pin: Pin, contract: Contract) -> tuple[Dialect, Line | None]:
        refusal: Refused | None = None
        found = (line for line in lines(self.objects.blocks(pin)) if not line.blank)
        for line in islice(found, LINES_TRIED):
            try:
                dialect = detect(line, contract)
            except Refused as fault:
                refusal = refusal or fault
                if fault.code not in UNTOLD:
                    break
            else:
                return dialect, line if dialect.header else None
        raise refusal or Refused("empty_file", "the file holds no record")

    def _chunks(
        self, pin: Pin, contract: Contract, dialect: Dialect, header: Line | None
    ) -> Iterator[Chunk]:
        cut: Cut | None = None
        for line in dialect.framing(self.objects.blocks(pin)):
            if line.blank or (header is not None and line.start <= header.start):
                continue
            if cut is not None and (line.content is None or self._full(cut, line)):
                yield self._closed(cut, dialect, header)
                cut = None
            cut = cut or Cut(
                first_index=self.records,
                first_line=line.number,
                start=line.start,
                end=line.end,
                problems_start=self._problem_bytes,
            )
            cut.records, cut.end = cut.records + 1, line.end
            self.records += 1
            self._check(line, dialect, contract)
            if line.content is None:
                # Too long to be read at all: a chunk of its own, without bytes to fetch.
                cut.end = cut.start
                yield self._closed(cut, dialect, header)
                cut = None
        if cut is not None:
            yield self._closed(cut, dialect, header)

    def _full(self, cut: Cut, line: Line) -> bool:
        return cut.records >= self.chunk_records or line.end - cut.start > LARGEST_CHUNK

    def _closed(self, cut: Cut, dialect: Dialect, header: Line | None) -> Chunk:
        problems = ByteRange(start=cut.problems_start, end=self._problem_bytes)
        return Chunk(
            job_id=self.job.job_id,
            chunk=self.chunks,
            dialect=dialect.name,
            header=ByteRange(start=header.start, end=header.end) if header else None,
            records=cut.records,
            first_index=cut.first_index,
            first_line=cut.first_line,
            span=ByteRange(start=cut.start, end=cut.end),
            problems=problems if problems.end > problems.start else None,
        )

    def _check(self, line: Line, dialect: Dialect, contract: Contract) -> None:
        try:
            record = dialect.read(line)
            self._check_once(record, line, dialect)
            self._estimate(record, contract)
        except RecordInvalid as fault:
            self.found += 1
            self._write(problem_of(fault, line.number))
        except Exception as fault:  # noqa: BLE001 - whatever is odd about one line, the others go on
            self.found += 1
            told = Unforeseen.told(fault)
            message = f"line {line.number} could not be read ({told})"
            self._write(problem_of(RecordInvalid("unforeseen", message), line.number))

    def _check_once(self, record: Record, line: Line, dialect: Dialect) -> None:
        mark = bytes.fromhex(digest(record.record_id.encode())[:32])
        first = self._seen.setdefault(mark, line.number)
        if first != line.number:
            raise RecordInvalid(
                "duplicate_custom_id",
                f"lines {first} and {line.number} have the same id; ids must be unique in a file",
                param=dialect.id_field,
                record_id=record.record_id,
            )

    def _estimate(self, record: Record, contract: Contract) -> None:
        route = contract.route_for(record, self.job.models)
        self.estimate.add(route.model, record.input_tokens, contract.limit_of(record, route))

    def _check_whole(self, contract: Contract) -> None:
        if self.records == 0:
            raise Refused("empty_file", "the file holds a header row and no record")
        if self.found == self.records:
            raise Refused(
                "no_valid_record", f"none of the {self.records} records may run; see problems.jsonl"
            )
        if contract.strict and self.found:
            raise Refused(
                "strict",
                f"{self.found} of {self.records} records may not run, and contract {contract.name!r} is strict",
            )

    def _write(self, problem: Problem) -> None:
        line = orjson.dumps(problem.to_json()) + b"\n"
        self.problems.write(line)
        self._problem_bytes += len(line)


@contextmanager
def _readable(pin: Pin) -> Iterator[None]:
    """Turn what can befall the object between admission and here into a refusal."""
    try:
        yield
    except Missing:
        raise Refused(
            "input_missing", f"s3://{pin.bucket}/{pin.key} was deleted before it was read"
        ) from None
    except AccessDenied:
        raise Refused(
            "input_no_permissions", f"s3://{pin.bucket}/{pin.key} may not be read"
        ) from None
