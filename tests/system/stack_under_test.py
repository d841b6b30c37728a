"""The deployed stack as its users see it: files go in, rows and results come out."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from batchwright.aws import circuits, schedules
from batchwright.aws.jobs import DynamoDBJobs
from batchwright.job import JobRow
from tests.emulator.cloud import Cloud
from tests.emulator.host.running import RunningHost

PATIENCE = 180.0


class NothingHappened(AssertionError):
    """What a test waited for did not come."""


def until[T](what: Callable[[], T | None], *, seconds: float = PATIENCE) -> T:
    """Look until there is something to see; the wait is bounded, and the look is cheap."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = what()
        if found:
            return found
        time.sleep(0.05)  # looking at servers of our own: there is no event to wait for
    raise NothingHappened(f"not within {seconds:.0f} s")


@dataclass(frozen=True)
class StackUnderTest:
    """One deployed stack on a laptop cloud."""

    cloud: Cloud

    @cached_property
    def outputs(self) -> dict[str, str]:
        return self.cloud.outputs()

    @cached_property
    def s3(self) -> Any:
        return self.cloud.client("s3")

    @cached_property
    def jobs(self) -> DynamoDBJobs:
        return DynamoDBJobs(self.cloud.client("dynamodb"), self.outputs["JobsTableName"])

    @property
    def bucket(self) -> str:
        return self.outputs["BucketName"]

    # ---- going in -------------------------------------------------------------------------

    def drop(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def say(self, message: dict[str, Any] | str) -> None:
        body = message if isinstance(message, str) else json.dumps(message)
        queue = self.cloud.client("sqs")
        queue.send_message(QueueUrl=self.outputs["JobsQueueUrl"], MessageBody=body)

    def put_contract(self, name: str, text: str) -> None:
        self.drop(f"contracts/{name}.yaml", text.encode())

    # ---- coming out -----------------------------------------------------------------------

    def row(self, key: str) -> JobRow | None:
        """Return the newest row whose job runs the object ``key``."""
        wanted = f"s3://{self.bucket}/{key}"
        return next((row for row in self.jobs.recent(1000) if row.input == wanted), None)

    def started(self, key: str) -> JobRow:
        return until(lambda: self.row(key))

    def ended(self, key: str, *, seconds: float = PATIENCE) -> JobRow:
        job_id = self.started(key).job_id

        def final() -> JobRow | None:
            row = self.jobs.get(job_id)
            return row if row is not None and row.status.final else None

        try:
            return until(final, seconds=seconds)
        except NothingHappened as nothing:
            row, status = self.jobs.get(job_id), self.execution_status(job_id)
            nothing.add_note(f"its execution is {status}, and its row says {row}")
            raise

    def run(self, key: str, content: bytes, *, seconds: float = PATIENCE) -> JobRow:
        self.drop(key, content)
        return self.ended(key, seconds=seconds)

    def job_ids(self) -> set[str]:
        return {row.job_id for row in self.jobs.recent(1000)}

    def refused_message(self, code: str, *, since: set[str]) -> JobRow:
        """Wait for a job, not among those known before, that a message without an object ended in."""
        return until(
            lambda: next(
                (
                    row
                    for row in self.jobs.recent(1000)
                    if row.job_id not in since
                    and row.input is None
                    and row.reason
                    and row.reason.code == code
                    and row.status.final
                ),
                None,
            )
        )

    def lines(self, key: str) -> list[dict[str, Any]]:
        content = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return [json.loads(line) for line in content.split(b"\n") if line]

    def results(self, row: JobRow, name: str) -> list[dict[str, Any]]:
        assert row.results is not None
        return self.lines(row.results[name])

    def exists(self, key: str) -> bool:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=key)
        return any(each["Key"] == key for each in found.get("Contents", ()))

    def execution_status(self, job_id: str) -> str | None:
        arn = self.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
        sfn = self.cloud.client("stepfunctions")
        try:
            return str(sfn.describe_execution(executionArn=f"{arn}:{job_id}")["status"])
        except sfn.exceptions.ExecutionDoesNotExist:
            return None

    def execution_ended(self, job_id: str) -> str:
        def final() -> str | None:
            status = self.execution_status(job_id)
            return status if status not in {None, "RUNNING"} else None

        return until(final)

    def queue_depth(self, output: str) -> tuple[int, int]:
        """Return the messages that wait, and those in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        asked = self.cloud.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=names
        )
        return tuple(int(asked["Attributes"][name]) for name in names)  # type: ignore[return-value]

    def purge(self) -> None:
        self.cloud.client("sqs").purge_queue(QueueUrl=self.outputs["JobsQueueUrl"])

    def logs(self, name: str) -> list[str]:
        client = self.cloud.client("logs")
        found = client.filter_log_events(logGroupName=f"/batchwright/{name}")
        return [str(event["message"]) for event in found["events"]]

    # ---- the model host -------------------------------------------------------------------

    @property
    def host(self) -> RunningHost:
        return RunningHost(port=int(self.cloud.url("host").rpartition(":")[2]), pid=0)

    def behave(self, **behaviour: Any) -> None:
        """Make the host forget its calls, and behave."""
        self.host.reset()
        self.host.behave(engine="echo", **behaviour)

    def forget_models(self) -> None:
        """Let workers begin anew with learning what models take and which are down: the next test's host is another."""
        table = {"TableName": self.cloud.physical("StateTable")}
        dynamodb = self.cloud.client("dynamodb")
        for item in dynamodb.scan(**table)["Items"]:
            if item["id"]["S"].startswith((schedules.KIND, circuits.KIND)):
                dynamodb.delete_item(**table, Key={"id": item["id"]})

    def calls(self) -> list[dict[str, Any]]:
        return self.host.calls()
