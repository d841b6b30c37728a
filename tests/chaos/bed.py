"""Where real processes are killed: the laptop cloud without the stack, a bucket, a table, the model host."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from batchwright.aws.jobs import DynamoDBJobs
from batchwright.aws.s3 import S3Objects
from tests.emulator.cloud import Cloud
from tests.emulator.host.running import RunningHost
from tests.emulator.stack import ROOT
from tests.house import cloudformation

BUCKET = "batchwright-chaos"
TABLE = "jobs"
STATE_TABLE = "state"


@dataclass(frozen=True)
class Bed:
    """One laptop cloud with the resources of the template that a worker touches, and nothing that starts workers."""

    cloud: Cloud

    @cached_property
    def objects(self) -> S3Objects:
        return S3Objects(self.cloud.client("s3"), BUCKET)

    @cached_property
    def jobs(self) -> DynamoDBJobs:
        return DynamoDBJobs(self.cloud.client("dynamodb"), TABLE)

    @property
    def host(self) -> RunningHost:
        return RunningHost(port=int(self.cloud.url("host").rpartition(":")[2]), pid=0)

    def environment(self, *, in_flight: int) -> dict[str, str]:
        """Return what a deployed worker finds in its environment, with this cloud's names."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/core")]),
            **self.cloud.environment,
            "BUCKET": BUCKET,
            "JOBS_TABLE": TABLE,
            "STATE_TABLE": STATE_TABLE,
            "MODEL_ARNS": cloudformation.read()["Parameters"]["ModelArns"]["Default"],
            "IN_FLIGHT": str(in_flight),
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_resources(self) -> None:
        s3, dynamodb = self.cloud.client("s3"), self.cloud.client("dynamodb")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for name, resource in {TABLE: "JobsTable", STATE_TABLE: "StateTable"}.items():
            dynamodb.create_table(TableName=name, **cloudformation.table_of(resource))


@contextmanager
def made(at: Path) -> Iterator[Bed]:
    """Make a bed until the block ends."""
    cloud = Cloud(at=at, engine="echo")
    try:
        cloud.up(deploy=False)
        bed = Bed(cloud)
        bed.make_resources()
        yield bed
    finally:
        cloud.down()
