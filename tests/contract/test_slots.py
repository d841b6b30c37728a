"""What places must do of which there are only so many: the same in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from batchwright.aws.slots import DynamoDBSlots
from batchwright.ports import Slots
from tests.house.cloudformation import table_of
from tests.lanefakes import MemorySlots


class Time:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def dynamodb(aws: None) -> Any:  # noqa: ARG001 - moto, while it lasts
    client = boto3.client("dynamodb")
    client.create_table(TableName="state", **table_of("StateTable"))
    return client


@pytest.fixture(params=["in memory", "in DynamoDB"])
def slots(request: pytest.FixtureRequest, time: Time) -> Slots:
    if request.param == "in memory":
        return MemorySlots(time)
    return DynamoDBSlots(request.getfixturevalue("dynamodb"), "state", clock=time)


def test_no_more_hold_a_place_than_there_are(slots: Slots) -> None:
    assert [slots.take("m", name, limit=2, until=2_000) for name in "abc"] == [True, True, False]


def test_a_place_that_is_taken_again_is_the_same_for_longer(slots: Slots, time: Time) -> None:
    slots.take("m", "a", limit=1, until=1_100)
    assert slots.take("m", "a", limit=1, until=1_900)

    time.now = 1_500

    assert not slots.take("m", "b", limit=1, until=2_000)


def test_a_place_that_is_given_back_is_free(slots: Slots) -> None:
    slots.take("m", "a", limit=1, until=2_000)

    slots.give("m", "a")
    slots.give("m", "a")
    slots.give("n", "nobody")

    assert slots.take("m", "b", limit=1, until=2_000)


def test_a_place_is_free_again_when_its_time_is_over(slots: Slots, time: Time) -> None:
    slots.take("m", "a", limit=1, until=1_100)
    time.now = 1_101

    assert slots.take("m", "b", limit=1, until=2_000)
    assert not slots.take("m", "a", limit=1, until=2_000)


def test_it_is_told_who_holds_a_place(slots: Slots, time: Time) -> None:
    slots.take("m", "a", limit=2, until=1_100)
    slots.take("m", "b", limit=2, until=1_900)

    assert slots.held("m") == {"a", "b"}
    assert slots.held("nothing") == frozenset()

    time.now = 1_500

    assert slots.held("m") == {"b"}


def test_every_resource_has_places_of_its_own(slots: Slots) -> None:
    assert slots.take("m", "a", limit=1, until=2_000)
    assert slots.take("n", "b", limit=1, until=2_000)


@pytest.mark.usefixtures("restless")
def test_of_many_who_come_at_once_as_many_find_a_place_as_there_are(
    dynamodb: Any, time: Time
) -> None:
    slots = DynamoDBSlots(dynamodb, "state", clock=time)

    def take(number: int) -> bool:
        return slots.take("m", f"s{number}", limit=3, until=2_000)

    with ThreadPoolExecutor(6) as threads:
        taken = [*threads.map(take, range(6))]

    assert sum(taken) == 3
