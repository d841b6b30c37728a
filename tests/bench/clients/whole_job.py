"""A whole job with the adapters of AWS, on ministack: every request that leaves, counted as it leaves.

The functions' worlds are as in Lambda; the workflow's turns are taken here, all chunks at once. Calls of the model go
another way and are not counted.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3

from batchwright.aws.wiring import client, jobs, objects
from batchwright.aws.worlds import close as closing
from batchwright.aws.worlds import invoke as invoking
from batchwright.aws.worlds import plan as planning
from batchwright.chunk import Chunk
from batchwright.contract import default_contract
from batchwright.job import Job, JobRow, Status, timestamp
from batchwright.places import job_key, plan_key
from batchwright.settings import CHUNK_RECORDS
from batchwright.steps.close import close
from batchwright.steps.invoke import invoke
from batchwright.steps.plan import plan
from tests.bench.clients.errand import Errand, Report, carry_out
from tests.bench.clients.ours import LAMBDA_SECONDS, lines, warm
from tests.house import cloudformation
from tests.laptop import jsonl

JOB = "0" * 32
BUCKET, JOBS_TABLE = "box", "jobs"
INPUT = "inbox/file.jsonl"
SERVICES = ("s3", "dynamodb", "events")


class Wire:
    """Counts the requests of boto3's clients, by step, service and operation, those that are sent again, too."""

    def __init__(self) -> None:
        self.step = "admit"
        self.requests: Counter[str] = Counter()

    def listen_to(self, service: str) -> None:
        client(service).meta.events.register("before-send", self._count)

    def _count(self, event_name: str, **_: Any) -> None:
        service, operation = event_name.split(".")[1:]
        self.requests[f"{self.step}:{service}.{operation}"] += 1


def prepare(errand: Errand) -> Callable[[], Report]:
    lay_out()
    warm(errand)
    objects().write(INPUT, jsonl(lines(errand)))
    wire = Wire()
    for service in SERVICES:
        wire.listen_to(service)

    def ask_all() -> Report:
        admitted(errand)
        wire.step = "plan"
        began = time.monotonic()
        answer = plan(
            JOB,
            planning.world(),
            chunk_records=CHUNK_RECORDS,
            max_concurrency=10,
            time_left=lambda: LAMBDA_SECONDS,
        )
        assert answer["state"] == "done", answer
        wire.step, planned = "invoke", time.monotonic()
        laps = asyncio.run(settled(errand.in_flight))
        wire.step, invoked = "close", time.monotonic()
        closed, _ = close(JOB, None, closing.world(), time_left=lambda: LAMBDA_SECONDS)
        assert closed["status"] == "completed", closed
        steps = planned - began + time.monotonic() - invoked
        told = {"invoke_seconds": sum(laps), "step_seconds": steps, "chunks": float(len(laps))}
        return {**told, **{name: float(count) for name, count in wire.requests.items()}}

    return ask_all


async def settled(in_flight: int) -> list[float]:
    """Run every chunk; return how long each took."""
    plan_lines = await asyncio.to_thread(objects().read, plan_key(JOB))
    chunks = [Chunk.model_validate_json(line) for line in plan_lines.splitlines()]
    return await asyncio.gather(*(lap(chunk, in_flight) for chunk in chunks))


async def lap(chunk: Chunk, in_flight: int) -> float:
    began = time.monotonic()
    async with invoking.world() as around:
        answer, _ = await invoke(
            chunk,
            around,
            time_left=lambda: began + LAMBDA_SECONDS - time.monotonic(),
            in_flight=in_flight,
        )
    assert answer["state"] == "done", answer
    return time.monotonic() - began


def lay_out() -> None:
    """Make the bucket and the table as the template has them."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    table = cloudformation.of_type(cloudformation.read(), "AWS::DynamoDB::Table")["JobsTable"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    dynamodb.create_table(TableName=JOBS_TABLE, **{name: table[name] for name in wanted})


def admitted(errand: Errand) -> None:
    """Do what admission does to the bucket and the table."""
    now = datetime.now(UTC)
    row = JobRow(
        job_id=JOB,
        status=Status.RECEIVED,
        created_at=timestamp(now),
        updated_at=timestamp(now),
        contract="default",
    )
    contract = default_contract((errand.model,))
    job = Job(
        job_id=JOB,
        created_at=now,
        input=objects().pin(INPUT),
        contract_name=contract.name,
        contract=contract.to_json(),
        contract_digest=contract.digest(),
        models=(errand.model,),
    )
    objects().write(job_key(JOB), job.model_dump_json().encode())
    jobs().add(row)


if __name__ == "__main__":
    carry_out(prepare)
