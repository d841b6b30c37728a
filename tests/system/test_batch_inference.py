"""Batch inference on the laptop cloud: it reads and writes with the rights of the job's role, and tells the bus.

The host's behaviour is held in tests/contract; here is what ministack has to do with it.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest

from batchwright.aws.batchinference import BRISK, BedrockBatchInference
from batchwright.batchjob import BatchJob, BatchState, BatchStatus
from tests.emulator.cloud import Cloud
from tests.emulator.server import until
from tests.fakes import MODEL
from tests.system.test_amends import allow

BEDROCK = "bedrock.amazonaws.com"
FILES = ["s3:GetObject", "s3:ListBucket", "s3:PutObject"]


@pytest.fixture
def box(cloud: Cloud) -> Iterator[str]:
    """A bucket with the input of one job in it."""
    s3, name = cloud.client("s3"), f"box-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    says = {"role": "user", "content": [{"text": "hello"}]}
    lines = [
        json.dumps({"recordId": f"r{number}", "modelInput": {"messages": [says]}}) + "\n"
        for number in range(100)
    ]
    s3.put_object(Bucket=name, Key="in/0.jsonl", Body="".join(lines).encode())
    yield name
    for each in s3.list_objects_v2(Bucket=name)["Contents"]:
        s3.delete_object(Bucket=name, Key=each["Key"])
    s3.delete_bucket(Bucket=name)


def role(
    cloud: Cloud, box: str, *, trusts: str = BEDROCK, account: str = "", may: list[str]
) -> str:
    """Make a role of a service that acts for jobs of an account; return its ARN."""
    iam, name = cloud.client("iam"), f"batch-{uuid.uuid4().hex}"
    account = account or cloud.client("sts").get_caller_identity()["Account"]
    jobs = f"arn:aws:bedrock:*:{account}:model-invocation-job/*"
    trust = {
        "Principal": {"Service": trusts},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": jobs},
        },
    }
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=allow(trust))["Role"]["Arn"]
    places = [f"arn:aws:s3:::{box}", f"arn:aws:s3:::{box}/*"]
    policy = allow({"Action": may, "Resource": places})
    iam.put_role_policy(RoleName=name, PolicyName="batch", PolicyDocument=policy)
    return str(arn)


def ended(cloud: Cloud, box: str, role_arn: str) -> BatchState:
    """Run one job over the box with a role, and return how it ended."""
    client = cast("Any", boto3).client(
        "bedrock",
        endpoint_url=cloud.url("host"),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=BRISK,
    )
    jobs = BedrockBatchInference(client, box, role=role_arn)
    name = uuid.uuid4().hex
    arn = jobs.start(
        BatchJob(
            name=name,
            token=name,
            model=MODEL,
            input_key="in/0.jsonl",
            output_prefix="out/",
            converse=True,
            hours=24,
        )
    )
    assert until(lambda: jobs.state(arn).ended, seconds=60)
    state = jobs.state(arn)
    client.close()
    return state


def test_a_job_reads_and_writes_with_the_rights_of_its_role(cloud: Cloud, box: str) -> None:
    state = ended(cloud, box, role(cloud, box, may=FILES))

    assert state.status is BatchStatus.COMPLETED
    answers = cloud.client("s3").get_object(Bucket=box, Key=f"out/{state.job}/0.jsonl.out")
    assert len(answers["Body"].read().splitlines()) == 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"may": ["s3:ListBucket", "s3:PutObject"]},
        {"may": ["s3:GetObject", "s3:ListBucket"]},
        {"may": FILES, "trusts": "sagemaker.amazonaws.com"},
        {"may": FILES, "account": "999999999999"},
    ],
    ids=["may not read", "may not write", "trusts another service", "acts for another account"],
)
def test_a_role_that_may_not_or_trusts_somebody_else_fails_the_job(
    cloud: Cloud, box: str, wrong: dict[str, Any]
) -> None:
    state = ended(cloud, box, role(cloud, box, **wrong))

    assert state.status is BatchStatus.FAILED
    assert "AccessDenied" in str(state.message) or "Forbidden" in str(state.message)


def test_bedrock_tells_the_bus_and_nobody_else_speaks_for_it(cloud: Cloud, box: str) -> None:
    events, sqs, name = cloud.client("events"), cloud.client("sqs"), f"batch-{uuid.uuid4().hex}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    send = {"Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = allow({**send, "Resource": arn})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    pattern = {"source": ["aws.bedrock"], "detail": {"status": ["Completed"]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    forged = {"Source": "aws.bedrock", "DetailType": "x", "Detail": '{"status": "Completed"}'}

    refused = events.put_events(Entries=[forged])
    state = ended(cloud, box, role(cloud, box, may=FILES))

    heard: list[dict[str, Any]] = []

    def listen() -> bool:
        heard.extend(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []))
        return bool(heard)

    assert refused["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert until(listen, seconds=60)
    told = [json.loads(message["Body"]) for message in heard]
    assert [event["resources"] for event in told] == [[state.arn]]
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=queue)
