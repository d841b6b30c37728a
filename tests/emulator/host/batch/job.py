"""A batch job: what was asked, how far it is, and how the control plane tells of it."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.emulator.host.wire.batch import CreateJob, Status

ENDED: frozenset[Status] = frozenset(
    {"Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"}
)


class JobFails(Exception):
    """The job ends as Failed, with this message."""


@dataclass(slots=True)
class Counts:
    """How many records a job has, and what became of them."""

    total: int = 0
    processed: int = 0
    succeeded: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(slots=True, kw_only=True)
class Job:
    """One job; its counts live while it runs."""

    wish: CreateJob
    arn: str
    status: Status = "Submitted"
    message: str = ""
    counts: Counts = field(default_factory=Counts)
    submitted_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    asked_to_stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        """The twelve characters of its own, which also name the folder of its answers."""
        return self.arn.rpartition("/")[2]

    @property
    def ended(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.status in ENDED

    def become(self, status: Status, message: str = "") -> None:
        """Change its status."""
        self.status, self.message, self.changed_at = status, message, datetime.now(UTC)

    def told(self) -> dict[str, Any]:
        """Return it as GetModelInvocationJob and ListModelInvocationJobs tell it."""
        wish = self.wish.model_dump(by_alias=True, exclude_none=True, exclude={"tags"})
        expires = self.submitted_at + timedelta(hours=self.wish.timeout_duration_in_hours)
        told = {
            **wish,
            "jobArn": self.arn,
            "status": self.status,
            "submitTime": _iso(self.submitted_at),
            "lastModifiedTime": _iso(self.changed_at),
            "jobExpirationTime": _iso(expires),
            "totalRecordCount": self.counts.total,
            "processedRecordCount": self.counts.processed,
            "successRecordCount": self.counts.succeeded,
            "errorRecordCount": self.counts.failed,
        }
        if self.message:
            told["message"] = self.message
        if self.ended:
            told["endTime"] = _iso(self.changed_at)
        return told

    def manifest(self) -> dict[str, int]:
        """Return what is written beside the answers."""
        counts = self.counts
        return {
            "totalRecordCount": counts.total,
            "processedRecordCount": counts.processed,
            "successRecordCount": counts.succeeded,
            "errorRecordCount": counts.failed,
            "inputTokenCount": counts.input_tokens,
            "outputTokenCount": counts.output_tokens,
        }

    def event(self, status: Status) -> dict[str, Any]:
        """Return the detail of the event that says that it became this."""
        return {
            "version": "0.0",
            "accountId": self.arn.split(":")[4],
            "batchJobName": self.wish.job_name,
            "batchJobArn": self.arn,
            "batchModelId": self.wish.model_id,
            "status": status,
            "failureMessage": self.message,
            "creationTime": self.submitted_at.strftime("%b %d, %Y, %I:%M:%S %p"),
        }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
