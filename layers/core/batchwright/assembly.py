"""Assembly: the outcomes of all chunks, in input order, as the files of the results; in one run or in several.

The lines are copied as the logs hold them, of each record the newest. A run whose time is up leaves a checkpoint, and
the next goes on from it. A run that died is done again from the checkpoint that it began with: the logs have not
changed, so neither have the files.
"""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

import orjson

from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.dialects import errors_inline
from batchwright.errors import BatchwrightError, LogBroken, Missing, UploadGone
from batchwright.job import Job, JobRow
from batchwright.listing import Listed, expected_size, listed_chunks
from batchwright.outcome import Ending, Tally
from batchwright.places import checkpoint_key, result_key
from batchwright.ports import Clock, Objects
from batchwright.readahead import read_ahead
from batchwright.receipt import ResultFile, TreeFiles
from batchwright.report import Found as Finding
from batchwright.report import findings_in
from batchwright.results import ResultWriter, TreeWriter
from batchwright.segment import LogEntry
from batchwright.standing import Standing, log_of, standing_before
from batchwright.unasked import Unasked

OUTPUT, ERRORS, OUTCOMES = "output.jsonl", "errors.jsonl", "outcomes.jsonl"
STEP = "close"
TREE = "tree"


class Found(NamedTuple):
    """A chunk with all that its logs hold."""

    listed: Listed
    open: frozenset[int]
    """The records that this run of the job was to ask."""
    log: ChunkLog
    """What it settled."""
    standing: Standing
    """How the records stand with it."""


def assemble(
    job: Job,
    row: JobRow,
    objects: Objects,
    clock: Clock,
    enough_time: Callable[[], bool],
    *,
    begun: bool = True,
) -> "Assembly":
    """Go on with a job's files until they are finished, or the time does not suffice.

    ``begun`` says whether another run may have left a checkpoint.
    """
    kept = _kept(objects, row) if begun else None
    assembly = Assembly(job, row, objects, clock, kept)
    try:
        assembly.run(enough_time)
    except UploadGone:
        # A run died after it had finished some of the files, or the bucket swept away what lay there for days.
        assembly.abort()
        assembly = Assembly(job, row, objects, clock, None)
        assembly.run(enough_time)
    return assembly


def _kept(objects: Objects, row: JobRow) -> dict[str, Any] | None:
    try:
        key = checkpoint_key(row.job_id, STEP, row.redrives)
        kept: dict[str, Any] = orjson.loads(objects.read(key))
    except Missing:
        return None
    return kept


