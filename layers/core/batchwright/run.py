"""One execution of the workflow for a job: its first, one of a redrive, or one that goes on where another died."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """How an execution stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It failed or timed out: nobody meant it to end."""
    ABORTED = "aborted"
    """Somebody stopped it by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What names one execution; the same wish has the same name, so it is started once."""

    job_id: str
    redrive: int = 0
    restart: int = 0
    """Which restart of the same work it is, 0 for the work itself."""
    closing: bool = False
    """Whether it only closes: what is not settled by now is not asked any more."""

    @property
    def name(self) -> str:
        """The execution's name.

        >>> Run(job_id="a").name, Run(job_id="a", redrive=2, restart=1, closing=True).name
        ('a', 'a-redrive-2-close-1')
        """
        name = self.job_id + (f"-redrive-{self.redrive}" if self.redrive else "")
        if self.closing:
            name += "-close"
        elif self.restart:
            name += "-restart"
        return name + (f"-{self.restart}" if self.restart else "")

    def to_json(self) -> dict[str, Any]:
        """Return what the execution is told."""
        return {
            "job_id": self.job_id,
            "redrive": self.redrive,
            "begin": "close" if self.closing else "plan",
        }
