"""A submission: a run of chunks that an asynchronous lane takes at once, one line of ``submissions.jsonl``."""

from dataclasses import dataclass

import orjson
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from batchwright.chunk import ByteRange
from batchwright.job import Redrive
from batchwright.prices import base_id


class Submission(BaseModel):
    """Everything that a worker needs to hand over some chunks, or to collect them; pointers only."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    submission: NonNegativeInt
    """Its place among those of its run."""
    lane: str
    model: str
    """What most of its records ask."""
    family: str | None = None
    """Whose own words Converse's requests are put into: a batch that is Converse's takes no tools."""
    chunks: PositiveInt
    plan: ByteRange
    """The lines of the run's ``plan.jsonl`` that are its chunks."""
    records: PositiveInt
    redrive: Redrive | None = None

    @property
    def redrives(self) -> int:
        """The number of the redrive, 0 in a job's first run."""
        return self.redrive.number if self.redrive else 0

    @property
    def name(self) -> str:
        """What it is called towards services, and in the table.

        >>> span = ByteRange(start=0, end=9)
        >>> Submission(job_id="ab", submission=3, lane="x", model="m", chunks=1, plan=span, records=9).name
        'bw-ab-00-000003'
        """
        return f"{self.run}{self.submission:06d}"

    @property
    def run(self) -> str:
        """What the names of all submissions of its run begin with."""
        return f"{NAME}{self.job_id}-{self.redrives:02d}-"

    def to_line(self) -> bytes:
        """Return it as its line of ``submissions.jsonl``."""
        return orjson.dumps(self.model_dump(exclude_none=True)) + b"\n"


# What every name begins with: notifications of what others run in the account are not looked up.
NAME = "bw-"


def resource_of(lane: str, asked: str) -> str:
    """Return what submissions of a lane that ask a model or an endpoint take places of.

    Bedrock counts the batches of each model, however it is named.

    >>> resource_of("bedrock_batch", "us.amazon.nova-lite-v1:0")
    'bedrock_batch#amazon.nova-lite-v1:0'
    """
    return f"{lane}#{base_id(asked)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """How a submission stands: its row."""

    name: str
    records: int
    """How many were handed over."""
    reserved: int = 0
    """What was set aside for them, in billionths of a dollar."""
    place: str | None = None
    """What the service calls it, once it has said so."""
    token: str | None = None
    """The task that waits for it."""
    ended: bool = False
    """Whether the service has said that it is over."""
    arrived: frozenset[int] = frozenset()
    """The records whose answers were announced, in lanes that announce each."""
