"""Close: settle what nobody settled, prove law 1, put the results in order, and write the receipt."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from batchwright import __version__
from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.dialects import errors_inline
from batchwright.errors import LogBroken, Missing
from batchwright.job import Job, JobRow, Reason, Status, timestamp
from batchwright.lines import lines
from batchwright.outcome import Ending, Tally
from batchwright.places import job_key, plan_key, problems_key, result_key
from batchwright.ports import Clock, Events, Jobs, Objects, Upload
from batchwright.reader import ChunkReader, Item
from batchwright.receipt import ResultFile, receipt_of
from batchwright.segment import Settled
from batchwright.settling import Settler

OUTPUT, ERRORS, OUTCOMES, RECEIPT = "output.jsonl", "errors.jsonl", "outcomes.jsonl", "receipt.json"
# The name under which closing writes into chunk logs.
CLOSER = "close"
READERS = 8
# How a record ends that was never asked, by the reason why the job stopped; any other reason is a failure.
NEVER_ASKED = {"deadline": Ending.EXPIRED, "cancelled": Ending.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What closing needs of the world."""

    objects: Objects
    jobs: Jobs
    events: Events
    clock: Clock


def close(
    job_id: str, failure: dict[str, Any] | None, world: World
) -> tuple[dict[str, Any], Tally | None]:
    """Close a job, whatever became of it; closing a closed job says how it ended.

    ``failure`` is what the workflow caught, ``Error`` and ``Cause``, or ``None``. Return the answer for the workflow,
    and the tally of the records that were settled here; ``None`` where the job was closed before.
    """
    row = world.jobs.get(job_id)
    if row is None:
        raise Missing(f"job {job_id} has no row")
    late = None
    if not row.status.final:
        job = Job.model_validate_json(world.objects.read(job_key(job_id)))
        row, late = _closed(job, row, failure, world)
    world.events.job_changed(job_id, row.status, {"counts": row.counts(), "contract": row.contract})
    return {"state": "done", "status": row.status.value}, late


def _closed(
    job: Job, row: JobRow, failure: dict[str, Any] | None, world: World
) -> tuple[JobRow, Tally]:
    reason = row.reason or world.jobs.stop_reason(job.job_id) or _reason_of(failure)
    row = replace(
        row, status=Status.CLOSING, reason=reason, updated_at=timestamp(world.clock.now())
    )
    world.jobs.change(row)
    if reason is not None and row.chunks:
        # A worker may outlive the workflow that called it: it looks here every few seconds.
        world.jobs.stop(job.job_id, reason)
    assembly = Assembly(job, row, world)
    files = assembly.run() if row.chunks else {}
    tally = assembly.tally
    if tally.settled != row.total:
        raise LogBroken(f"job {job.job_id}: {row.total} records, {tally.settled} outcomes")
    row = replace(
        row,
        tally=tally,
        status=_status(reason, tally),
        updated_at=timestamp(world.clock.now()),
        results=_places(row, files),
    )
    receipt = receipt_of(job, row, files, version=__version__)
    world.objects.write(result_key(job.job_id, RECEIPT), _pretty(receipt))
    world.jobs.change(row)
    return row, assembly.late


def _status(reason: Reason | None, tally: Tally) -> Status:
    if reason is None:
        return Status.COMPLETED
    return Status.INCOMPLETE if tally.counts[Ending.SUCCEEDED] else Status.FAILED


def _reason_of(failure: dict[str, Any] | None) -> Reason | None:
    if failure is None:
        return None
    # The cause may be a stack trace with anybody's words in it; the name of the error is ours or AWS's.
    return Reason(
        code="workflow_failed",
        message=f"a step failed with {failure.get('Error', 'an unknown error')}; see the execution's log",
    )


def _places(row: JobRow, files: dict[str, ResultFile]) -> dict[str, str]:
    places = {name.partition(".")[0]: file.key for name, file in files.items()}
    if row.problems or not row.chunks:
        places["problems"] = problems_key(row.job_id)
    return places | {"receipt": result_key(row.job_id, RECEIPT)}


class ResultWriter:
    """Writes one file of the results, and keeps what the receipt says of it."""

    def __init__(self, key: str, upload: Upload) -> None:
        """``upload`` is where the bytes go."""
        self._key = key
        self._upload = upload
        self._digest = sha256()
        self._lines = self._size = 0

    def write(self, line: bytes) -> None:
        """Add a line, given without its end."""
        line += b"\n"
        self._upload.write(line)
        self._digest.update(line)
        self._lines += 1
        self._size += len(line)

    def finished(self) -> ResultFile:
        """Return what was written."""
        return ResultFile(
            key=self._key, lines=self._lines, size=self._size, sha256=self._digest.hexdigest()
        )


