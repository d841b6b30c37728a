"""A job: which object is run, under which contract, and how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from batchwright.digest import digest_of_envelope
from batchwright.errors import Refused
from batchwright.outcome import Ending, Tally
from batchwright.record import Problem

if TYPE_CHECKING:
    from batchwright.contract import Contract


class Status(StrEnum):
    """Where a job stands."""

    RECEIVED = "received"
    VALIDATING = "validating"
    RUNNING = "running"
    CLOSING = "closing"
    COMPLETED = "completed"
    """Every record has its outcome; some may have failed."""
    INCOMPLETE = "incomplete"
    """Stopped before every record was asked; the reason says why."""
    FAILED = "failed"
    """Refused, or stopped before any record succeeded."""

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self in FINAL


FINAL = frozenset({Status.COMPLETED, Status.INCOMPLETE, Status.FAILED})
# The way of a job: no status is ever followed by one before it.
WAY = (Status.RECEIVED, Status.VALIDATING, Status.RUNNING, Status.CLOSING)


def may_become(status: Status) -> frozenset[Status]:
    """Return the statuses from which a job may come to ``status``.

    >>> sorted(may_become(Status.VALIDATING))
    [<Status.RECEIVED: 'received'>, <Status.VALIDATING: 'validating'>]
    """
    return frozenset(WAY if status.final else WAY[: WAY.index(status) + 1])


class Pin(BaseModel):
    """One version of one object, so that what is read later is what was admitted.

    ``tag`` tells contents apart: the checksum that S3 keeps for the whole object, else its ETag. The ETag alone will
    not do, because under a KMS key S3 gives the same bytes another one at every upload.
    """

    model_config = ConfigDict(frozen=True)

    bucket: str
    key: str
    version_id: str | None = None
    etag: str
    size: NonNegativeInt
    tag: str


class Reason(BaseModel):
    """Why a job was refused or stopped."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    line: int | None = None

    def as_problem(self) -> Problem:
        """Return it as a line of ``problems.jsonl``."""
        return Problem(line=self.line, record_id=None, code=self.code, message=self.message)


def reason_of(failure: Mapping[str, Any]) -> Reason:
    """Return the reason of a job whose workflow caught a failure, ``Error`` and ``Cause``.

    The cause may be a stack trace with anybody's words in it; the name of the error is ours or AWS's.
    """
    told = failure.get("Error", "an unknown error")
    return Reason(
        code="workflow_failed", message=f"a step failed with {told}; see the execution's log"
    )


class Job(BaseModel):
    """A job as it was admitted: ``jobs/<job>/job.json``, never changed once its row stands, which dates it."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    created_at: datetime
    input: Pin | None
    contract_name: str
    contract: dict[str, Any] | None
    contract_digest: str | None
    models: tuple[str, ...]
    """The ids that the stack may ask, patterns allowed."""
    dialect: str | None = None
    """What the sender says that the file is; ``None`` where its first line tells."""
    refusal: Reason | None = None
    salt: str | None = None
    """32 random bytes in hexadecimal, without which nobody can guess at what the job's leaves commit to; ``None`` in
    jobs of versions that had none."""

    def pinned(self) -> Pin:
        """Return the input; raises :class:`Refused` where the job was admitted without one."""
        if self.input is None:
            raise Refused("input_missing", "the message names no object that can be read")
        return self.input

    @cached_property
    def terms(self) -> "Contract":
        """The contract as it was when the job was admitted."""
        # Nearly everything knows what a job is; with contracts come all the filters, and a third of a cold start.
        from batchwright.contract import contract_from_json  # noqa: PLC0415

        return contract_from_json(self.contract or {})

    def ends_at(self, redrive: "Redrive | None") -> datetime:
        """Return when the deadline passes; a redrive has the contract's time once more."""
        began = redrive.began_at if redrive else self.created_at
        return began + self.terms.lifetime


class Redrive(BaseModel):
    """Another run of a job that has ended, over the records that are to be asked again."""

    model_config = ConfigDict(frozen=True)

    number: PositiveInt
    only: tuple[Ending, ...] = ()
    """The endings that are asked again, besides the records that nobody was asked for."""
    began_at: datetime


def job_id_of(pin: Pin, contract_digest: str, again: str | None, dialect: str | None = None) -> str:
    """Return the id that the same content at the same place under the same contract always has.

    ``again`` makes it another one: what names the wish to run the same thing once more; and so does a ``dialect``.
    """
    envelope = {
        "bucket": pin.bucket,
        "key": pin.key,
        "tag": pin.tag,
        "size": str(pin.size),
        "contract": contract_digest,
        "again": again,
    }
    if dialect is not None:
        envelope["dialect"] = dialect
    return digest_of_envelope(envelope)[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """What the table knows of a job."""

    job_id: str
    status: Status
    created_at: str
    updated_at: str
    contract: str
    contract_digest: str | None = None
    input: str | None = None
    """Where the records came from, as an ``s3://`` address."""
    total: int = 0
    chunks: int = 0
    tally: Tally = field(default_factory=Tally)
    reason: Reason | None = None
    problems: int = 0
    estimate: dict[str, Any] | None = None
    results: dict[str, str] | None = None
    lane: str | None = None
    """The way its models are asked; ``None`` before it is planned."""
    lane_reason: str | None = None
    """What decided for it."""
    redrive: Redrive | None = None
    """The newest one; ``tally`` then begins with what is not asked again."""

    @property
    def redrives(self) -> int:
        """How often the job was redriven."""
        return self.redrive.number if self.redrive else 0

    @property
    def incomplete_reason(self) -> str | None:
        """The code of the reason why an incomplete job was stopped."""
        if self.status is not Status.INCOMPLETE or self.reason is None:
            return None
        return self.reason.code

    def counts(self) -> dict[str, int]:
        """Return the counts of law 1, what is pending included."""
        ended = {ending.value: count for ending, count in self.tally.counts.items()}
        return {"total": self.total, **ended, "pending": self.total - self.tally.settled}


def timestamp(now: datetime) -> str:
    """Return a time as every row and file of Batchwright writes it: ISO 8601 in UTC, to the millisecond."""
    return now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
