"""How long a contract lets be kept what its jobs hold of anybody, and when that is over."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from batchwright.written import Written, span

if TYPE_CHECKING:
    from batchwright.settings import Settings

type What = Literal["job", "quarantine", "submissions"]
"""What goes: everything that a job holds of anybody, or only what its filters held, or only what was handed over to
a lane that answers later, and what that wrote before any filter saw it."""

HOURS_OR_DAYS = r"^[1-9][0-9]{0,3}[hd]$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """For how long a stack keeps things at all."""

    results: timedelta = timedelta(days=90)
    quarantine: timedelta = timedelta(days=7)
    work: timedelta = timedelta(days=30)
    """Inputs and working files, from when they were written: longer than any deadline."""


def kept_by(settings: "Settings") -> Kept:
    """Return what a stack's settings say of it."""
    return Kept(
        results=timedelta(days=settings.result_retention_days),
        quarantine=timedelta(days=settings.quarantine_retention_days),
        work=timedelta(days=settings.work_retention_days),
    )


class Retention(Written):
    """When jobs are forgotten, counted from their end; without a word, when the stack's own time is over."""

    results: Annotated[str, Field(pattern=HOURS_OR_DAYS)] | None = None
    """How long a job's input, working files, results and cached answers are kept: hours or days."""
    quarantine: Annotated[str, Field(pattern=HOURS_OR_DAYS)] | None = None
    """How long what filters held is kept: hours or days."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.results is None and self.quarantine is None:
            raise ValueError("say results, quarantine, or both, as `30d`")
        if self.results and self.quarantine and span(self.quarantine) > span(self.results):
            raise ValueError(
                "quarantine is longer than results, and what was held goes with the rest"
            )
        return self

    def fault(self, kept: Kept) -> str | None:
        """Return what the stack cannot keep to; ``None`` if nothing.

        >>> Retention(results="31d").fault(Kept(results=timedelta(days=30)))
        'results: this stack keeps them for 30d (ResultRetentionDays)'
        """
        if self.results and span(self.results) > kept.results:
            return f"results: this stack keeps them for {kept.results.days}d (ResultRetentionDays)"
        if self.quarantine and span(self.quarantine) > kept.quarantine:
            days = kept.quarantine.days
            return f"quarantine: this stack keeps it for {days}d (QuarantineRetentionDays)"
        return None

    def dues(self, job_id: str, redrives: int, ended_at: str) -> "Iterator[Due]":
        """Yield what is due of a job that ended at a time, in ISO 8601."""
        ended = datetime.fromisoformat(ended_at)
        if self.quarantine:
            yield Due(job_id, "quarantine", redrives, ended_at, ended + span(self.quarantine))
        if self.results:
            yield Due(job_id, "job", redrives, ended_at, ended + span(self.results))


@dataclass(frozen=True, slots=True)
class Due:
    """That something of a job is to be deleted."""

    job_id: str
    what: What
    redrives: int
    ended_at: str
    """Which end of the job it is counted from, as its row tells it: a redrive's end is another."""
    at: datetime
    looked_up: int = 0
    """Of how many outcomes the answers that were kept are deleted already."""
