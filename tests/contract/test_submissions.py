"""What the rows of submissions must do: the same in memory and in DynamoDB."""

from datetime import timedelta
from typing import Any

import boto3
import pytest

from batchwright.aws.submissions import DynamoDBSubmissions
from batchwright.errors import Missing, Unavailable
from batchwright.ports import Submissions
from batchwright.submission import SubmissionRow
from tests.contract.cutting import cut
from tests.fakes import NOON, StoppedClock
from tests.house.cloudformation import table_of
from tests.lanefakes import MemorySubmissions

ROW = SubmissionRow(name="bw-a-00-000001", records=300, reserved=5_000_000_000)
WEEK = timedelta(days=7)


@pytest.fixture
def dynamodb(aws: None) -> Any:  # noqa: ARG001 - moto, while it lasts
    client = boto3.client("dynamodb")
    client.create_table(TableName="state", **table_of("StateTable"))
    return client


@pytest.fixture(params=["in memory", "in DynamoDB"])
def submissions(request: pytest.FixtureRequest) -> Submissions:
    if request.param == "in memory":
        return MemorySubmissions()
    client = request.getfixturevalue("dynamodb")
    return DynamoDBSubmissions(client, "state", life=WEEK, clock=StoppedClock())


def test_a_row_is_read_as_it_was_begun(submissions: Submissions) -> None:
    assert submissions.add(ROW) == ROW

    assert submissions.get(ROW.name) == ROW
    assert submissions.get("bw-another") is None


def test_a_row_that_stands_is_not_begun_again(submissions: Submissions) -> None:
    submissions.add(ROW)
    submissions.started(ROW.name, "arn:job")

    standing = submissions.add(SubmissionRow(name=ROW.name, records=7))

    assert (standing.records, standing.place) == (300, "arn:job")
    assert submissions.get(ROW.name) == standing


def test_the_newest_task_waits_and_sees_what_came_before_it(submissions: Submissions) -> None:
    submissions.add(ROW)
    assert submissions.register(ROW.name, "first").ended is False

    ended = submissions.ended(ROW.name)

    assert ended is not None
    assert (ended.token, ended.ended) == ("first", True)
    again = submissions.register(ROW.name, "second")
    assert (again.token, again.ended) == ("second", True)


def test_arrivals_are_a_set_whatever_their_order_and_however_often(
    submissions: Submissions,
) -> None:
    submissions.add(ROW)

    submissions.arrived(ROW.name, [3, 1])
    standing = submissions.arrived(ROW.name, [1, 12])

    assert standing is not None
    assert standing.arrived == {1, 3, 12}


def test_what_nobody_has_begun_cannot_end_or_be_waited_for(submissions: Submissions) -> None:
    assert submissions.ended("bw-another") is None
    assert submissions.arrived("bw-another", [1]) is None
    with pytest.raises(Missing):
        submissions.register("bw-another", "token")
    submissions.started("bw-another", "arn:job")
    assert submissions.get("bw-another") is None


def test_a_change_whose_reply_was_cut_on_its_way_is_not_believed(aws: None) -> None:  # noqa: ARG001 - no credentials
    client = cut(boto3.client("dynamodb"))
    rows = DynamoDBSubmissions(client, "state", life=WEEK, clock=StoppedClock())

    with pytest.raises(Unavailable, match="cut"):
        rows.register(ROW.name, "token")


def test_a_row_lies_beside_other_state_and_is_forgotten_by_the_tables_clock(dynamodb: Any) -> None:
    rows = DynamoDBSubmissions(dynamodb, "state", life=WEEK, clock=StoppedClock())
    rows.add(ROW)
    rows.arrived(ROW.name, [1])

    (item,) = dynamodb.scan(TableName="state")["Items"]

    assert item["id"] == {"S": "submission#bw-a-00-000001"}
    assert item["expiration"] == {"N": str(int((NOON + WEEK).timestamp()))}
