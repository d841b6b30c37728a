"""Listens to all that a cloud keeps beside records and answers: the canary must sing in none of it."""

from collections.abc import Iterator
from typing import Any

from tests.canary import CANARY, QUIET
from tests.emulator.cloud import Cloud

# Where the workflow's Map writes what its children answered.
MAP_RESULTS = "/map/"


def places_where_it_sings(cloud: Cloud) -> list[str]:
    """Return every log group, execution, table, metric and object in which a record's text stands."""
    kept = (*_logs(cloud), *_executions(cloud), *_tables(cloud), *_metrics(cloud), *_objects(cloud))
    return sorted({place for place, text in kept if CANARY in text})


def _pages(client: Any, operation: str, **asked: Any) -> Iterator[dict[str, Any]]:
    token = (
        "nextToken"
        if client.meta.service_model.service_name in {"logs", "stepfunctions"}
        else "NextToken"
    )
    said = getattr(client, operation)(**asked)
    yield said
    while said.get(token):
        said = getattr(client, operation)(**asked, **{token: said[token]})
        yield said


def _logs(cloud: Cloud) -> Iterator[tuple[str, str]]:
    client = cloud.client("logs")
    for page in _pages(client, "describe_log_groups"):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            for events in _pages(client, "filter_log_events", logGroupName=name):
                yield from ((f"log {name}", event["message"]) for event in events["events"])


def _executions(cloud: Cloud) -> Iterator[tuple[str, str]]:
    client = cloud.client("stepfunctions")
    for machines in _pages(client, "list_state_machines"):
        for machine in machines["stateMachines"]:
            for page in _pages(
                client, "list_executions", stateMachineArn=machine["stateMachineArn"]
            ):
                for execution in page["executions"]:
                    yield from _execution(client, execution["executionArn"])


def _execution(client: Any, arn: str) -> Iterator[tuple[str, str]]:
    place = f"execution {arn.rpartition(':')[2]}"
    yield place, repr(client.describe_execution(executionArn=arn))
    for page in _pages(
        client, "get_execution_history", executionArn=arn, includeExecutionData=True
    ):
        yield place, repr(page["events"])


def _tables(cloud: Cloud) -> Iterator[tuple[str, str]]:
    client = cloud.client("dynamodb")
    for name in client.list_tables()["TableNames"]:
        for page in client.get_paginator("scan").paginate(TableName=name):
            yield f"table {name}", repr(page["Items"])


def _metrics(cloud: Cloud) -> Iterator[tuple[str, str]]:
    for page in _pages(cloud.client("cloudwatch"), "list_metrics"):
        yield "a metric's name", repr(page["Metrics"])


def _objects(cloud: Cloud) -> Iterator[tuple[str, str]]:
    client, bucket = cloud.client("s3"), cloud.outputs()["BucketName"]
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for key in (found["Key"] for found in page.get("Contents", ())):
            if key.endswith(QUIET) or MAP_RESULTS in key:
                content = client.get_object(Bucket=bucket, Key=key)["Body"].read()
                yield key, content.decode(errors="replace")
