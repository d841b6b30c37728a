"""Saying what became of jobs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from batchwright.aws.faults import told
from batchwright.errors import Unavailable
from batchwright.job import Status

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "batchwright"
DETAIL_TYPE = "Job State Change"


class EventBridgeEvents:
    """Puts events on the account's default bus."""

    def __init__(self, client: "EventBridgeClient", bucket: str) -> None:
        """``bucket`` is the stack's: every stack of an account puts its events on the same bus."""
        self._events = client
        self._bucket = bucket

    def job_changed(self, job_id: str, status: Status, detail: Mapping[str, object]) -> None:
        """Say that a job has another status; an event may come twice."""
        entry = {"job_id": job_id, "status": status.value, "bucket": self._bucket, **detail}
        with told("event of a job"):
            answer = self._events.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": DETAIL_TYPE,
                        "Detail": orjson.dumps(entry).decode(),
                    }
                ]
            )
        if answer["FailedEntryCount"]:
            raise Unavailable(f"event of a job: AWS says {answer['Entries'][0].get('ErrorCode')}")
