"""A stack as the command finds it: real adapters on moto, and the workflow's turns taken by hand."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3

from batchwright.aws.clock import SystemClock
from batchwright.aws.jobs import DynamoDBJobs
from batchwright.aws.ledger import DynamoDBLedger
from batchwright.aws.s3 import S3Objects
from batchwright.chunk import Chunk
from batchwright.job import JobRow
from batchwright.places import INBOX, plan_key
from batchwright.steps import admit, close, invoke, plan
from batchwright.workplace import World as WorkerWorld
from tests.cli.cloudformation import CloudFormation
from tests.fakes import (
    MODEL,
    SALT,
    GrantedAccount,
    ListedEvents,
    ListedWorkflows,
    MemoryBudgets,
    MemoryCircuits,
    MemorySchedules,
    ScriptedEngine,
)
from tests.house.cloudformation import table_of
from tests.lanefakes import ListedTasks, MemorySlots, MemorySubmissions
from tests.signers import KeptSigner

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BUCKET, TABLE, LEDGER_TABLE = "box", "jobs", "ledger"
REGION = "us-east-1"
MODEL_ARN = f"arn:aws:bedrock:*:*:inference-profile/{MODEL}"


@dataclass
class Cloud:
    """The stack's bucket, table and queues, and what its functions would do."""

    cloudformation: CloudFormation
    sqs: "SQSClient"
    queue_url: str
    dead_letters_url: str
    objects: S3Objects
    jobs: DynamoDBJobs
    ledger: DynamoDBLedger
    engine: ScriptedEngine = field(default_factory=ScriptedEngine)
    models: tuple[str, ...] = (MODEL,)
    seen: set[str] = field(default_factory=set)
    ids: Any = field(default_factory=itertools.count)
    close_seconds: float = 900.0

    def messages(self) -> list[str]:
        """Take what lies on the jobs queue."""
        found = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        for message in found.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found.get("Messages", [])]

    def admit(self) -> list[admit.Admitted]:
        """Admit what was dropped or sent since."""
        world = admit.World(
            objects=self.objects,
            jobs=self.jobs,
            workflows=ListedWorkflows(),
            events=ListedEvents(),
            clock=SystemClock(),
            models=self.models,
            key="",
            ledger=self.ledger,
            submissions=MemorySubmissions(),
            slots=MemorySlots(lambda: 0.0),
            tasks=ListedTasks(),
            new_salt=lambda: SALT,
        )
        dropped = [key for key in self.objects.keys(INBOX) if key not in self.seen]
        self.seen.update(dropped)
        bodies = [*map(_event, dropped), *self.messages()]
        return [
            admitted
            for number, body in enumerate(bodies)
            for admitted in admit.admit(body, f"message-{number}", world)
        ]

    def plan(self, job_id: str, redrive: int = 0) -> list[Chunk]:
        """Plan a job, three records a chunk."""
        world = plan.World(
            objects=self.objects,
            jobs=self.jobs,
            events=ListedEvents(),
            clock=SystemClock(),
            account=GrantedAccount(),
        )
        planned = plan.plan(
            job_id,
            world,
            redrive=redrive,
            chunk_records=3,
            max_concurrency=1,
            in_flight=8,
            time_left=lambda: 900,
        )
        if planned["state"] != "done":
            return []
        lines = self.objects.read(plan_key(job_id, redrive)).splitlines()
        return [Chunk.model_validate_json(line) for line in lines]

    def invoke(self, chunk: Chunk) -> None:
        """Run one chunk."""
        world = WorkerWorld(
            objects=self.objects,
            jobs=self.jobs,
            budgets=MemoryBudgets(),
            schedules=MemorySchedules(),
            circuits=MemoryCircuits(time.time),
            engine=self.engine,
            clock=SystemClock(),
            seconds=time.monotonic,
            time=time.time,
            chance=lambda: 0.0,
            new_id=lambda: f"worker-{next(self.ids)}",
        )
        asyncio.run(invoke.invoke(chunk, world, time_left=lambda: 900.0, in_flight=8))

    def close(self, job_id: str, redrive: int = 0) -> None:
        """Close a job, in as many runs as that takes."""
        world = close.World(
            objects=self.objects,
            jobs=self.jobs,
            events=ListedEvents(),
            clock=SystemClock(),
            ledger=self.ledger,
            signer=KeptSigner(),
        )
        answer = {"state": "more"}
        while answer == {"state": "more"}:
            answer, _ = close.close(
                job_id, None, world, redrive=redrive, time_left=lambda: self.close_seconds
            )

    def run(self) -> list[JobRow]:
        """Take everything that was dropped or sent since to its end."""
        return [self.finish(admitted.job_id) for admitted in self.admit()]

    def finish(self, job_id: str) -> JobRow:
        """Take a job, or its newest redrive, to its end."""
        redrive = self.row(job_id).redrives
        for chunk in self.plan(job_id, redrive):
            self.invoke(chunk)
        self.close(job_id, redrive)
        return self.row(job_id)

    def row(self, job_id: str) -> JobRow:
        row = self.jobs.get(job_id)
        assert row is not None
        return row

    def put_contract(self, name: str, text: str) -> None:
        self.objects.write(f"contracts/{name}.yaml", text.encode())


def build(cloudformation: CloudFormation) -> Cloud:
    """Make what the template makes, as far as the command sees it."""
    s3 = boto3.client("s3", region_name=REGION)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    sqs = boto3.client("sqs", region_name=REGION)
    queue_url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    dead_letters_url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    cloudformation.stacks["batchwright"] = {
        "BucketName": BUCKET,
        "JobsQueueUrl": queue_url,
        "JobsDeadLetterQueueUrl": dead_letters_url,
        "JobsTableName": TABLE,
        "LedgerTableName": LEDGER_TABLE,
        "StateMachineArn": f"arn:aws:states:{REGION}:123456789012:stateMachine:jobs",
        "AllowedModels": MODEL_ARN,
        "DaysOfResults": "90",
        "DaysOfQuarantine": "7",
        "DaysOfWork": "30",
    }
    return Cloud(
        cloudformation=cloudformation,
        sqs=sqs,
        queue_url=queue_url,
        dead_letters_url=dead_letters_url,
        objects=S3Objects(s3, BUCKET),
        jobs=DynamoDBJobs(_table(TABLE, "JobsTable"), TABLE),
        ledger=DynamoDBLedger(_table(LEDGER_TABLE, "LedgerTable"), LEDGER_TABLE),
    )


def _table(name: str, resource: str) -> Any:
    dynamodb = boto3.client("dynamodb", region_name=REGION)
    dynamodb.create_table(TableName=name, **table_of(resource))
    return dynamodb


def _event(key: str) -> str:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    return json.dumps({"detail-type": "Object Created", "source": "aws.s3", "detail": detail})


@dataclass(frozen=True)
class Said:
    """What one run of the command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything beside it would not parse."""
        facts = json.loads(self.out)
        assert isinstance(facts, dict)
        return facts
