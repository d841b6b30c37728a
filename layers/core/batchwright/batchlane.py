"""The lane of Bedrock's batch inference: what is handed over, how it stands, and what comes of it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from math import ceil

import msgspec
from msgspec import Struct

from batchwright.asynclane import Look, Read
from batchwright.batches import BATCH_RECORDS, FEWEST_RECORDS
from batchwright.batchjob import FEWEST_HOURS, MOST_BYTES, MOST_HOURS, BatchJob, BatchStatus, job_of
from batchwright.batchlines import answered_line, asked_line, read_answer, usage_of
from batchwright.collected import Answer, Shelf
from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.lines import lines
from batchwright.places import batch_prefix
from batchwright.ports import BatchInference, Objects
from batchwright.prices import Price, lane_factor
from batchwright.request import Request
from batchwright.staging import CONVERSE, Staged
from batchwright.submission import Submission, resource_of
from batchwright.usage import Usage

INPUT = "input.jsonl"
# A line of the output repeats the request beside its answer.
LONGEST_OUTPUT_LINE = 64_000_000
MANIFEST, OUTPUT = "manifest.json.out", ".jsonl.out"
LONGEST_TOKEN = 64


class Manifest(Struct, frozen=True):
    """What Bedrock counts of a job beside its answers."""

    totalRecordCount: int = 0  # noqa: N815 - Bedrock's words
    processedRecordCount: int = 0  # noqa: N815
    inputTokenCount: int = 0  # noqa: N815
    outputTokenCount: int = 0  # noqa: N815


class BatchLane:
    """One submission of this lane."""

    fewest, most, largest = FEWEST_RECORDS, BATCH_RECORDS, MOST_BYTES
    price: Price | None = None

    def __init__(
        self, submission: Submission, batches: BatchInference, objects: Objects, *, places: int
    ) -> None:
        """``places`` is how many batches of one model may run at once; nothing is called yet."""
        self.factor = lane_factor(submission.lane, submission.model)
        self.resource = resource_of(submission.lane, submission.model)
        self.places = places
        self._batches = batches
        self._objects = objects
        self._submission = submission
        each = submission
        self._prefix = batch_prefix(each.job_id, each.submission, each.redrives)

    @property
    def input_key(self) -> str:
        """Where the file lies that the batch is asked from."""
        return f"{self._prefix}{INPUT}"

    def line(self, index: int, request: Request) -> bytes | None:
        """Return a line of the batch's input."""
        return asked_line(index, request, self._submission.family)

    def find(self) -> str | None:
        """Return what Bedrock calls it, if it was started and the reply was lost."""
        return self._batches.find(self._submission.name)

    def begun(self) -> str | None:
        """Return nothing: a batch is handed over whole, or not at all."""
        return None

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
                converse=self._kind(staged.kind) == CONVERSE,
                hours=_hours(ends_at - now),
            )
        )

    def look(self, place: str) -> Look:
        """Return how it stands; a job that Bedrock has forgotten has ended, and left what it left."""
        try:
            status = self._batches.state(place).status
        except Missing:
            return Look(place=place, status="forgotten", ended=True)
        return Look(
            place=place,
            status=status.value,
            ended=status.ended,
            stopping=status is BatchStatus.STOPPING,
            expired=status is BatchStatus.EXPIRED,
        )

    def stop(self, place: str) -> None:
        """Stop it; what it has answered so far, it leaves."""
        self._batches.stop(place)

    def read(
        self, look: Look, handed: frozenset[int], late: Callable[[], bool]
    ) -> tuple[Shelf, Read] | None:
        """Put the answers to what was handed over on a shelf, whatever their order; ``None`` where time is up."""
        shelf, read = Shelf(), Read()
        for key in self._objects.keys(f"{self._prefix}output/{job_of(look.place)}/"):
            if key.endswith(MANIFEST):
                self._note(key, read)
            elif key.endswith(OUTPUT) and not self._put(key, handed, shelf, read, late):
                shelf.close()
                return None
        return shelf, read

    def answer(
        self, content: bytes, request: Request, model: str, input_tokens: int
    ) -> Answer | None:
        """Read what was kept of a line."""
        return read_answer(content, request, model, input_tokens, self._submission.family)

    def usage(self, content: bytes, kind: str) -> Usage | None:
        """Return the tokens of what was kept of a line."""
        return usage_of(content, self._kind(kind))

    def _kind(self, staged: str | None) -> str:
        """Return whose words the lines are in, of requests that are of such a kind."""
        return (staged if staged != CONVERSE else self._submission.family) or CONVERSE

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

    def _note(self, key: str, read: Read) -> None:
        """Note what the manifest counts; one that does not read counts nothing."""
        with suppress(msgspec.DecodeError):
            told = msgspec.json.decode(self._objects.read(key), type=Manifest)
            read.processed = told.processedRecordCount
            read.usage = Usage(
                input_tokens=told.inputTokenCount, output_tokens=told.outputTokenCount
            )


def _hours(left: timedelta) -> int:
    return min(max(ceil(left.total_seconds() / 3600), FEWEST_HOURS), MOST_HOURS)
