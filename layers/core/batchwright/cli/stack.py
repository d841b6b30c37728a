"""The deployed stack: found by its name, known by its outputs."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from batchwright.aws.faults import told
from batchwright.aws.jobs import DynamoDBJobs
from batchwright.aws.ledger import DynamoDBLedger
from batchwright.aws.s3 import PART, S3Objects
from batchwright.aws.sessions import new_session
from batchwright.cli.faults import Code, Halt
from batchwright.retention import Kept, kept_by
from batchwright.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

NAME = "BATCHWRIGHT_STACK"
DEFAULT_NAME = "batchwright"
# Somebody waits in front of it: a few tries, and then the truth.
PATIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=60
)
# S3 takes 10,000; whoever uploads a stream must say how large they are.
MOST_PARTS = 9_000


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What the command needs of a stack; clients that few commands need are made when they do."""

    name: str
    objects: S3Objects
    jobs: DynamoDBJobs
    ledger: DynamoDBLedger
    models: tuple[str, ...]
    """The ids that may be asked."""
    kept: Kept
    s3: "S3Client"
    session: boto3.Session
    queue_url: str
    dead_letters_url: str | None

    @cached_property
    def _sqs(self) -> "SQSClient":
        sqs: SQSClient = self.session.client("sqs", config=PATIENT)
        return sqs

    def address(self, key: str) -> str:
        """Return where a key of the stack's bucket lies."""
        return f"s3://{self.objects.bucket}/{key}"

    def head(self, key: str) -> dict[str, Any]:
        """Return what S3 knows of an object; raises :class:`Missing`."""
        return self.objects.head(key)

    def upload(self, opened: IO[bytes], size: int, key: str, metadata: dict[str, str]) -> None:
        """Upload an open file of such a size, in parts where it is large."""
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 - one command needs it

        parts = TransferConfig(multipart_chunksize=max(PART, size // MOST_PARTS))
        with told(f"upload of {key}"):
            self.s3.upload_fileobj(
                opened,
                self.objects.bucket,
                key,
                ExtraArgs={"Metadata": metadata},
                Config=parts,
            )

    def caller(self) -> str | None:
        """Return who AWS says that we are; ``None`` where it does not say."""
        try:
            sts = self.session.client("sts", config=PATIENT)
            return str(sts.get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError):
            return None

    def send(self, wish: dict[str, Any]) -> None:
        """Put a message on the jobs queue."""
        with told("message to the jobs queue"):
            self._sqs.send_message(QueueUrl=self.queue_url, MessageBody=orjson.dumps(wish).decode())

    def dead_letters(self, queue_url: str) -> str:
        """Return about how many messages a dead-letter queue holds."""
        with told("look at the dead-letter queue"):
            found = self._sqs.get_queue_attributes(
                QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return found["Attributes"]["ApproximateNumberOfMessages"]


def find_stack() -> Stack:
    """Find the stack that the environment names; raises :class:`Halt` where there is none."""
    name = os.environ.get(NAME) or DEFAULT_NAME
    # boto3 alone reads AWS_DEFAULT_REGION only, where the AWS CLI and Lambda know AWS_REGION.
    session = new_session(region=os.environ.get("AWS_REGION"))
    outputs = _outputs(name, session)
    try:
        settings = Settings.model_validate(
            {
                "BUCKET": outputs["BucketName"],
                "JOBS_TABLE": outputs["JobsTableName"],
                "MODEL_ARNS": outputs["AllowedModels"],
                "STATE_MACHINE_ARN": outputs["StateMachineArn"],
                "RESULT_RETENTION_DAYS": outputs["DaysOfResults"],
                "QUARANTINE_RETENTION_DAYS": outputs["DaysOfQuarantine"],
                "WORK_RETENTION_DAYS": outputs["DaysOfWork"],
                "AWS_REGION": session.region_name or "",
            }
        )
        queue_url = outputs["JobsQueueUrl"]
    except KeyError as missing:
        raise Halt(
            f"stack {name!r} has no output {missing.args[0]}: is it Batchwright's? {NAME} names the stack",
            Code.USAGE,
        ) from None
    s3: S3Client = session.client("s3", config=PATIENT)
    dynamodb: DynamoDBClient = session.client("dynamodb", config=PATIENT)
    return Stack(
        name=name,
        objects=S3Objects(s3, settings.bucket),
        jobs=DynamoDBJobs(dynamodb, settings.jobs_table),
        ledger=DynamoDBLedger(dynamodb, outputs.get("LedgerTableName", "")),
        models=settings.models,
        kept=kept_by(settings),
        s3=s3,
        session=session,
        queue_url=queue_url,
        dead_letters_url=outputs.get("JobsDeadLetterQueueUrl"),
    )


def _outputs(name: str, session: boto3.Session) -> dict[str, str]:
    cloudformation: CloudFormationClient = session.client("cloudformation", config=PATIENT)
    try:
        stacks = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as fault:
        if "does not exist" not in fault.response["Error"].get("Message", ""):
            raise
        region = cloudformation.meta.region_name
        raise Halt(
            f"there is no stack {name!r} in {region}; deploy it (sam build && sam deploy), or name it in {NAME}",
            Code.USAGE,
        ) from None
    return {
        output["OutputKey"]: output["OutputValue"]
        for stack in stacks
        for output in stack.get("Outputs", [])
    }
