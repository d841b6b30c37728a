"""What ministack leaves out and AWS does: each amendment shows, on the deployed template."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulator.cloud import Cloud
from tests.emulator.server import until
from tests.system.conftest import Probe, ProbeFailed, zipped

ORIGINS = """
import aiohttp, boto3, orjson, pydantic, ministack
answer = [module.__file__ for module in (aiohttp, boto3, orjson, pydantic)]
"""
READ = """
import boto3, os
answer = boto3.client("s3").get_object(Bucket=os.environ["BUCKET"], Key="jobs/probe/it")["Body"].read().decode()
"""
WRITE = """
import boto3, os
answer = boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="jobs/probe/plan.jsonl", Body="{}")["ETag"]
"""


def allow(*statements: dict[str, Any]) -> str:
    effective = [{"Effect": "Allow", **statement} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": effective})


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    return cloud.outputs()["BucketName"]


@pytest.fixture
def plan_of_three(cloud: Cloud, bucket: str) -> str:
    """The key of a plan with three chunks."""
    key = f"jobs/{uuid.uuid4().hex}/plan.jsonl"
    cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=b'{"code": "answer = 1"}\n' * 3)
    return key


def run_map(cloud: Cloud, key: str, role: str) -> dict[str, Any]:
    """Run the probe over a plan, at most one chunk at a time, with the rights of the role."""
    sfn, name = cloud.client("stepfunctions"), f"probe-{uuid.uuid4().hex}"
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
    task["Parameters"] = {"FunctionName": "probe", "Payload.$": "$"}
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"}}
    reader["Parameters"] = {"Bucket.$": "$.bucket", "Key.$": "$.key"}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    run = {
        "Type": "Map",
        "MaxConcurrencyPath": "$.at_once",
        "ItemReader": reader,
        "ItemProcessor": {**processor, "StartAt": "Ask", "States": {"Ask": task}},
        "End": True,
    }
    definition = json.dumps({"StartAt": "Run", "States": {"Run": run}})
    machine = sfn.create_state_machine(name=name, definition=definition, roleArn=role)[
        "stateMachineArn"
    ]
    given = json.dumps({"bucket": cloud.outputs()["BucketName"], "key": key, "at_once": 1})
    execution = sfn.start_execution(stateMachineArn=machine, input=given)["executionArn"]
    assert until(lambda: described(sfn, execution)["status"] != "RUNNING", seconds=60)
    return described(sfn, execution)


def described(sfn: Any, execution: str) -> dict[str, Any]:
    found: dict[str, Any] = sfn.describe_execution(executionArn=execution)
    return found


@contextmanager
def role(cloud: Cloud, policy: str) -> Iterator[str]:
    iam, name = cloud.client("iam"), f"probe-{uuid.uuid4().hex}"
    trust = allow({"Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="probe", PolicyDocument=policy)
    try:
        yield arn
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="probe")
        iam.delete_role(RoleName=name)


def test_workers_import_what_the_layer_brings_even_where_ministack_has_it_too(probe: Probe) -> None:
    assert all("/layer_0/python/" in origin for origin in probe(ORIGINS))


def test_an_error_is_named_after_its_class(probe: Probe) -> None:
    with pytest.raises(ProbeFailed) as failed:
        probe("raise LookupError('nothing there')")

    assert failed.value.args == ("LookupError", "nothing there")


def test_a_worker_that_dies_is_an_exit_and_no_error_of_the_handler(probe: Probe) -> None:
    with pytest.raises(ProbeFailed) as failed:
        probe("import os; os._exit(1)")

    assert failed.value.args[0] == "Runtime.ExitError"


def test_a_worker_that_dies_while_it_starts_is_an_exit_too(cloud: Cloud, probe: Probe) -> None:
    assert probe("answer = 'alive'") == "alive"
    client = cloud.client("lambda")
    role = client.get_function_configuration(FunctionName="probe")["Role"]
    code = zipped({"probe.py": "import os; os._exit(1)"})
    client.create_function(
        FunctionName="stillborn",
        Runtime="python3.13",
        Handler="probe.handler",
        Role=role,
        Code={"ZipFile": code},
    )

    said = client.invoke(FunctionName="stillborn")

    assert json.loads(said["Payload"].read())["errorType"] == "Runtime.ExitError"


@pytest.mark.usefixtures("probe")
def test_a_workflow_is_told_that_a_function_is_throttled(cloud: Cloud) -> None:
    sfn, client = cloud.client("stepfunctions"), cloud.client("lambda")
    arn = client.get_function_configuration(FunctionName="probe")["FunctionArn"]
    ask = {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": arn, "End": True}}}
    client.put_function_concurrency(FunctionName="probe", ReservedConcurrentExecutions=0)
    may = {"Action": "lambda:InvokeFunction", "Resource": "*"}
    try:
        with role(cloud, allow(may)) as of_workflow:
            machine = sfn.create_state_machine(
                name=f"probe-{uuid.uuid4().hex}", definition=json.dumps(ask), roleArn=of_workflow
            )
            execution = sfn.start_execution(stateMachineArn=machine["stateMachineArn"])
            started = execution["executionArn"]
            assert until(lambda: described(sfn, started)["status"] != "RUNNING", seconds=60)
    finally:
        client.delete_function_concurrency(FunctionName="probe")

    assert described(sfn, started)["error"] == "Lambda.TooManyRequestsException"


def test_a_range_of_a_version_is_a_range(cloud: Cloud, bucket: str) -> None:
    s3, key = cloud.client("s3"), f"jobs/{uuid.uuid4().hex}"
    first = s3.put_object(Bucket=bucket, Key=key, Body=b"one two")["VersionId"]
    s3.put_object(Bucket=bucket, Key=key, Body=b"overwritten")

    part = s3.get_object(Bucket=bucket, Key=key, VersionId=first, Range="bytes=4-99")

    assert (part["ContentRange"], part["Body"].read()) == ("bytes 4-6/7", b"two")
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(Bucket=bucket, Key=key, VersionId=first, Range="bytes=7-99")


def test_an_object_is_read_and_written_only_by_whom_its_key_allows(
    cloud: Cloud, bucket: str, probe: Probe
) -> None:
    cloud.client("s3").put_object(Bucket=bucket, Key="jobs/probe/it", Body=b"readable")
    assert probe(READ) == "readable"
    assert probe(WRITE)

    with cloud.without("PlanRole", "kms:Decrypt"), pytest.raises(ProbeFailed, match="AccessDenied"):
        probe(READ)
    with (
        cloud.without("PlanRole", "kms:GenerateDataKey"),
        pytest.raises(ProbeFailed, match="AccessDenied"),
    ):
        probe(WRITE)

    assert probe(READ) == "readable"


def test_a_map_runs_with_the_rights_of_its_role_and_as_wide_as_it_is_told(
    cloud: Cloud, probe: Probe, plan_of_three: str
) -> None:
    everything = {
        "Action": ["lambda:InvokeFunction", "s3:GetObject", "kms:Decrypt"],
        "Resource": "*",
    }
    assert probe("answer = 1") == 1
    with role(cloud, allow(everything)) as allowed:
        done = run_map(cloud, plan_of_three, allowed)

    assert [child["Payload"] for child in json.loads(done["output"])] == [1, 1, 1]
    sfn = cloud.client("stepfunctions")
    (run,) = sfn.list_map_runs(executionArn=done["executionArn"])["mapRuns"]
    assert sfn.describe_map_run(mapRunArn=run["mapRunArn"])["maxConcurrency"] == 1


@pytest.mark.parametrize("missing", ["s3:GetObject", "kms:Decrypt"])
def test_a_map_whose_role_may_not_read_its_plan_fails(
    cloud: Cloud, probe: Probe, plan_of_three: str, missing: str
) -> None:
    assert probe("answer = 1") == 1
    rest = {"lambda:InvokeFunction", "s3:GetObject", "kms:Decrypt"} - {missing}
    with role(cloud, allow({"Action": sorted(rest), "Resource": "*"})) as lacking:
        done = run_map(cloud, plan_of_three, lacking)

    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert f"not authorized to perform: {missing}" in done["cause"]


def test_a_map_whose_role_may_not_invoke_fails(
    cloud: Cloud, probe: Probe, plan_of_three: str
) -> None:
    assert probe("answer = 1") == 1
    with role(
        cloud, allow({"Action": ["s3:GetObject", "kms:Decrypt"], "Resource": "*"})
    ) as lacking:
        done = run_map(cloud, plan_of_three, lacking)

    assert (done["status"], done["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


@pytest.mark.parametrize("action", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "kms:Decrypt"])
def test_a_queue_is_not_polled_without_the_right_to(cloud: Cloud, action: str) -> None:
    sqs, queue = cloud.client("sqs"), cloud.outputs()["JobsQueueUrl"]
    mapping = cloud.physical("AdmitFunctionJobs")

    with cloud.without("AdmitRole", action):
        sqs.send_message(QueueUrl=queue, MessageBody="{}")
        refusal = f"not authorized to perform: {action}"
        lam = cloud.client("lambda")
        assert until(
            lambda: refusal in lam.get_event_source_mapping(UUID=mapping)["LastProcessingResult"],
            seconds=60,
        )
        waiting = sqs.get_queue_attributes(
            QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert waiting["Attributes"]["ApproximateNumberOfMessages"] == "1"
        sqs.purge_queue(QueueUrl=queue)


def test_an_event_names_the_version_and_reaches_only_queues_that_let_it_in(
    cloud: Cloud, bucket: str
) -> None:
    sqs, events, rule = cloud.client("sqs"), cloud.client("events"), f"probe-{uuid.uuid4().hex}"
    queues = {
        name: sqs.create_queue(QueueName=f"{rule}-{name}")["QueueUrl"]
        for name in ("open", "shut", "letters")
    }
    arns = {name: f"arn:aws:sqs:us-east-1:000000000000:{rule}-{name}" for name in queues}
    for name in ("open", "letters"):
        door = {
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arns[name],
        }
        sqs.set_queue_attributes(QueueUrl=queues[name], Attributes={"Policy": allow(door)})
    pattern = {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": rule}]}}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    letters = {"DeadLetterConfig": {"Arn": arns["letters"]}}
    targets = [{"Id": "open", "Arn": arns["open"]}, {"Id": "shut", "Arn": arns["shut"], **letters}]
    events.put_targets(Rule=rule, Targets=targets)

    version = cloud.client("s3").put_object(Bucket=bucket, Key=f"{rule}/a+b c", Body=b"")[
        "VersionId"
    ]

    for name in ("open", "letters"):
        (message,) = sqs.receive_message(QueueUrl=queues[name], WaitTimeSeconds=10)["Messages"]
        told = json.loads(message["Body"])["detail"]["object"]
        assert (told["key"], told["version-id"]) == (f"{rule}/a+b c", version)
    assert "Messages" not in sqs.receive_message(QueueUrl=queues["shut"])
