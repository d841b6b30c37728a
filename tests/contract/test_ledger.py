"""What the ledger must do: the same in memory and in DynamoDB."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from batchwright.aws.ledger import DynamoDBLedger
from batchwright.errors import LogBroken, Unavailable
from batchwright.ledger import Entry, Head
from batchwright.merkle import EMPTY_ROOT, Tree, includes, leaf_hash
from batchwright.ports import Ledger
from tests.fakes import ListedLedger
from tests.house.cloudformation import table_of

TABLE = "ledger"


def entry(number: int = 0, **facts: Any) -> Entry:
    told = {"number": number, "root": None, "status": "completed", **facts}
    return Entry("close", f"job-{number}", "2026-11-29T12:00:00.000Z", told)


def table() -> Any:
    once = Config(max_pool_connections=32, retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", config=once)
    client.create_table(TableName=TABLE, **table_of("LedgerTable"))
    return client


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return ListedLedger()
    request.getfixturevalue("aws")
    return DynamoDBLedger(table(), TABLE)


def test_a_ledger_begins_empty(ledger: Ledger) -> None:
    assert ledger.head() == Head()
    assert [*ledger.entries()] == []
    assert Tree().root() == EMPTY_ROOT


def test_entries_stand_in_order_each_with_its_proof(ledger: Ledger) -> None:
    tree = Tree()
    for number in range(9):
        appended = ledger.append(entry(number))
        tree.append(leaf_hash(entry(number).content()))
        assert (appended.number, appended.size) == (number, number + 1)
        assert appended.root == tree.root()
        leaf = leaf_hash(appended.content)
        assert includes(leaf, number, appended.size, [*appended.proof], appended.root)
    assert ledger.head().size == 9
    assert [each.content for each in ledger.entries()] == [entry(n).content() for n in range(9)]
    assert [each.number for each in ledger.entries(since=7)] == [7, 8]


def test_an_entry_that_stands_is_told_again_and_not_added(ledger: Ledger) -> None:
    first = ledger.append(entry(1))
    ledger.append(entry(2))
    again = ledger.append(replace(entry(1), at="2026-11-29T13:00:00.000Z"))
    assert again == first
    assert ledger.head().size == 2
    assert ledger.append(entry(1, status="failed")).number == 2


def test_three_hundred_entries_pass_over_a_tile() -> None:
    ledger = ListedLedger()
    for number in range(300):
        appended = ledger.append(entry(number))
    every = [*ledger.entries()]
    tree = Tree()
    tree.append(b"".join(leaf_hash(each.content) for each in every))
    assert len(every) == 300
    assert appended.root == tree.root()


class OneAtATime:
    """A client whose calls moto can stand: its tables are for one thread. Between two calls anybody may come."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = Lock()
        self.exceptions = client.exceptions

    def __getattr__(self, name: str) -> Any:
        def call(**said: Any) -> Any:
            with self._lock:
                return getattr(self._client, name)(**said)

        return call


# ---- DynamoDB alone --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("aws", "restless")
def test_of_many_closers_at_once_each_has_its_place() -> None:
    ledger = DynamoDBLedger(OneAtATime(table()), TABLE)  # type: ignore[arg-type]
    with ThreadPoolExecutor(8) as crowd:
        appended = [*crowd.map(lambda number: ledger.append(entry(number % 30)), range(60))]
    assert {each.number for each in appended} == set(range(30))
    tree = Tree()
    for number, each in enumerate(ledger.entries()):
        tree.append(leaf_hash(each.content))
        assert (each.number, each.root) == (number, tree.root())
    assert ledger.head().size == 30


def lost_reply(client: Any) -> Callable[..., None]:
    """Break the connection behind the next transaction, once it is done."""
    left = [1]

    def after(**_: Any) -> None:
        if left:
            left.pop()
            raise ConnectionClosedError(endpoint_url="there")

    client.meta.events.register("after-call.dynamodb.TransactWriteItems", after)
    return after


@pytest.mark.usefixtures("aws")
def test_an_entry_whose_reply_was_lost_is_found_by_the_next_try() -> None:
    client = table()
    ledger = DynamoDBLedger(client, TABLE)
    lost_reply(client)
    with pytest.raises(Unavailable):
        ledger.append(entry(1))
    assert ledger.append(entry(1)).number == 0
    assert ledger.head().size == 1


@pytest.mark.usefixtures("aws")
def test_a_mark_without_its_entry_is_a_broken_ledger() -> None:
    client = table()
    ledger = DynamoDBLedger(client, TABLE)
    ledger.append(entry(1))
    client.delete_item(TableName=TABLE, Key={"log": {"S": "entry"}, "sequence": {"N": "0"}})
    with pytest.raises(LogBroken, match="lacks its entry 0"):
        ledger.append(entry(1))
