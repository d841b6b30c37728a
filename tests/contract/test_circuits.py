"""What workers tell each other of models that are down: the same in memory and in DynamoDB, as Powertools keeps it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config

from batchwright.aws.circuits import KIND, LEASE, DynamoDBCircuits
from batchwright.circuit import Circuit
from batchwright.errors import Unavailable
from batchwright.ports import Circuits
from tests.fakes import MemoryCircuits
from tests.house.cloudformation import table_of


@pytest.fixture
def dynamodb(aws: None) -> Any:  # noqa: ARG001 - moto, while it lasts
    client = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    client.create_table(TableName="state", **table_of("StateTable"))
    return client


class Table:
    """A table, in which time can pass."""

    def __init__(self, dynamodb: Any = None) -> None:
        self._dynamodb = dynamodb
        self._now = time.time()
        self._memory = MemoryCircuits(lambda: self._now)

    def worker(self) -> Circuits:
        """A worker's own way to it: what one remembers, another does not."""
        return DynamoDBCircuits(self._dynamodb, "state") if self._dynamodb else self._memory

    def let_a_minute_pass(self, model: str) -> None:
        """Powertools asks the machine for the time: what it wrote becomes a minute older."""
        self._now += LEASE
        if self._dynamodb:
            self._dynamodb.update_item(
                TableName="state",
                Key={"id": {"S": KIND + model}},
                UpdateExpression="SET probe_lease_expiry = probe_lease_expiry - :minute",
                ExpressionAttributeValues={":minute": {"N": str(LEASE)}},
            )


@pytest.fixture(params=["in memory", "in DynamoDB"])
def table(request: pytest.FixtureRequest) -> Table:
    return Table(request.getfixturevalue("dynamodb") if request.param == "in DynamoDB" else None)


@pytest.fixture
def one(table: Table) -> Circuits:
    return table.worker()


@pytest.fixture
def other(table: Table) -> Circuits:
    return table.worker()


def test_of_whom_nothing_was_told_is_taken_to_answer(one: Circuits) -> None:
    assert one.state("m") == Circuit()


def test_that_a_model_is_down_everybody_hears_at_once(one: Circuits, other: Circuits) -> None:
    other.state("m")

    one.open("m", failures=10, opened_at=1_000)

    assert other.state("m") == Circuit(opened_at=1_000, failures=10)
    assert other.state("n") == Circuit()


def test_one_of_all_tries_whether_it_is_back(one: Circuits, other: Circuits) -> None:
    one.open("m", failures=10, opened_at=1_000)

    assert other.half_open("m", "other", opened_at=1_000)
    assert not one.half_open("m", "one", opened_at=1_000)
    assert not other.half_open("m", "other", opened_at=1_000)

    circuit = one.state("m")
    assert circuit.holder == "other"
    assert circuit.opened_at == 1_000


def test_of_twenty_who_try_at_once_one_does(table: Table) -> None:
    table.worker().open("m", failures=10, opened_at=1_000)
    workers = [table.worker() for _ in range(20)]

    with ThreadPoolExecutor(20) as threads:
        won = list(
            threads.map(lambda n: workers[n].half_open("m", f"{n}", opened_at=1_000), range(20))
        )

    assert won.count(True) == 1


def test_nobody_tries_a_model_that_answers_or_is_down_anew(one: Circuits, other: Circuits) -> None:
    assert not one.half_open("m", "one", opened_at=1_000)

    one.open("m", failures=11, opened_at=2_000)
    assert not other.half_open("m", "other", opened_at=1_000)

    one.close("m")
    assert not other.half_open("m", "other", opened_at=2_000)


def test_a_model_that_is_back_is_told_to_all(one: Circuits, other: Circuits) -> None:
    one.open("m", failures=10, opened_at=1_000)
    other.half_open("m", "other", opened_at=1_000)

    other.close("m")

    assert one.state("m") == other.state("m") == Circuit()


def test_who_tries_can_say_that_it_is_down_still_and_another_can_try_then(
    one: Circuits, other: Circuits
) -> None:
    one.open("m", failures=10, opened_at=1_000)
    one.half_open("m", "one", opened_at=1_000)

    assert one.open_again("m", "one", failures=11, opened_at=2_000)

    assert other.state("m") == Circuit(opened_at=2_000, failures=11)
    assert other.half_open("m", "other", opened_at=2_000)


def test_who_does_not_try_cannot_say_that_it_is_down_still(one: Circuits, other: Circuits) -> None:
    assert not one.open_again("m", "one", failures=10, opened_at=1_000)
    assert other.state("m") == Circuit()

    one.open("m", failures=10, opened_at=1_000)
    assert not one.open_again("m", "one", failures=11, opened_at=2_000)
    assert other.state("m") == Circuit(opened_at=1_000, failures=10)

    one.half_open("m", "one", opened_at=1_000)
    other.close("m")
    assert not one.open_again("m", "one", failures=11, opened_at=2_000)
    assert other.state("m") == Circuit()


def test_who_had_its_minute_can_say_so_until_another_tries(
    table: Table, one: Circuits, other: Circuits
) -> None:
    one.open("m", failures=10, opened_at=1_000)
    one.half_open("m", "one", opened_at=1_000)
    table.let_a_minute_pass("m")
    assert one.open_again("m", "one", failures=10, opened_at=1_000)

    one.half_open("m", "one", opened_at=1_000)
    table.let_a_minute_pass("m")
    other.half_open("m", "other", opened_at=1_000)

    assert not one.open_again("m", "one", failures=10, opened_at=1_000)
    assert one.state("m").holder == "other"


def test_who_tries_and_is_not_heard_of_for_a_minute_is_followed_by_another(
    table: Table, one: Circuits, other: Circuits
) -> None:
    one.open("m", failures=10, opened_at=1_000)
    one.half_open("m", "one", opened_at=1_000)

    table.let_a_minute_pass("m")

    assert other.state("m").holder is None
    assert other.half_open("m", "other", opened_at=1_000)
    assert one.state("m").holder == "other"


def test_a_table_that_cannot_be_used_is_told_as_one_error(dynamodb: Any) -> None:
    gone = DynamoDBCircuits(dynamodb, "gone")

    with pytest.raises(Unavailable, match="circuit of a model"):
        gone.state("m")
    with pytest.raises(Unavailable, match="circuit of a model"):
        gone.open("m", failures=10, opened_at=1_000)
    with pytest.raises(Unavailable, match="circuit of a model"):
        gone.half_open("m", "one", opened_at=1_000)
    with pytest.raises(Unavailable, match="circuit of a model"):
        gone.open_again("m", "one", failures=10, opened_at=1_000)
    with pytest.raises(Unavailable, match="circuit of a model"):
        gone.close("m")


def test_items_are_forgotten_by_the_tables_own_attribute(dynamodb: Any) -> None:
    DynamoDBCircuits(dynamodb, "state").open("m", failures=10, opened_at=1_000)

    (item,) = dynamodb.scan(TableName="state")["Items"]

    assert item["id"] == {"S": "circuit#m"}
    assert 0 < int(item["expiration"]["N"]) - time.time() < 2 * 3600
