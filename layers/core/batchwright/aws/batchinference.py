"""Bedrock's batch inference (docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html)."""

from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from batchwright.aws.faults import exceptions_of, member, told
from batchwright.aws.refusals import NOT_ON_DEMAND, QUOTA_WAIT
from batchwright.batchjob import BatchCounts, BatchJob, BatchState, BatchStatus
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    Missing,
    ModelUnknown,
    RecordInvalid,
    Throttled,
    Unavailable,
)

# A repeat is harmless, since the token is ours; but who is refused waits in the workflow, where it costs nothing.
BRISK = Config(
    retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=5, read_timeout=30
)
# Bedrock has one error for all that is wrong with a wish; these words tell what else it may be.
ABOUT_THE_MODEL = (*NOT_ON_DEMAND, "support batch inference", "supported for batch inference")
ABOUT_THE_ROLE = ("iam role", "assume", "not authorized", "permission")


class BedrockBatchInference:
    """Jobs of batch inference over the files of one bucket."""

    def __init__(self, client: Any, bucket: str, *, role: str, key: str = "") -> None:
        """``role`` is what Bedrock takes on to read and to write; without ``key`` the bucket's own key encrypts."""
        self._bedrock = client
        self._exceptions = exceptions_of(client)
        self._bucket = bucket
        self._role = role
        self._key = key

    def start(self, wish: BatchJob) -> str:
        """Start a job by a token of ours: where none is given, botocore makes up another for every call."""
        what = f"start of batch job {wish.name}"
        with told(what):
            try:
                answer = self._bedrock.create_model_invocation_job(**self._arguments(wish))
            except self._exceptions.ConflictException:
                return self._standing(wish.name)
            except ClientError as fault:
                if (refusal := _refusal(fault, what)) is not None:
                    raise refusal from None
                raise
            return str(member(answer, "jobArn", "start of a batch job"))

    def state(self, arn: str) -> BatchState:
        """Return how a job stands, with the counts that Bedrock keeps while it runs."""
        with told("look at a batch job"):
            try:
                job = self._bedrock.get_model_invocation_job(jobIdentifier=arn)
            except self._exceptions.ResourceNotFoundException:
                raise Missing(f"there is no batch job {arn}") from None
        return BatchState(
            arn=arn,
            status=BatchStatus(member(job, "status", "look at a batch job")),
            counts=BatchCounts(
                total=job.get("totalRecordCount", 0),
                processed=job.get("processedRecordCount", 0),
                success=job.get("successRecordCount", 0),
                error=job.get("errorRecordCount", 0),
            ),
            message=job.get("message"),
            ends_at=job.get("jobExpirationTime"),
        )

    def find(self, name: str) -> str | None:
        """Return the ARN of the newest job of a name; Bedrock finds names that contain it, too."""
        pages = self._bedrock.get_paginator("list_model_invocation_jobs").paginate(
            nameContains=name, sortBy="CreationTime", sortOrder="Descending"
        )
        with told(f"search for batch job {name}"):
            for page in pages:
                for job in member(page, "invocationJobSummaries", "search for a batch job"):
                    if job["jobName"] == name:
                        return str(job["jobArn"])
        return None

    def stop(self, arn: str) -> None:
        """Stop a job; one that has ended is refused, and its state tells that from a real refusal."""
        refusals = self._bedrock.exceptions
        with told("stop of a batch job"):
            try:
                self._bedrock.stop_model_invocation_job(jobIdentifier=arn)
            except refusals.ResourceNotFoundException:
                raise Missing(f"there is no batch job {arn}") from None
            except (refusals.ConflictException, refusals.ValidationException):
                status = self.state(arn).status
                if not status.ended and status is not BatchStatus.STOPPING:
                    raise Unavailable(
                        f"batch job {arn}, which is {status}, was not stopped"
                    ) from None

    def _arguments(self, wish: BatchJob) -> dict[str, Any]:
        # The bucket must be of the role's account: who takes over its name elsewhere gets nothing.
        place = {"s3BucketOwner": self._role.split(":")[4]}
        source = {"s3Uri": f"s3://{self._bucket}/{wish.input_key}", "s3InputFormat": "JSONL"}
        target = {"s3Uri": f"s3://{self._bucket}/{wish.output_prefix}"}
        if self._key:
            target["s3EncryptionKeyId"] = self._key
        return {
            "jobName": wish.name,
            "clientRequestToken": wish.token,
            "roleArn": self._role,
            "modelId": wish.model,
            "modelInvocationType": "Converse" if wish.converse else "InvokeModel",
            "timeoutDurationInHours": wish.hours,
            "inputDataConfig": {"s3InputDataConfig": source | place},
            "outputDataConfig": {"s3OutputDataConfig": target | place},
        }

    def _standing(self, name: str) -> str:
        """Return the job that a new one collides with: names are ours, so it is the one that was wished for."""
        if (arn := self.find(name)) is not None:
            return arn
        raise Unavailable(f"batch job {name} collides with another that is not found")


def _refusal(fault: ClientError, what: str) -> BatchwrightError | None:
    """Return our error for what is said to a wish alone; the service's own words stay here."""
    error = fault.response.get("Error", {})
    code, words = error.get("Code", "Unknown"), error.get("Message", "").lower()
    said = f"{what}: AWS says {code}"
    if code == "ThrottlingException":
        return Throttled(said)
    if code == "ServiceQuotaExceededException":
        return Throttled(f"{said}: too many batch jobs of this model", retry_after=QUOTA_WAIT)
    if code == "ResourceNotFoundException" or any(sign in words for sign in ABOUT_THE_MODEL):
        return ModelUnknown(f"{said}: the model is not there, or not for batch inference")
    if code != "ValidationException":
        return None
    if any(sign in words for sign in ABOUT_THE_ROLE):
        return AccessDenied(f"{said}: Bedrock may not take on the role, or the role may not do it")
    return RecordInvalid("invalid_request", f"{said}: its names, places or files are refused")
