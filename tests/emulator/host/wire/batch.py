"""The control plane of batch inference on the wire: what is asked, and which names may be in it.

The patterns are those of Bedrock's service model, so that a key with a blank in it is refused here, too.
"""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, ValidationError

from tests.emulator.host.refusals import invalid
from tests.emulator.host.wire.shapes import Shape, Union, malformed

type JobName = Annotated[
    str, Field(max_length=63, pattern=r"^[a-zA-Z0-9]{1,63}(-*[a-zA-Z0-9\+\-\.]){0,63}$")
]
type Token = Annotated[
    str, Field(max_length=256, pattern=r"^[a-zA-Z0-9]{1,256}(-*[a-zA-Z0-9]){0,256}$")
]
type RoleArn = Annotated[
    str, Field(max_length=2048, pattern=r"^arn:aws(-[^:]+)?:iam::[0-9]{12}:role/.+$")
]
type AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
type S3Uri = Annotated[
    str,
    Field(
        max_length=1024,
        pattern=r"^s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]"
        r"(?:/[-!_*'().a-z0-9A-Z]+(?:/[-!_*'().a-z0-9A-Z]+)*)?/?$",
    ),
]
type KmsKeyId = Annotated[
    str,
    Field(
        max_length=2048,
        pattern=r"^(arn:aws(-[^:]+)?:kms:[a-zA-Z0-9-]*:[0-9]{12}:((key/[a-zA-Z0-9-]{36})"
        r"|(alias/[a-zA-Z0-9-_/]+)))|([a-zA-Z0-9-]{36})|(alias/[a-zA-Z0-9-_/]+)$",
    ),
]
type Status = Literal[
    "Submitted",
    "Validating",
    "Scheduled",
    "InProgress",
    "Completed",
    "PartiallyCompleted",
    "Failed",
    "Stopping",
    "Stopped",
    "Expired",
]
type Kind = Literal["InvokeModel", "Converse"]


class S3Input(Shape):
    """Where the lines lie: a file, or a folder of files."""

    s3_uri: S3Uri
    s3_input_format: Literal["JSONL"] | None = None
    s3_bucket_owner: AccountId | None = None


class InputConfig(Union):
    """A union with one member."""

    s3_input_data_config: S3Input | None = None


class S3Output(Shape):
    """Below which folder the answers go."""

    s3_uri: S3Uri
    s3_encryption_key_id: KmsKeyId | None = None
    s3_bucket_owner: AccountId | None = None


class OutputConfig(Union):
    """A union with one member."""

    s3_output_data_config: S3Output | None = None


class VpcConfig(Shape):
    """Where the job's interfaces are."""

    subnet_ids: list[str] = Field(min_length=1, max_length=16)
    security_group_ids: list[str] = Field(min_length=1, max_length=5)


class Tag(Shape):
    """A name and a value, for the bill."""

    key: Annotated[str, Field(min_length=1, max_length=128)]
    value: Annotated[str, Field(max_length=256)]


class CreateJob(Shape):
    """A CreateModelInvocationJob request."""

    job_name: JobName
    role_arn: RoleArn
    model_id: Annotated[str, Field(min_length=1, max_length=2048)]
    input_data_config: InputConfig
    output_data_config: OutputConfig
    client_request_token: Token | None = None
    vpc_config: VpcConfig | None = None
    timeout_duration_in_hours: Annotated[int, Field(ge=24, le=168)] = 24
    tags: list[Tag] = Field(default_factory=list, max_length=200)
    model_invocation_type: Kind = "InvokeModel"

    @property
    def input(self) -> S3Input:
        """Where the lines lie."""
        assert self.input_data_config.s3_input_data_config is not None
        return self.input_data_config.s3_input_data_config

    @property
    def output(self) -> S3Output:
        """Where the answers go."""
        assert self.output_data_config.s3_output_data_config is not None
        return self.output_data_config.s3_output_data_config


class ListJobs(Shape):
    """A ListModelInvocationJobs request: its query."""

    name_contains: str = ""
    status_equals: Status | None = None
    max_results: Annotated[int, Field(ge=1, le=1000, strict=False)] = 100
    next_token: Annotated[int, Field(ge=0, strict=False)] = 0
    sort_by: Literal["CreationTime"] = "CreationTime"
    sort_order: Literal["Ascending", "Descending"] = "Descending"
    submit_time_after: Annotated[datetime | None, Field(strict=False)] = None
    submit_time_before: Annotated[datetime | None, Field(strict=False)] = None


def listing(path: str) -> ListJobs:
    """Return what is asked of the list, or refuse it."""
    asked = {name: values[-1] for name, values in parse_qs(urlsplit(path).query).items()}
    try:
        return ListJobs.model_validate(asked)
    except ValidationError as error:
        raise malformed(error) from None


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return the two parts of an S3 address; a folder's key ends with a slash.

    >>> bucket_and_key("s3://box/jobs/in.jsonl"), bucket_and_key("s3://box/out")
    (('box', 'jobs/in.jsonl'), ('box', 'out/'))
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not key.endswith((".jsonl", "/")) and key:
        key += "/"
    return bucket, key


def job_id(identifier: str) -> str:
    """Return the id out of a job's ARN, or the id itself; or refuse it."""
    found = identifier.rsplit("/", 1)[-1]
    if len(found) != 12 or not found.isalnum():
        raise invalid("The provided job identifier is invalid.")
    return found
