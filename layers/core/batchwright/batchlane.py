"""The lane of Bedrock's batch inference: what is handed over, how it stands, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

import msgspec
from msgspec import Struct

from batchwright.batchjob import FEWEST_HOURS, MOST_HOURS, BatchJob, BatchState, BatchStatus
from batchwright.batchlines import CONVERSE, answered_line
from batchwright.collected import Shelf
from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.lines import lines
from batchwright.places import batch_prefix
from batchwright.ports import BatchInference, Objects
from batchwright.staging import Staged
from batchwright.submission import Submission

INPUT = "input.jsonl"
# A line of the output repeats the request beside its answer.
LONGEST_OUTPUT_LINE = 64_000_000
MANIFEST, OUTPUT = "manifest.json.out", ".jsonl.out"
LONGEST_TOKEN = 64


class Manifest(Struct, frozen=True):
    """What Bedrock counts of a job beside its answers."""

    totalRecordCount: int = 0  # noqa: N815 - Bedrock's words
    processedRecordCount: int = 0  # noqa: N815


@dataclass(slots=True, kw_only=True)
class Read:
    """What an output was seen to hold: counts, for the log."""

    lines: int = 0
    foreign: int = 0
    """Lines that are no answer to what was handed over."""
    repeated: int = 0
    """Lines that answer a record once more."""
    processed: int | None = None
    """How many records the manifest says were processed, where there is one."""

    @property
    def whole(self) -> bool:
        """Whether as much lies there as the manifest counts."""
        return self.processed is None or self.lines >= self.processed


class BatchLane:
    """One submission of this lane."""

    def __init__(self, submission: Submission, batches: BatchInference, objects: Objects) -> None:
        """Nothing is called yet."""
        self._batches = batches
        self._objects = objects
        self._submission = submission
        each = submission
        self._prefix = batch_prefix(each.job_id, each.submission, each.redrives)

    @property
    def input_key(self) -> str:
        """Where the file lies that the batch is asked from."""
        return f"{self._prefix}{INPUT}"

    def find(self) -> str | None:
        """Return what Bedrock calls it, if it was started and the reply was lost."""
        return self._batches.find(self._submission.name)

    def start(self, staged: Staged, *, now: datetime, ends_at: datetime) -> str:
        """Start it, once however often this is called; raises as :meth:`BatchInference.start` does."""
        name = self._submission.name
        return self._batches.start(
            BatchJob(
                name=name,
                token=digest(name.encode())[:LONGEST_TOKEN],
                model=self._submission.model,
                input_key=self.input_key,
                output_prefix=f"{self._prefix}output/",
                converse=staged.kind == CONVERSE,
                hours=_hours(ends_at - now),
            )
        )

    def look(self, place: str) -> BatchState:
        """Return how it stands; a job that Bedrock has forgotten has ended, and left what it left."""
        try:
            return self._batches.state(place)
        except Missing:
            return BatchState(arn=place, status=BatchStatus.EXPIRED)

    def stop(self, place: str) -> None:
        """Stop it; what it has answered so far, it leaves."""
        self._batches.stop(place)

    def read(
        self, state: BatchState, handed: frozenset[int], late: Callable[[], bool]
    ) -> tuple[Shelf, Read] | None:
        """Put the answers to what was handed over on a shelf, whatever their order; ``None`` where time is up."""
        shelf, read = Shelf(), Read()
        for key in self._objects.keys(f"{self._prefix}output/{state.job}/"):
            if key.endswith(MANIFEST):
                read.processed = self._processed(key)
            elif key.endswith(OUTPUT) and not self._put(key, handed, shelf, read, late):
                shelf.close()
                return None
        return shelf, read

    def _put(
        self,
        key: str,
        handed: frozenset[int],
        shelf: Shelf,
        read: Read,
        late: Callable[[], bool],
    ) -> bool:
        blocks = self._objects.blocks(self._objects.pin(key))
        for line in lines(blocks, longest=LONGEST_OUTPUT_LINE):
            if late():
                return False
            if line.blank:
                continue
            read.lines += 1
            answer = answered_line(line.content or b"")
            if answer is None or answer[0] not in handed:
                read.foreign += 1
            elif answer[0] in shelf:
                read.repeated += 1
            else:
                shelf.put(*answer)
        return True

    def _processed(self, key: str) -> int | None:
        try:
            manifest = msgspec.json.decode(self._objects.read(key), type=Manifest)
        except msgspec.DecodeError:
            return None
        return manifest.processedRecordCount


def _hours(left: timedelta) -> int:
    return min(max(ceil(left.total_seconds() / 3600), FEWEST_HOURS), MOST_HOURS)
