"""Saying what became of jobs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from batchwright.aws.faults import told
from batchwright.errors import Unavailable
from batchwright.job import Status

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

SOURCE = "batchwright"
CHANGED = "Job State Change"
STALLED = "Job Stalled"


class EventBridgeEvents:
    """Puts events on the account's default bus; one may come twice."""

    def __init__(self, client: "EventBridgeClient", bucket: str) -> None:
        """``bucket`` is the stack's: every stack of an account puts its events on the same bus."""
        self._events = client
        self._bucket = bucket

    def job_changed(self, job_id: str, status: Status, detail: Mapping[str, object]) -> None:
        """Say that a job has another status."""
        self._put(CHANGED, job_id, status, detail)

    def job_stalled(self, job_id: str, status: Status, *, minutes: int, did: str) -> None:
        """Say that a job gave no sign of life."""
        self._put(STALLED, job_id, status, {"minutes": minutes, "did": did})

    def _put(
        self, detail_type: str, job_id: str, status: Status, detail: Mapping[str, object]
    ) -> None:
        told_of = {"job_id": job_id, "status": status.value, "bucket": self._bucket, **detail}
        entry: PutEventsRequestEntryTypeDef = {
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": orjson.dumps(told_of).decode(),
        }
        with told("event of a job"):
            answer = self._events.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise Unavailable(f"event of a job: AWS says {answer['Entries'][0].get('ErrorCode')}")
