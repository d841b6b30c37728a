"""What the money of jobs must do: the same in memory and in DynamoDB."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from batchwright.aws import budgets as adapter
from batchwright.aws.budgets import DynamoDBBudgets
from batchwright.errors import Unavailable
from batchwright.money import Money
from batchwright.ports import Budgets
from tests.fakes import MemoryBudgets, StoppedClock
from tests.house.cloudformation import table_of

OK = type("Reply", (), {"status_code": 200})()
REFUSED = type("Reply", (), {"status_code": 400})()


@dataclass
class Transactions:
    """What DynamoDB does with transactions and moto does not, by the events of the client that sends them.

    A token stands for ten minutes and comes with the same words
    (docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html); of transactions on one item
    that meet, one is done and the others are cancelled.
    """

    taken: dict[str, str] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    """The tokens, one a call."""
    cancelled: list[str] = field(default_factory=list)
    """Why the next calls are cancelled."""
    _one: Lock = field(default_factory=Lock)

    def watch(self, client: Any) -> None:
        client.meta.events.register("before-call.dynamodb.TransactWriteItems", self._before)
        client.meta.events.register("after-call.dynamodb.TransactWriteItems", self._after)

    def _before(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> Any:
        body = json.loads(params["body"])
        token = body.pop("ClientRequestToken")
        assert 1 <= len(token) <= 36
        self.sent.append(token)
        words = json.dumps(body)
        if self.cancelled:
            return _cancelled(self.cancelled.pop(0))
        if not self._one.acquire(blocking=False):
            return _cancelled("TransactionConflict")
        context["transaction"] = (token, words)
        if token not in self.taken:
            return None
        self._one.release()
        return (OK, {}) if self.taken[token] == words else _refused("IdempotentParameterMismatch")

    def _after(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if "transaction" in context and self._one.locked():
            token, words = context.pop("transaction")
            if "Error" not in parsed:
                self.taken[token] = words
            self._one.release()


def _refused(code: str, **more: Any) -> Any:
    return REFUSED, {"Error": {"Code": f"{code}Exception", "Message": ""}, **more}


def _cancelled(code: str) -> Any:
    return _refused("TransactionCanceled", CancellationReasons=[{"Code": code}])


@pytest.fixture
def transactions() -> Transactions:
    return Transactions()


@pytest.fixture
def dynamodb(aws: None, transactions: Transactions) -> Any:  # noqa: ARG001 - moto, while it lasts
    client = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 2}))
    client.create_table(TableName="jobs", **table_of("JobsTable"))
    transactions.watch(client)
    return client


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC))


@pytest.fixture(params=["in memory", "in DynamoDB"])
def budgets(request: pytest.FixtureRequest, clock: StoppedClock) -> Budgets:
    if request.param == "in memory":
        return MemoryBudgets(lambda: clock.now().timestamp())
    return DynamoDBBudgets(request.getfixturevalue("dynamodb"), "jobs", clock=clock)


def test_a_job_that_spent_nothing_has_no_money_booked(budgets: Budgets) -> None:
    assert budgets.money("j") == Money()


def test_what_is_reserved_and_spent_never_passes_the_limit(budgets: Budgets) -> None:
    assert budgets.reserve("j", 60, limit=100, token="1")
    assert not budgets.reserve("j", 41, limit=100, token="2")
    assert budgets.reserve("j", 40, limit=100, token="3")
    assert not budgets.reserve("j", 1, limit=100, token="4")

    assert budgets.money("j") == Money(reserved=100)


def test_what_a_name_holds_is_held_once_and_for_as_long_as_it_takes(budgets: Budgets) -> None:
    assert budgets.hold("j", 60, limit=100, name="bw-1") == 60
    assert budgets.hold("j", 60, limit=100, name="bw-1") == 60
    assert budgets.hold("j", 50, limit=100, name="bw-1") == 60, "it was held otherwise before"
    assert budgets.hold("j", 41, limit=100, name="bw-2") is None
    assert budgets.hold("j", 101, limit=100, name="bw-3") is None

    assert budgets.money("j") == Money(reserved=60, held=60)


def test_what_was_held_is_released_once_and_can_be_held_again(budgets: Budgets) -> None:
    budgets.hold("j", 60, limit=100, name="bw-1")
    for _ in range(3):
        budgets.release("j", held=60, spent=45, name="bw-1")

    assert budgets.money("j") == Money(spent=45)
    assert budgets.hold("j", 55, limit=100, name="bw-1") == 55
    assert budgets.hold("j", 1, limit=100, name="bw-2") is None


def test_what_nobody_holds_is_not_released(budgets: Budgets) -> None:
    budgets.hold("j", 60, limit=100, name="bw-1")
    budgets.release("j", held=60, spent=45, name="bw-2")
    budgets.release("j", held=59, spent=45, name="bw-1")
    budgets.release("k", held=60, spent=45, name="bw-1")

    assert budgets.money("j") == Money(reserved=60, held=60)
    assert budgets.money("k") == Money()


MOVES: list[Callable[[Budgets], object]] = [
    lambda budgets: budgets.reserve("j", 1, limit=100, token="2"),
    lambda budgets: budgets.settle("j", reserved=1, spent=1, token="3"),
    lambda budgets: budgets.hold("j", 1, limit=100, name="bw-2"),
    lambda budgets: budgets.release("j", held=60, spent=1, name="bw-1"),
]


@pytest.mark.parametrize("move", MOVES, ids=["reserve", "settle", "hold", "release"])
def test_it_is_told_for_how_long_no_money_has_moved(
    budgets: Budgets, clock: StoppedClock, move: Callable[[Budgets], object]
) -> None:
    assert budgets.money("j").unmoved == 0
    budgets.hold("j", 60, limit=100, name="bw-1")
    budgets.reserve("j", 10, limit=100, token="1")
    assert budgets.money("j").unmoved == 0

    clock.time += timedelta(hours=1)
    still = budgets.money("j")
    move(budgets)

    assert 2_700 <= still.unmoved <= 3_600
    assert budgets.money("j").unmoved == 0


def test_what_is_refused_moves_nothing(budgets: Budgets, clock: StoppedClock) -> None:
    budgets.hold("j", 60, limit=100, name="bw-1")
    clock.time += timedelta(hours=1)

    assert not budgets.reserve("j", 41, limit=100, token="1")
    assert budgets.hold("j", 41, limit=100, name="bw-2") is None
    assert budgets.hold("j", 60, limit=100, name="bw-1") == 60
    budgets.release("j", held=59, spent=0, name="bw-1")

    assert budgets.money("j").unmoved >= 2_700


def test_a_wish_above_the_whole_budget_is_refused_from_the_beginning(budgets: Budgets) -> None:
    assert not budgets.reserve("j", 101, limit=100, token="1")

    assert budgets.money("j") == Money()
    assert budgets.reserve("j", 100, limit=100, token="2")


def test_what_was_not_spent_is_given_back(budgets: Budgets) -> None:
    budgets.reserve("j", 100, limit=100, token="1")
    budgets.settle("j", reserved=100, spent=70, token="1")

    assert budgets.money("j") == Money(spent=70)
    assert not budgets.reserve("j", 31, limit=100, token="2")
    assert budgets.reserve("j", 30, limit=100, token="3")
    assert budgets.money("j") == Money(spent=70, reserved=30)


def test_more_may_be_spent_than_was_reserved_and_then_less_is_left(budgets: Budgets) -> None:
    budgets.reserve("j", 50, limit=100, token="1")
    budgets.settle("j", reserved=50, spent=90, token="1")

    assert budgets.money("j") == Money(spent=90)
    assert not budgets.reserve("j", 11, limit=100, token="2")


def test_a_wish_made_again_is_the_same(budgets: Budgets) -> None:
    for _ in range(3):
        assert budgets.reserve("j", 60, limit=100, token="a token of more than 36 characters" * 9)
    assert budgets.money("j") == Money(reserved=60)

    for _ in range(3):
        budgets.settle("j", reserved=60, spent=7, token="a token of more than 36 characters" * 9)
    assert budgets.money("j") == Money(spent=7)


def test_a_wish_that_was_refused_can_be_made_again(budgets: Budgets) -> None:
    budgets.reserve("j", 100, limit=100, token="1")
    assert not budgets.reserve("j", 50, limit=100, token="2")
    budgets.settle("j", reserved=100, spent=0, token="1")

    assert budgets.reserve("j", 50, limit=100, token="2")


def test_every_job_has_money_of_its_own(budgets: Budgets) -> None:
    assert budgets.reserve("j", 100, limit=100, token="1")
    assert budgets.reserve("k", 100, limit=100, token="1")

    assert budgets.money("k") == Money(reserved=100)


def test_a_budget_of_more_than_a_float_can_hold_is_exact(budgets: Budgets) -> None:
    most = 10**15 + 1

    assert budgets.reserve("j", most, limit=most, token="1")
    assert not budgets.reserve("j", 1, limit=most, token="2")
    assert budgets.money("j") == Money(reserved=most)


@pytest.mark.usefixtures("restless")
def test_twenty_who_reserve_at_once_never_pass_the_limit(budgets: Budgets) -> None:
    def ask(number: int) -> bool:
        while True:
            try:
                return budgets.reserve("j", 7, limit=100, token=str(number))
            except Unavailable:
                continue

    with ThreadPoolExecutor(20) as threads:
        taken = list(threads.map(ask, range(20)))

    assert sum(taken) == 14
    assert budgets.money("j") == Money(reserved=98)


def test_transactions_that_meet_others_are_tried_again_under_their_token(
    dynamodb: Any, transactions: Transactions
) -> None:
    transactions.cancelled = ["TransactionConflict", "ThrottlingError"]

    assert DynamoDBBudgets(dynamodb, "jobs").reserve("j", 1, limit=1, token="1")

    assert len(transactions.sent) == 3
    assert len(set(transactions.sent)) == 1


def test_who_never_gets_through_is_told(dynamodb: Any, transactions: Transactions) -> None:
    transactions.cancelled = ["TransactionConflict"] * adapter.ATTEMPTS

    with pytest.raises(Unavailable, match="money of a job"):
        DynamoDBBudgets(dynamodb, "jobs").reserve("j", 1, limit=1, token="1")

    assert DynamoDBBudgets(dynamodb, "jobs").money("j") == Money()


def test_another_reason_to_cancel_is_not_waited_out(
    dynamodb: Any, transactions: Transactions
) -> None:
    transactions.cancelled = ["ValidationError"]

    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        DynamoDBBudgets(dynamodb, "jobs").settle("j", reserved=1, spent=1, token="1")

    assert len(transactions.sent) == 1


def test_a_call_whose_connection_broke_is_sent_again_with_the_same_token(dynamodb: Any) -> None:
    sent: list[bytes] = []

    def break_once(request: Any, **_: Any) -> None:
        sent.append(request.body)
        if len(sent) == 1:
            raise ConnectionClosedError(endpoint_url=request.url)

    dynamodb.meta.events.register_first("before-send.dynamodb.TransactWriteItems", break_once)

    assert DynamoDBBudgets(dynamodb, "jobs").reserve("j", 1, limit=1, token="1")
    assert len(sent) == 2
    assert sent[0] == sent[1]


@pytest.mark.parametrize("hour", ["23:59:59", "11:14:59"])
def test_a_wish_made_again_in_another_quarter_of_an_hour_is_still_the_same(
    dynamodb: Any, hour: str
) -> None:
    clock = StoppedClock(datetime.fromisoformat(f"2026-11-22T{hour}+00:00"))
    budgets = DynamoDBBudgets(dynamodb, "jobs", clock=clock)

    assert budgets.reserve("j", 60, limit=100, token="1")
    clock.time += timedelta(seconds=2)
    assert budgets.reserve("j", 60, limit=100, token="1")

    assert budgets.money("j") == Money(reserved=60)


def test_money_is_kept_as_long_as_the_results(dynamodb: Any) -> None:
    clock = StoppedClock(datetime(2026, 11, 22, 12, 14, 59, tzinfo=UTC))
    DynamoDBBudgets(dynamodb, "jobs", life=timedelta(days=30), clock=clock).reserve(
        "j", 60, limit=100, token="1"
    )

    (item,) = dynamodb.scan(TableName="jobs")["Items"]

    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert item == {
        "job_id": {"S": "j"},
        "sk": {"S": "money"},
        "committed": {"N": "60"},
        "reserved": {"N": "60"},
        "expires_at": {"N": str(int((noon + timedelta(days=30)).timestamp()))},
        "moved_at": {"N": str(int(noon.timestamp()))},
    }