class Assembly:
    """Puts the outcomes of all chunks into the result files, in input order."""

    def __init__(self, job: Job, row: JobRow, world: World) -> None:
        """``row.reason`` is why some records may have no outcome yet."""
        self._job = job
        self._reason = row.reason
        self._world = world
        self.tally = Tally()
        """All records."""
        self.late = Tally()
        """The records that were settled here."""

    def run(self) -> dict[str, ResultFile]:
        """Write ``output``, ``errors`` and ``outcomes``; return the files."""
        with ExitStack() as stack:
            files = {name: self._writer(name, stack) for name in (OUTPUT, ERRORS, OUTCOMES)}
            for chunk, log, settled in self._read_ahead():
                self._copy(chunk, log, settled, files)
        return {name: file.finished() for name, file in files.items()}

    def _writer(self, name: str, stack: ExitStack) -> ResultWriter:
        key = result_key(self._job.job_id, name)
        return ResultWriter(key, stack.enter_context(self._world.objects.upload(key)))

    def _chunks(self) -> Iterator[Chunk]:
        pin = self._world.objects.pin(plan_key(self._job.job_id))
        for line in lines(self._world.objects.blocks(pin)):
            yield Chunk.model_validate(orjson.loads(line.content or b""))

    def _read_ahead(self) -> Iterator[tuple[Chunk, ChunkLog, list[Settled]]]:
        """Read chunk logs in order, some at once: a job of ten million records has fifty thousand segments."""
        chunks = self._chunks()
        with ThreadPoolExecutor(READERS) as readers:
            waiting = deque(
                (chunk, readers.submit(self._read, chunk)) for chunk in islice(chunks, READERS)
            )
            while waiting:
                chunk, reading = waiting.popleft()
                for following in islice(chunks, 1):
                    waiting.append((following, readers.submit(self._read, following)))
                yield chunk, *reading.result()

    def _copy(
        self,
        chunk: Chunk,
        log: ChunkLog,
        settled: list[Settled],
        files: dict[str, ResultWriter],
    ) -> None:
        if not log.settled.issuperset(chunk.indexes):
            self._settle_the_rest(chunk, log)
            log, settled = self._read(chunk)
        if [outcome.index for outcome, _ in settled] != list(chunk.indexes):
            raise LogBroken(
                f"chunk {chunk.chunk} of job {chunk.job_id} holds records that are not its own"
            )
        inline = errors_inline(chunk.dialect)
        for outcome, line in settled:
            succeeded = outcome.status is Ending.SUCCEEDED
            if succeeded or inline:
                files[OUTPUT].write(line)
            if not succeeded:
                files[ERRORS].write(line)
            files[OUTCOMES].write(orjson.dumps(outcome.to_json()))
        self.tally.add_all(log.tally)

    def _read(self, chunk: Chunk) -> tuple[ChunkLog, list[Settled]]:
        log = ChunkLog(self._world.objects, chunk.job_id, chunk.chunk, writer=CLOSER)
        return log, sorted(log.read(), key=lambda settled: settled[0].index)

    def _settle_the_rest(self, chunk: Chunk, log: ChunkLog) -> None:
        """Give the records that nobody settled their outcome, in the log like any other.

        A worker that is still alive finds them settled, and its late answers change nothing.
        """
        reader = ChunkReader(self._world.objects, self._job, chunk)
        settler = Settler(self._job, reader.dialect)
        reason = self._reason or Reason(
            code="never_asked", message="no worker asked for this record"
        )
        ending = NEVER_ASKED.get(reason.code, Ending.FAILED)
        now = self._world.clock.now()
        rest = (item for item in reader.items() if item.index not in log.settled)
        settled = log.append([_never_asked(settler, item, ending, reason, now) for item in rest])
        for outcome, _ in settled:
            self.late.add(outcome)


def _never_asked(
    settler: Settler, item: Item, ending: Ending, reason: Reason, now: datetime
) -> Settled:
    try:
        return settler.never_asked(item, ending, reason, now)
    except Exception as fault:  # noqa: BLE001 - whatever is odd about one record, the job must close
        return settler.unforeseen(item, fault, now)


def _pretty(receipt: dict[str, Any]) -> bytes:
    return orjson.dumps(receipt, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
