"""Where asynchronous endpoints are tried: in memory, and as the adapter on the model host with its files in S3."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
import orjson

from batchwright.aws.endpoints import ONCE, SageMakerEndpoints
from batchwright.aws.s3 import S3Objects
from batchwright.endpointcall import EndpointCall, Placed
from batchwright.errors import Missing
from batchwright.ports import Endpoints, Objects
from tests.emulator.host.account import Account
from tests.emulator.host.running import RunningHost, hosting
from tests.fakes import MemoryObjects
from tests.fakes_endpoints import ScriptedEndpoints

PATIENCE = 60.0
HASTE = 600.0  # the shortest time to live is over in a tenth of a second


def chat(text: str, **more: Any) -> bytes:
    """What a container of OpenAI's shape is asked."""
    return orjson.dumps({"messages": [{"role": "user", "content": text}], **more})


def call(text: str = "hello", **other: Any) -> EndpointCall:
    """A call of the endpoint that there is."""
    told: dict[str, Any] = {
        "endpoint": "own",
        "inference_id": "id-1",
        "body": chat(text),
        "ttl": 21_600,
        "timeout": 3_600,
        "folder": "job-1/7",
        "filename": "a.out",
    }
    return EndpointCall(**{**told, **other})


class Place(Protocol):
    """Somewhere that endpoints are."""

    @property
    def objects(self) -> Objects:
        """The bucket."""

    @property
    def endpoints(self) -> Endpoints:
        """The endpoints."""

    def behave(self, **given: Any) -> None:
        """Tell the endpoints how to behave."""

    def end(self, count: int = 1) -> list[dict[str, Any]]:
        """Let so many more calls come to their end, and return the notifications since."""

    def paid(self) -> list[str]:
        """Return the inference ids of what was answered."""


def text_at(place: Place, placed: Placed) -> str:
    """Return what a container of OpenAI's shape answered."""
    answer = orjson.loads(place.objects.read(placed.output_key))
    return str(answer["choices"][0]["message"]["content"])


def there(place: Place, key: str) -> bool:
    """Whether an object is there."""
    try:
        place.objects.read(key)
    except Missing:
        return False
    return True


@dataclass
class InMemory:
    """The fake."""

    objects: MemoryObjects
    endpoints: ScriptedEndpoints
    seen: int = 0

    def behave(self, **given: Any) -> None:
        self.endpoints.behave(**given)

    def end(self, count: int = 1) -> list[dict[str, Any]]:
        self.endpoints.work(count)
        told, self.seen = self.endpoints.notices[self.seen :], len(self.endpoints.notices)
        return told

    def paid(self) -> list[str]:
        return self.endpoints.paid


@dataclass
class OnTheHost:
    """The adapter; both topics lead into one queue."""

    objects: S3Objects
    endpoints: SageMakerEndpoints
    host: RunningHost
    sqs: Any
    queue: str
    named: dict[str, Any]

    def behave(self, **given: Any) -> None:
        own = self.named["own"] | given.pop("own", {})
        self.host.behave(endpoints={"named": {**self.named, "own": own}, **given})

    def end(self, count: int = 1) -> list[dict[str, Any]]:
        until = time.monotonic() + PATIENCE
        told: list[dict[str, Any]] = []
        while len(told) < count:
            assert time.monotonic() < until, f"{count} calls did not end: {told}"
            told += self.told()
        return told + self.told()

    def told(self) -> list[dict[str, Any]]:
        """Return what was notified since."""
        time.sleep(0.02)
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        messages = found.get("Messages", [])
        for each in messages:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=each["ReceiptHandle"])
        return [json.loads(json.loads(each["Body"])["Message"]) for each in messages]

    def paid(self) -> list[str]:
        return [
            each["metadata"]["inferenceId"]
            for each in self.host.calls()
            if each["api"] == "InvokeEndpointAsync" and each["status"] == 200
        ]


def in_memory() -> InMemory:
    """A place in memory."""
    objects = MemoryObjects()
    return InMemory(objects, ScriptedEndpoints(objects))


@contextmanager
def on_the_host() -> Iterator[OnTheHost]:
    """A model host beside moto, where nothing takes time."""
    s3, sns, sqs = (boto3.client(name) for name in ("s3", "sns", "sqs"))
    s3.create_bucket(Bucket="box")
    queue = sqs.create_queue(QueueName="ended")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("success", "error")]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    told = {
        "output": "s3://box/endpoints/output",
        "failure": "s3://box/endpoints/failure",
        "success_topic": topics[0],
        "error_topic": topics[1],
    }
    elsewhere = {
        "in_another_bucket": {**told, "output": "s3://other/output"},
        "in_another_folder": {**told, "output": "s3://box/endpoints/qwen"},
        "beside_the_failures": {**told, "failure": "s3://box/endpoints/failures"},
    }
    with hosting(Account()) as host:
        client: Any = boto3.client("sagemaker-runtime", endpoint_url=host.url, config=ONCE)
        endpoints = SageMakerEndpoints(lambda: client, "box")
        named = {"own": told, **elsewhere}
        place = OnTheHost(S3Objects(s3, "box"), endpoints, host, sqs, queue, named)
        place.behave()
        yield place
        client.close()
