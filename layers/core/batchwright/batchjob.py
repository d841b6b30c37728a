"""One job of Bedrock's batch inference: what is wished for, and how it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# docs.aws.amazon.com/general/latest/gr/bedrock.html: what one file has at most.
MOST_BYTES = 1_000_000_000
# docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html: timeoutDurationInHours.
FEWEST_HOURS, MOST_HOURS = 24, 168


class BatchStatus(StrEnum):
    """Where a job of batch inference stands, in Bedrock's words."""

    SUBMITTED = "Submitted"
    VALIDATING = "Validating"
    SCHEDULED = "Scheduled"
    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    COMPLETED = "Completed"
    PARTIALLY_COMPLETED = "PartiallyCompleted"
    FAILED = "Failed"
    STOPPED = "Stopped"
    EXPIRED = "Expired"

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it; each of these may have left answers."""
        return self in ENDED


ENDED = frozenset(
    {
        BatchStatus.COMPLETED,
        BatchStatus.PARTIALLY_COMPLETED,
        BatchStatus.FAILED,
        BatchStatus.STOPPED,
        BatchStatus.EXPIRED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """What Bedrock is asked to run."""

    name: str
    """Ours: it tells which submission of which job this is."""
    token: str
    """The client request token: a repeat starts nothing more."""
    model: str
    input_key: str
    """The staged ``.jsonl`` in our bucket."""
    output_prefix: str
    """Where Bedrock makes a folder of the job's id, ending in a slash."""
    converse: bool
    """Whether the bodies are Converse's, and not a family's own."""
    hours: int
    """After so many hours the job expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """How many records of a job stand how, as Bedrock counts them while it runs."""

    total: int = 0
    processed: int = 0
    success: int = 0
    error: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """How a job stands."""

    arn: str
    status: BatchStatus
    counts: BatchCounts = BatchCounts()
    message: str | None = None
    """Why it failed, where it did."""
    ends_at: datetime | None = None
    """When it expires."""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status.ended

    @property
    def job(self) -> str:
        """The id in its ARN."""
        return job_of(self.arn)


def job_of(arn: str) -> str:
    """Return the id in a job's ARN, which names the folder of its outputs.

    >>> job_of("arn:aws:bedrock:us-east-1:1:model-invocation-job/abc")
    'abc'
    """
    return arn.rpartition("/")[2]
