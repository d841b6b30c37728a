"""The scripted faults of batch inference: which one, if any, hits a job, a record or an event."""

from collections.abc import Sequence

from tests.emulator.host.batch.behaviour import (
    JOB_ENDS,
    OF_EVENTS,
    OF_RECORDS,
    BatchDoing,
    BatchFault,
)
from tests.emulator.host.faults import armed


class BatchFaults:
    """The script, with what is left of it."""

    def __init__(self, script: Sequence[BatchFault], *, seed: int) -> None:
        self._armed = armed(script, seed=f"{seed}/batch")

    def ending(self, job: str) -> BatchFault | None:
        """Return the fault that is to end the job of this name."""
        return self._draw(JOB_ENDS, job)

    def of_record(self, text: str) -> BatchFault | None:
        """Return the fault that hits the record with this text."""
        return self._draw(OF_RECORDS, text)

    def of_event(self, job: str, status: str) -> BatchDoing | None:
        """Return what happens to the event of this change."""
        fault = self._draw(OF_EVENTS, f"{job} {status}")
        return None if fault is None else fault.do

    def _draw(self, doings: Sequence[str], text: str) -> BatchFault | None:
        for each in self._armed:
            if each.fault.do in doings and each.hits(text):
                return each.fault
        return None
