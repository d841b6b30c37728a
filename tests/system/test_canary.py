"""A record's text is in no log, history, table, metric or index of the deployed stack, whatever befalls the record."""

from batchwright.job import Status
from tests.canary import CANARY
from tests.fakes import MODEL
from tests.laptop import chat_file, chat_line, jsonl, song
from tests.system.listening import places_where_it_sings
from tests.system.stack_under_test import StackUnderTest

CONTRACT = f"""
name: NAME
routes: [{{model: "{MODEL}", max_tokens: 100}}]
models: {{"*": "{MODEL}"}}
"""


def test_it_sings_in_answers_and_nowhere_else_whatever_befalls_the_records(
    stack: StackUnderTest,
) -> None:
    filters = "filters: {output: [{length: {max_chars: 5, then: review}}]}"
    stack.put_contract("held", CONTRACT.replace("NAME", "held") + filters)
    table = "prompt: {user: 'Sort {{ text }} by {{ price / 1 }}'}"
    stack.put_contract("table", CONTRACT.replace("NAME", "table") + table)
    stack.behave(faults=[{"match": f"^{song(1)}$", "do": "400"}])

    answered = stack.run("inbox/canary.jsonl", chat_file(3))
    held = stack.run("inbox/held/canary.jsonl", chat_file(4))
    rows = f'id,text,price\n1,{CANARY},5\n2,{CANARY},{CANARY}\n3,"{CANARY}\n'
    stack.run("inbox/table/canary.csv", rows.encode())
    refused = stack.run("inbox/broken.jsonl", f'{{"custom_id": "{CANARY}\n'.encode())
    stack.run("inbox/stop.jsonl", jsonl([chat_line("a", CANARY, stop=CANARY, temperature=CANARY)]))

    assert CANARY in str(stack.results(answered, "output"))
    assert held.counts()["review"] == 3
    assert refused.status is Status.FAILED
    assert places_where_it_sings(stack.cloud) == []


def test_it_is_heard_where_it_sings(stack: StackUnderTest) -> None:
    logs, group = stack.cloud.client("logs"), "/canary"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="cage")
    logs.put_log_events(
        logGroupName=group,
        logStreamName="cage",
        logEvents=[{"timestamp": 1_700_000_000_000, "message": CANARY}],
    )
    stack.drop("jobs/canary/map/SUCCEEDED_0.json", CANARY.encode())
    stack.cloud.client("dynamodb").put_item(
        TableName=stack.outputs["JobsTableName"],
        Item={"job_id": {"S": "canary"}, "sk": {"S": "cage"}, "said": {"S": CANARY}},
    )
    try:
        heard = places_where_it_sings(stack.cloud)
    finally:
        logs.delete_log_group(logGroupName=group)
        stack.s3.delete_object(Bucket=stack.bucket, Key="jobs/canary/map/SUCCEEDED_0.json")
        stack.cloud.client("dynamodb").delete_item(
            TableName=stack.outputs["JobsTableName"],
            Key={"job_id": {"S": "canary"}, "sk": {"S": "cage"}},
        )

    assert heard == [
        "jobs/canary/map/SUCCEEDED_0.json",
        f"log {group}",
        f"table {stack.outputs['JobsTableName']}",
    ]
