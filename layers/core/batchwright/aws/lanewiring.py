"""What the functions around lanes that answer later share; made on first use and kept, as in the wiring of all."""

from functools import cache
from typing import Any

from batchwright.aws.batchinference import BRISK, BedrockBatchInference
from batchwright.aws.clock import SystemClock
from batchwright.aws.sessions import session
from batchwright.aws.slots import DynamoDBSlots
from batchwright.aws.submissions import DynamoDBSubmissions
from batchwright.aws.tasks import StepFunctionsTasks
from batchwright.aws.wiring import LONGEST_JOB, client, settings


@cache
def batch_inference() -> BedrockBatchInference:
    """Return Bedrock's batch inference over the stack's bucket."""
    told = settings()
    bedrock: Any = session().client("bedrock", config=BRISK)
    return BedrockBatchInference(
        bedrock, told.bucket, role=told.batch_role_arn, key=told.bucket_key
    )


@cache
def submissions() -> DynamoDBSubmissions:
    """Return how submissions stand; no job may lose that while it runs."""
    table = settings().state_table
    return DynamoDBSubmissions(client("dynamodb"), table, life=LONGEST_JOB, clock=SystemClock())


@cache
def slots() -> DynamoDBSlots:
    """Return the places of which there are only so many."""
    return DynamoDBSlots(client("dynamodb"), settings().state_table)


@cache
def tasks() -> StepFunctionsTasks:
    """Return the tasks of the workflow that wait."""
    return StepFunctionsTasks(client("stepfunctions"))