class Assembly:
    """Puts the outcomes of all chunks into the result files, in input order."""

    def __init__(
        self, job: Job, row: JobRow, objects: Objects, clock: Clock, kept: dict[str, Any] | None
    ) -> None:
        """``row.reason`` is why some records may have no outcome yet, ``kept`` the checkpoint of an earlier run."""
        self._job = job
        self._row = row
        self._objects = objects
        self._unasked = Unasked(job, row.reason, objects, clock)
        self._resumed = kept is not None
        kept = kept or {"place": 0, "tally": Tally().to_json(), "late": Tally().to_json()}
        self._place: int = kept["place"]
        self.dialect: str | None = kept.get("dialect")
        """That of the job's first chunk."""
        self.tally = Tally.from_json(kept["tally"])
        """All records."""
        self.late = Tally.from_json(kept["late"])
        """The records that only closing settled, in this run or in an earlier one."""
        self.findings: Counter[Finding] = Counter()
        """What filters found in all records."""
        for *finding, count in kept.get("findings", ()):
            self.findings[tuple(finding)] = count
        self._writers = {
            name: ResultWriter(objects, result_key(job.job_id, name, row.redrives), kept.get(name))
            for name in (OUTPUT, ERRORS, OUTCOMES)
        }
        self._tree = (
            TreeWriter(objects, job.job_id, row.redrives, kept.get(TREE)) if job.salt else None
        )
        self.files: dict[str, ResultFile] | None = None
        """What was written, when all of it is."""
        self.tree: TreeFiles | None = None
        """The tree over it."""

    def run(self, enough_time: Callable[[], bool]) -> None:
        """Write the files, or leave a checkpoint where the time does not suffice.

        At least one chunk is added, or all is finished: every run gets on.
        """
        try:
            self._run(enough_time)
        except BaseException:
            if not self._resumed:
                self.abort()
            raise

    def abort(self) -> None:
        """Leave nothing behind."""
        for writer in (*self._writers.values(), self._tree):
            with suppress(BatchwrightError):  # the lifecycle removes what is left
                if writer:
                    writer.abort()

    def _run(self, enough_time: Callable[[], bool]) -> None:
        if not self._copy_all(enough_time):
            self._pause()
            return
        if self.tally.settled != self._row.total:
            raise LogBroken(
                f"job {self._job.job_id}: {self._row.total} records, {self.tally.settled} outcomes"
            )
        if self._tree:
            self.tree = self._tree.finish()
        self.files = {name: writer.finish() for name, writer in self._writers.items()}

    def _copy_all(self, enough_time: Callable[[], bool]) -> bool:
        """Copy chunks while there is time; return whether there was enough."""
        with closing(self._found()) as found:
            for each in found:
                self._copy(each)
                if not enough_time():
                    return False
        return True

    def _pause(self) -> None:
        checkpoint = {
            "place": self._place,
            "dialect": self.dialect,
            "tally": self.tally.to_json(),
            "late": self.late.to_json(),
            "findings": [(*finding, count) for finding, count in self.findings.items()],
            **{name: writer.pause() for name, writer in self._writers.items()},
        }
        if self._tree:
            checkpoint[TREE] = self._tree.pause()
        key = checkpoint_key(self._job.job_id, STEP, self._row.redrives)
        self._objects.write(key, orjson.dumps(checkpoint))

    def _found(self) -> Generator[Found]:
        listed = listed_chunks(self._objects, self._job.job_id, place=self._place)
        return read_ahead(listed, self._read, expected=expected_size, weight=_weight)

    def _read(self, listed: Listed) -> Found:
        found = self._logged(listed)
        if not found.log.settled.issuperset(found.open):
            self._unasked.settle(listed.chunk, found.open, found.log)
            found = self._logged(listed)
        return found

    def _logged(self, listed: Listed) -> Found:
        chunk, redrive = listed.chunk, self._row.redrives
        standing = standing_before(self._objects, chunk, redrive)
        open_ = standing.open_to(self._row.redrive)
        log = log_of(self._objects, chunk, redrive)
        # Of a job that was stopped there are chunks that nobody began.
        standing.add(log, open_, begun=self._row.reason is None)
        return Found(listed, open_, log, standing)

    def _copy(self, found: Found) -> None:
        (chunk, end), open_, log, standing = found
        if log.settled != open_ or standing.entries.keys() != {*chunk.indexes}:
            raise LogBroken(
                f"chunk {chunk.chunk} of job {chunk.job_id} holds records that are not its own"
            )
        entries = [standing.entries[index] for index in chunk.indexes]
        answers: list[bytes] = []
        failures: list[bytes] = []
        for entry in entries:
            succeeded = entry.counted.status is Ending.SUCCEEDED
            (answers if succeeded else failures).append(entry.result)
        if errors_inline(chunk.dialect):
            answers = [entry.result for entry in entries]
        self._writers[OUTPUT].write(answers)
        self._writers[ERRORS].write(failures)
        outcomes = [entry.facts for entry in entries]
        self._writers[OUTCOMES].write(outcomes)
        self.findings += findings_in(outcomes)
        if self._tree:
            self._tree.add(_leaves(entries, chunk))
        self.tally.add_all(standing.tally())
        self.late.add_all(log.own)
        self.dialect = self.dialect or chunk.dialect
        self._place = end


def _leaves(entries: Sequence[LogEntry], chunk: Chunk) -> list[str]:
    leaves = [entry.counted.leaf for entry in entries if entry.counted.leaf is not None]
    if len(leaves) < len(entries):
        raise LogBroken(f"chunk {chunk.chunk} of job {chunk.job_id} holds outcomes without a leaf")
    return leaves


def _weight(found: Found) -> int:
    return found.standing.size
