"""Failures in a row: where enough looks have failed for good, the rest would, too."""

from batchwright.errors import BatchwrightError, FilterBroken, JobStops

# A job must not pay for answers that nobody looks at.
MOST_FAILURES = 50


class Streak:
    """The failures of one filter in one worker, since its last success."""

    def __init__(self, name: str) -> None:
        """``name`` is what fails, for the message."""
        self._name = name
        self._failures = 0

    def end(self) -> None:
        """Begin anew: something succeeded."""
        self._failures = 0

    def failed(self, fault: Exception) -> None:
        """Count a failure; raises :class:`FilterBroken` where there were too many. What stops the job is none."""
        if isinstance(fault, JobStops):
            return
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            told = str(fault) if isinstance(fault, BatchwrightError) else type(fault).__name__
            raise FilterBroken(
                f"{self._name} failed {self._failures} times in a row, the last time with: {told}"
            ) from None
