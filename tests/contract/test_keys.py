"""The keys of endpoints in Secrets Manager: read once, read again when they were changed, and never told."""

import asyncio
from typing import Any

import boto3
import pytest

from batchwright.aws.keys import EndpointKeys
from batchwright.errors import AccessDenied
from tests.canary import CANARY


class Counting:
    """A client that counts what is read."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("secretsmanager")
        self.reads = 0

    def get_secret_value(self, **asked: Any) -> Any:
        self.reads += 1
        return self.client.get_secret_value(**asked)

    def create(self, text: str) -> str:
        return str(self.client.create_secret(Name="llm", SecretString=text)["ARN"])


@pytest.fixture
def client(aws: None) -> Counting:  # noqa: ARG001 - moto
    return Counting()


@pytest.mark.parametrize(
    "text", [CANARY, f" {CANARY}\n", f'{{"api_key": "{CANARY}", "host": "h"}}']
)
async def test_a_secret_is_a_key_or_has_one_in_its_field(client: Counting, text: str) -> None:
    assert await EndpointKeys(lambda: client).key(client.create(text)) == CANARY


async def test_a_key_is_read_once_for_all_who_ask_at_the_same_time(client: Counting) -> None:
    arn, keys = client.create("one"), EndpointKeys(lambda: client)

    assert await asyncio.gather(*(keys.key(arn) for _ in range(20))) == ["one"] * 20
    assert client.reads == 1


def test_a_key_is_kept_from_one_event_loop_to_the_next(client: Counting) -> None:
    arn, keys = client.create("one"), EndpointKeys(lambda: client)

    async def many() -> list[str]:
        return await asyncio.gather(*(keys.key(arn) for _ in range(5)))

    assert asyncio.run(many()) == asyncio.run(many()) == ["one"] * 5
    assert client.reads == 1


async def test_a_key_that_was_changed_is_read_anew_once_for_all_to_whom_it_was_refused(
    client: Counting,
) -> None:
    arn, keys = client.create("one"), EndpointKeys(lambda: client)
    await keys.key(arn)
    client.client.put_secret_value(SecretId=arn, SecretString="two")

    told = await asyncio.gather(*(keys.key(arn, stale="one") for _ in range(20)))

    assert told == ["two"] * 20
    assert client.reads == 2
    assert await keys.key(arn) == "two"


async def test_a_key_that_is_still_the_same_is_told_as_it_is(client: Counting) -> None:
    arn, keys = client.create("one"), EndpointKeys(lambda: client)
    await keys.key(arn)

    assert await keys.key(arn, stale="one") == "one"


@pytest.mark.parametrize(
    "text", [f"{CANARY}\nX-More: 1", "grün", " ", '{"key": "k"}', '{"api_key": ""}']
)
async def test_what_is_no_key_is_said_without_it(client: Counting, text: str) -> None:
    with pytest.raises(AccessDenied, match="holds no API key") as told:
        await EndpointKeys(lambda: client).key(client.create(text))

    assert CANARY not in str(told.value)


async def test_a_secret_that_is_not_there_stops_the_job(client: Counting) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf"

    with pytest.raises(AccessDenied, match="ResourceNotFoundException"):
        await EndpointKeys(lambda: client).key(arn)
