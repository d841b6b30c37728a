"""Close: settle what nobody settled, put the results in order, prove law 1, and write the receipt."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from batchwright import __version__
from batchwright.assembly import assemble
from batchwright.digest import digest
from batchwright.errors import AlreadyExists, Missing
from batchwright.job import Job, JobRow, Reason, Status, reason_of, timestamp
from batchwright.lane import ASYNCHRONOUS
from batchwright.ledger import Entry, closed
from batchwright.outcome import Ending, Tally
from batchwright.places import job_key, problems_key, result_key
from batchwright.ports import (
    BatchInference,
    Clock,
    Events,
    Jobs,
    Ledger,
    Objects,
    Signer,
    Submissions,
)
from batchwright.receipt import (
    REPORT,
    Piece,
    ResultFile,
    TreeFiles,
    manifest_of,
    receipt_of,
    row_told_by,
)
from batchwright.report import Found, report_of
from batchwright.retention import Due
from batchwright.sealing import SEAL, sealed
from batchwright.sleepers import sleeps, stop_all

RECEIPT = "receipt.json"
# Without it nobody can guess at what the leaves commit to; it goes when the data goes.
SALT = "salt.txt"
# Here nobody knows yet what the job's chunks are, or which of them are run again.
UNPLANNED = {Status.RECEIVED, Status.VALIDATING}
# What Bedrock's batch inference puts beside its output.
MANIFEST = "manifest.json.out"
BEDROCK = {"bedrock_converse", "bedrock_invoke"}
# A run takes no further chunk in the last quarter of its time, at most 60 s: that is for what was read ahead, for the
# last parts and for the checkpoint. S3 may take minutes to put ten thousand parts together: a run begins with that.
RESERVE = (0.25, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What closing needs of the world."""

    objects: Objects
    jobs: Jobs
    events: Events
    clock: Clock
    ledger: Ledger
    signer: Signer
    copies: Sequence[Objects] = ()
    """Buckets where signed checkpoints are kept besides, out of the reach of whoever owns the first."""
    uncopied: Callable[[int], None] = lambda _: None
    """Hears how many of these did not take a checkpoint."""
    unsigned: Callable[[str | None], None] = lambda _: None
    """Hears why no checkpoint was signed, or ``None`` where one was."""
    submissions: Submissions | None = None
    batch_inference: Callable[[], BatchInference] | None = None
    """Where what a job that ends early leaves running is stopped; few jobs need it."""


def close(
    job_id: str,
    failure: dict[str, Any] | None,
    world: World,
    *,
    redrive: int = 0,
    time_left: Callable[[], float],
) -> tuple[dict[str, Any], Tally | None]:
    """Close a run of a job, whatever became of it; closing a closed one says how it ended.

    ``failure`` is what the workflow caught, ``Error`` and ``Cause``, or ``None``. ``time_left`` is in seconds, until
    this run is killed. Return the answer for the workflow, whose ``state`` is ``done`` or ``more`` (call again), and
    the tally of the records that only closing settled: empty before the end, ``None`` where this closed nothing. A job
    that is not planned yet, or was redriven since, is left alone: its own workflow closes it.
    """
    row = world.jobs.get(job_id)
    if row is None:
        raise Missing(f"job {job_id} has no row")
    late = None
    if row.redrives != redrive or (failure is None and row.status in UNPLANNED):
        return {"state": "done"}, None
    if not row.status.final:
        reserve = min(RESERVE[0] * time_left(), RESERVE[1])
        job = Job.model_validate_json(world.objects.read(job_key(job_id)))
        begun = row.status is Status.CLOSING
        row = _closing(job, row, failure, world)
        closed = _closed(job, row, world, lambda: time_left() > reserve, begun=begun)
        if closed is None:
            return {"state": "more"}, Tally()
        row, late = closed
    if row.redrives != redrive:
        return {"state": "done"}, None
    detail = {"counts": row.counts(), "contract": row.contract, "redrive": redrive}
    world.events.job_changed(job_id, row.status, detail)
    return {"state": "done", "status": row.status.value}, late


def _closing(job: Job, row: JobRow, failure: dict[str, Any] | None, world: World) -> JobRow:
    stopped = world.jobs.stop_reason(job.job_id, redrive=row.redrives)
    reason = row.reason or stopped or (None if failure is None else reason_of(failure))
    row = replace(
        row, status=Status.CLOSING, reason=reason, updated_at=timestamp(world.clock.now())
    )
    world.jobs.change(row)
    if reason is not None and row.chunks:
        # A worker may outlive the workflow that called it: it looks here every few seconds.
        world.jobs.stop(job.job_id, reason, redrive=row.redrives)
    if reason is not None and sleeps(row) and world.submissions and world.batch_inference:
        # Who waited for them may be gone: a map that fails ends all of its children.
        stop_all(row, world.objects, world.submissions, world.batch_inference())
    return row


