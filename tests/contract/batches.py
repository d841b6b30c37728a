"""Where batch inference is tried: in memory, and as the adapter on the model host with its files in S3."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
import orjson

from batchwright.aws.batchinference import BRISK, BedrockBatchInference
from batchwright.aws.s3 import S3Objects
from batchwright.batchjob import BatchJob, BatchState
from batchwright.ports import BatchInference, Objects
from tests.emulator.host.account import Account
from tests.emulator.host.running import RunningHost, hosting
from tests.fakes import MODEL, MemoryObjects
from tests.fakes_batch import ROLE, ScriptedBatchInference

KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
IN, OUT = "jobs/j/staged/0.jsonl", "jobs/j/batch/"
PATIENCE = 60.0


def wish(name: str = "j-0-1", **other: Any) -> BatchJob:
    """What a submission wishes for, with a token that goes with its name."""
    told: dict[str, Any] = {
        "token": f"token-{name}",
        "model": MODEL,
        "input_key": IN,
        "output_prefix": OUT,
        "converse": True,
        "hours": 24,
    }
    return BatchJob(name=name, **{**told, **other})


def asking(*texts: str) -> list[dict[str, Any]]:
    """Records of Converse, one a text."""
    return [
        {
            "recordId": f"r{number}",
            "modelInput": {"messages": [{"role": "user", "content": [{"text": text}]}]},
        }
        for number, text in enumerate(texts)
    ]


class Place(Protocol):
    """Somewhere that batch jobs run."""

    @property
    def objects(self) -> Objects:
        """Where the files lie."""

    @property
    def jobs(self) -> BatchInference:
        """What is tried."""

    def behave(self, **given: Any) -> None:
        """Tell batch inference how to behave."""

    def wait(self, arn: str, done: Callable[[BatchState], bool]) -> BatchState:
        """Let time pass until a job stands so."""


def stage(place: Place, records: list[dict[str, Any]], key: str = IN) -> None:
    """Write an input file."""
    place.objects.write(key, b"".join(orjson.dumps(each) + b"\n" for each in records))


def end(place: Place, arn: str) -> BatchState:
    """Let a job come to its end."""
    return place.wait(arn, lambda state: state.ended)


def lines(place: Place, arn: str) -> list[Mapping[str, Any]]:
    """Return what a job answered, line by line, as it stands in its file."""
    answers = place.objects.read(f"{OUT}{arn.rpartition('/')[2]}/0.jsonl.out")
    return [orjson.loads(line) for line in answers.splitlines()]


@dataclass
class InMemory:
    """The fake."""

    objects: MemoryObjects
    jobs: ScriptedBatchInference

    def behave(self, **given: Any) -> None:
        self.jobs.behave(**given)

    def wait(self, arn: str, done: Callable[[BatchState], bool]) -> BatchState:
        for _ in range(1000):
            if done(state := self.jobs.state(arn)):
                return state
            self.jobs.pass_time(0.01)
        raise AssertionError(f"the job stays {state.status}")


@dataclass
class OnTheHost:
    """The adapter."""

    objects: S3Objects
    jobs: BedrockBatchInference
    host: RunningHost

    def behave(self, **given: Any) -> None:
        self.host.behave(batch=given)

    def wait(self, arn: str, done: Callable[[BatchState], bool]) -> BatchState:
        until = time.monotonic() + PATIENCE
        while not done(state := self.jobs.state(arn)):
            assert time.monotonic() < until, f"the job stays {state.status}"
            time.sleep(0.005)
        return state


def in_memory() -> InMemory:
    """A place in memory where nothing takes time."""
    objects = MemoryObjects()
    place = InMemory(objects, ScriptedBatchInference(objects))
    place.behave(submitted=0, validating=0, scheduled=0, in_progress=0, min_records=1)
    return place


@contextmanager
def on_the_host() -> Iterator[OnTheHost]:
    """A model host beside moto, where nothing takes time."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="box")
    with hosting(Account()) as host:
        client: Any = boto3.client("bedrock", endpoint_url=host.url, config=BRISK)
        jobs = BedrockBatchInference(client, "box", role=ROLE, key=KEY)
        place = OnTheHost(S3Objects(s3, "box"), jobs, host)
        place.behave(min_records=1)
        yield place
        client.close()
