"""What the schedules of models must do: the same in memory and in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from batchwright.aws.schedules import QUICK, DynamoDBSchedules
from batchwright.errors import Unavailable
from batchwright.learnt import Learnt
from batchwright.lengths import Earlier, Lengths
from batchwright.ports import Schedules
from batchwright.retries import FLOOR, Retries
from batchwright.schedule import Change, Item
from batchwright.warmth import Warmth
from tests.fakes import MemorySchedules
from tests.house.cloudformation import table_of


@pytest.fixture
def dynamodb(aws: None) -> Any:  # noqa: ARG001 - moto, while it lasts
    client = boto3.client("dynamodb", config=QUICK)
    client.create_table(TableName="state", **table_of("StateTable"))
    return client


@pytest.fixture(params=["in memory", "in DynamoDB"])
def schedules(request: pytest.FixtureRequest) -> Schedules:
    if request.param == "in memory":
        return MemorySchedules()
    return DynamoDBSchedules(request.getfixturevalue("dynamodb"), "state")


def test_a_change_adds_puts_and_removes_at_once(schedules: Schedules) -> None:
    schedules.exchange("m", Change(put={"given": 10, "used#1": 5, "job#a": 3}))

    applied, item = schedules.exchange(
        "m",
        Change(add={"given": 7, "used#2": -4}, put={"top": 9}, remove=frozenset({"used#1", "no"})),
    )

    assert applied
    assert item == {"given": 17, "used#2": -4, "job#a": 3, "top": 9}


@pytest.mark.parametrize(
    ("span", "applied"),
    [((10, 20), True), ((4, 10), True), ((11, 20), False), ((4, 9), False), ((None, 10), True), ((None, 9), False)],
)  # fmt: skip
def test_a_change_is_made_where_the_number_lies_in_its_span(
    schedules: Schedules, span: tuple[int | None, int], applied: bool
) -> None:
    schedules.exchange("m", Change(put={"given": 10}))

    done, item = schedules.exchange("m", Change(add={"given": 1}, within={"given": span}))

    assert done is applied
    assert item == {"given": 11 if applied else 10}


def test_a_number_that_is_not_there_lies_in_a_span_that_is_open_below(schedules: Schedules) -> None:
    assert schedules.exchange("m", Change(put={"top": 1}, within={"given": (0, 9)})) == (False, {})
    assert schedules.exchange("m", Change(put={"top": 1}, within={"given": (None, 9)})) == (
        True, {"top": 1},
    )  # fmt: skip


def test_a_change_of_which_one_number_does_not_fit_changes_nothing(schedules: Schedules) -> None:
    schedules.exchange("m", Change(put={"given": 10, "top": 5}))

    within: dict[str, tuple[int | None, int]] = {"given": (0, 20), "top": (6, 6)}
    refused = schedules.exchange("m", Change(add={"given": 1}, put={"top": 4}, within=within))

    assert refused == (False, {"given": 10, "top": 5})


def test_the_numbers_are_read_without_a_change(schedules: Schedules) -> None:
    schedules.exchange("m", Change(put={"given": 10, "top": 5}))

    assert [schedules.read(name) for name in "mmn"] == [{"given": 10, "top": 5}] * 2 + [{}]


def test_every_model_has_a_schedule_of_its_own(schedules: Schedules) -> None:
    schedules.exchange("m", Change(put={"given": 10}))

    assert schedules.exchange("n", Change(add={"given": 1})) == (True, {"given": 1})


@pytest.mark.usefixtures("restless")
def test_of_fifty_who_lease_at_once_nobody_gets_what_another_has(schedules: Schedules) -> None:
    lease = Change(add={"given": 7}, within={"given": (None, 10**15)})
    with ThreadPoolExecutor(10) as threads:
        ends = [
            item["given"]
            for _, item in threads.map(lambda _: schedules.exchange("m", lease), range(50))
        ]

    assert sorted(ends) == [7 * (number + 1) for number in range(50)]


def test_numbers_of_a_century_are_exact(schedules: Schedules) -> None:
    schedules.exchange("m", Change(put={"given": 4_000_000_000_001}))

    assert schedules.exchange("m", Change(add={"given": 1})) == (True, {"given": 4_000_000_000_002})


def test_a_schedule_lies_beside_other_state_and_is_forgotten_by_the_tables_clock(
    dynamodb: Any,
) -> None:
    DynamoDBSchedules(dynamodb, "state").exchange(
        "bedrock#m", Change(put={"expiration": 1_800_000_000})
    )

    (item,) = dynamodb.scan(TableName="state")["Items"]

    assert item == {"id": {"S": "governor#bedrock#m"}, "expiration": {"N": "1800000000"}}


def test_a_table_that_is_throttled_is_told_as_unavailable(dynamodb: Any) -> None:
    reply = type("Reply", (), {"status_code": 400})()

    def throttle(**_: Any) -> Any:
        return reply, {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": ""}}

    for operation in ("UpdateItem", "GetItem"):
        dynamodb.meta.events.register(f"before-call.dynamodb.{operation}", throttle)
    schedules = DynamoDBSchedules(dynamodb, "state")

    with pytest.raises(Unavailable, match="write to the schedule of a model"):
        schedules.exchange("m", Change(add={"given": 1}))
    with pytest.raises(Unavailable, match="read of the schedule of a model"):
        schedules.read("m")


async def test_a_jobs_retries_are_given_away_once(schedules: Schedules) -> None:
    workers = [Retries(schedules, "j", lambda: 1_764_000_000.0) for _ in range(3)]
    taken = 0

    for worker in workers * FLOOR:
        await worker.fetch()
        taken += worker.take()

    assert taken == FLOOR


async def test_a_beginning_is_written_by_one_until_it_is_kept_no_more(schedules: Schedules) -> None:
    now = [1_764_000_000.0]
    warmth, what = Warmth(schedules, lambda: now[0]), ("amazon.nova-lite-v1:0", ("Sort it.",))

    assert await warmth.known(*what) is None
    assert [await warmth.claim(*what, 10) for _ in range(2)] == ["mine", "another's"]
    assert await warmth.known(*what) == 0, "somebody writes it"
    await warmth.tell(*what, 300)
    assert await warmth.claim(*what, 10) == "kept"
    assert await warmth.known(*what) == 300

    now[0] += 301
    assert await warmth.known(*what) == 0
    assert [await warmth.claim(*what, 10) for _ in range(2)] == ["mine", "another's"]
    await warmth.tell(*what, 0)
    assert await warmth.claim(*what, 10) == "mine"
    now[0] += 11
    assert await warmth.claim(*what, 10) == "mine", "who claimed it has died"
    now[0] += 3_601
    assert await warmth.known(*what) is None


async def test_a_job_begins_with_what_earlier_ones_under_its_contract_have_learnt(
    schedules: Schedules,
) -> None:
    for length in (70, 30):
        lengths = Lengths()
        lengths.add(length)
        lengths.add(20)
        await learnt(schedules, "c").tell("m", lengths, ratio=0.25)

    heard = await heard_of(schedules, "c", "m")

    assert heard == Earlier(seen=4, longest=30, ratio=0.25)
    assert await heard_of(schedules, "another", "m") == Earlier()
    assert await heard_of(schedules, "c", "n") == Earlier()


async def test_a_contract_is_kept_for_a_week_after_its_last_job_and_forgotten_after_ten_days(
    schedules: Schedules,
) -> None:
    day = 86_400
    for at in (0, 2 * day, 9 * day):  # the second finds nothing to tell again
        lengths, worker = saw(70, times=20), learnt(schedules, "c", at)
        await worker.fetch("m", lengths)
        assert lengths.earlier.longest == (70 if at else 0)
        await worker.tell("m", lengths, ratio=0.5)

    assert (await heard_of(schedules, "c", "m", later=16 * day)).longest == 70
    assert (await heard_of(schedules, "c", "m", later=19 * day)).longest == 70
    assert await heard_of(schedules, "c", "m", later=19 * day + 1) == Earlier()


@pytest.mark.parametrize(
    ("length", "ratio", "days", "told"),
    [
        (70, 0.5, 1, False),
        (74, 0.52, 3, False),
        (70, 2.25, 1, True),
        (60, 0.5, 1, True),
        (80, 0.5, 1, True),
        (70, 0.6, 1, True),
        (70, 0.5, 4, True),
    ],
)
async def test_what_is_about_as_it_was_found_is_not_told_again_for_some_days(
    length: int, ratio: float, days: int, told: bool
) -> None:
    schedules = MemorySchedules()
    await learnt(schedules, "c").tell("m", saw(70, times=200), ratio=0.5)
    lengths = Lengths()
    worker = learnt(schedules, "c", days * 86_400)
    await worker.fetch("m", lengths)
    for _ in range(200):
        lengths.add(length)

    await worker.tell("m", lengths, ratio=ratio)

    assert schedules.writes == 1 + told


async def test_what_was_found_of_a_few_answers_is_told_better() -> None:
    schedules = MemorySchedules()
    for _ in range(4):
        lengths, worker = saw(70, times=5), learnt(schedules, "c")
        await worker.fetch("m", lengths)
        await worker.tell("m", lengths, ratio=0.5)

    assert schedules.writes == 2, "ten answers are enough"


async def test_who_looks_for_what_nobody_has_learnt_leaves_nothing_behind(dynamodb: Any) -> None:
    await heard_of(DynamoDBSchedules(dynamodb, "state"), "c", "m")

    assert dynamodb.scan(TableName="state")["Items"] == []


async def test_without_a_contract_or_an_answer_nothing_is_handed_on() -> None:
    schedules, lengths = MemorySchedules(), Lengths()
    await learnt(schedules, "c").tell("m", lengths, ratio=0.5)
    lengths.add(70)
    await learnt(schedules, None).tell("m", lengths, ratio=0.5)

    assert schedules.writes == 0


async def test_a_table_that_does_not_answer_tells_nothing_and_stops_nobody() -> None:
    class Shut(MemorySchedules):
        def exchange(self, model: str, change: Change) -> tuple[bool, Item]:
            super().exchange(model, change)
            raise Unavailable("write to the schedule of a model")

        def read(self, model: str) -> Item:
            super().read(model)
            raise Unavailable("read of the schedule of a model")

    schedules = Shut()

    await learnt(schedules, "c").tell("m", saw(70), ratio=0.5)

    assert await heard_of(schedules, "c", "m") == Earlier()
    assert (schedules.reads, schedules.writes) == (1, 1)


def saw(length: int, *, times: int = 1) -> Lengths:
    lengths = Lengths()
    for _ in range(times):
        lengths.add(length)
    return lengths


def learnt(schedules: Schedules, contract: str | None, later: int = 0) -> Learnt:
    return Learnt(schedules, contract, lambda: 1_764_000_000.0 + later)


async def heard_of(schedules: Schedules, contract: str, model: str, later: int = 0) -> Earlier:
    lengths = Lengths()
    await learnt(schedules, contract, later).fetch(model, lengths)
    return lengths.earlier
