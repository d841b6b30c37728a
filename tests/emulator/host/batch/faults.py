"""The scripted faults of batch inference: which one, if any, hits a job, a record or an event."""

from collections.abc import Sequence

from tests.emulator.host.batch.behaviour import (
    JOB_ENDS,
    OF_EVENTS,
    OF_RECORDS,
    BatchDoing,
    BatchFault,
)
from tests.emulator.host.scripted import Script


class BatchFaults(Script[BatchFault]):
    """The script, with what is left of it."""

    def __init__(self, faults: Sequence[BatchFault], *, seed: int) -> None:
        super().__init__(faults, seed=f"{seed}/batch")

    def ending(self, job: str) -> BatchFault | None:
        """Return the fault that is to end the job of this name."""
        return self.draw(JOB_ENDS, job)

    def of_record(self, text: str) -> BatchFault | None:
        """Return the fault that hits the record with this text."""
        return self.draw(OF_RECORDS, text)

    def of_event(self, job: str, status: str) -> BatchDoing | None:
        """Return what happens to the event of this change."""
        fault = self.draw(OF_EVENTS, f"{job} {status}")
        return None if fault is None else fault.do
