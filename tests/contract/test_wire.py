"""What is counted on the wire is what was sent."""

import pytest

from batchwright.aws.sessions import session
from tests.bench.clients.errand import STATE_TABLE
from tests.bench.clients.wire import Wire


@pytest.mark.usefixtures("aws")
def test_requests_are_counted_by_step_and_operation_and_reads_are_no_writes() -> None:
    wire = Wire()
    dynamodb = session().client("dynamodb")
    dynamodb.list_tables()  # before the first step
    key = {"AttributeName": "id", "KeyType": "HASH"}
    name = {"AttributeName": "id", "AttributeType": "S"}

    wire.step = "make"
    dynamodb.create_table(
        TableName="t", KeySchema=[key], AttributeDefinitions=[name], BillingMode="PAY_PER_REQUEST"
    )
    wire.step = "use"
    for _ in range(2):
        dynamodb.put_item(TableName="t", Item={"id": {"S": "a"}})
    dynamodb.get_item(TableName="t", Key={"id": {"S": "a"}})
    dynamodb.create_table(
        TableName=STATE_TABLE,
        KeySchema=[key],
        AttributeDefinitions=[name],
        BillingMode="PAY_PER_REQUEST",
    )
    session().client("s3").list_buckets()

    assert wire.requests == {
        "make:dynamodb.CreateTable": 1,
        "use:dynamodb.PutItem": 2,
        "use:dynamodb.GetItem": 1,
        f"use.{STATE_TABLE}:dynamodb.CreateTable": 1,
        "use:s3.ListBuckets": 1,
    }
    assert wire.writes("dynamodb") == 4