def _closed(
    job: Job, row: JobRow, world: World, enough_time: Callable[[], bool], *, begun: bool
) -> tuple[JobRow, Tally | None] | None:
    files, tree, tally, late, dialect = {}, None, Tally(), Tally(), None
    findings: Mapping[Found, int] = {}
    if row.chunks:
        assembly = assemble(job, row, world.objects, world.clock, enough_time, begun=begun)
        if assembly.files is None:
            return None
        files, tree = assembly.files, assembly.tree
        tally, late, dialect = assembly.tally, assembly.late, assembly.dialect
        findings = assembly.findings
    row = replace(
        row,
        tally=tally,
        status=_status(row.reason, tally),
        updated_at=timestamp(world.clock.now()),
        results=_places(row, files, tree),
    )
    if dialect in BEDROCK:
        files = {**files, MANIFEST: _manifest(row, world)}
        row = replace(row, results=_places(row, files, tree))
    made = receipt_of(job, row, files, tree, dialect=dialect, version=__version__)
    row, receipt = _receipt(row, made, world)
    _report(job, row, receipt, findings, world)
    _seal(closed(job, row, tree, receipt), row, world)
    if job.salt:
        world.objects.write(result_key(row.job_id, SALT, row.redrives), job.salt.encode() + b"\n")
    # Before the job has ended: no end is without them, and those of an end that was none count for nothing.
    for due in _dues(job, row):
        world.jobs.add_due(due)
    if not world.jobs.change(row):
        return _ended(row, world) or row, None
    return row, late


def _dues(job: Job, row: JobRow) -> Iterator[Due]:
    """Yield what is to be deleted of the job, and when."""
    if row.lane in ASYNCHRONOUS:  # what its lane has written no filter has seen
        at = datetime.fromisoformat(row.updated_at)
        yield Due(row.job_id, "submissions", row.redrives, row.updated_at, at)
    if job.contract and job.terms.retention:
        yield from job.terms.retention.dues(row.job_id, row.redrives, row.updated_at)


def _manifest(row: JobRow, world: World) -> ResultFile:
    content = orjson.dumps(manifest_of(row))
    key = result_key(row.job_id, MANIFEST, row.redrives)
    world.objects.write(key, content)
    piece = Piece(bytes=len(content), sha256=digest(content))
    return ResultFile(key=key, lines=0, pieces=(piece,))


def _receipt(row: JobRow, receipt: dict[str, Any], world: World) -> tuple[JobRow, bytes]:
    """Write the receipt, once; return the row that says the same, and the receipt as it stands.

    Another run of closing may have been faster, one that died since, or the other of the two that close a cancelled
    job. The result files are the same, byte for byte; how and when the job ended is what the first receipt tells.
    """
    key, content = result_key(row.job_id, RECEIPT, row.redrives), _pretty(receipt)
    try:
        world.objects.create(key, content)
    except AlreadyExists:
        standing = world.objects.read(key)
        told = orjson.loads(standing)
        if told["created_at"] == row.created_at:
            return row_told_by(told, row), standing
        # Of a job of the same file, whose row's time was over when the file was dropped again.
        world.objects.write(key, content)
    return row, content


def _report(
    job: Job, row: JobRow, receipt: bytes, findings: Mapping[Found, int], world: World
) -> None:
    """Write for people what the receipt says, as it stands."""
    routes = [route.asks for route in job.terms.routes] if job.contract else []
    page = report_of(orjson.loads(receipt), routes, findings, row.results or {})
    world.objects.write(result_key(row.job_id, REPORT, row.redrives), page)


def _seal(entry: Entry, row: JobRow, world: World) -> None:
    """Put a job's end into the ledger, and beside its results the proof that it stands there."""
    seal = sealed(entry, world.ledger, world.signer, (world.objects, *world.copies))
    world.uncopied(seal.uncopied)
    world.unsigned(seal.unsigned)
    world.objects.write(result_key(row.job_id, SEAL, row.redrives), _pretty(seal.to_json()))


def _ended(row: JobRow, world: World) -> JobRow | None:
    """Return the job's row where another execution has ended it."""
    standing = world.jobs.get(row.job_id)
    if standing and (standing.status.final or standing.redrives != row.redrives):
        return standing
    return None


def _status(reason: Reason | None, tally: Tally) -> Status:
    if reason is None:
        return Status.COMPLETED
    return Status.INCOMPLETE if tally.counts[Ending.SUCCEEDED] else Status.FAILED


def _places(row: JobRow, files: dict[str, ResultFile], tree: TreeFiles | None) -> dict[str, str]:
    places = {name.partition(".")[0]: file.key for name, file in files.items()}
    if row.problems or not row.chunks:
        places["problems"] = problems_key(row.job_id)
    places["report"] = result_key(row.job_id, REPORT, row.redrives)
    places["receipt"] = result_key(row.job_id, RECEIPT, row.redrives)
    places["seal"] = result_key(row.job_id, SEAL, row.redrives)
    if tree:
        places["salt"] = result_key(row.job_id, SALT, row.redrives)
        places |= {f"tree_{place}": level.key for place, level in enumerate(tree.levels)}
    return places


def _pretty(receipt: dict[str, Any]) -> bytes:
    return orjson.dumps(receipt, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
