"""Batch inference as only the host and the adapter have it: events, rights, what is paid, and broken calls."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from batchwright.batchjob import BatchStatus
from batchwright.errors import AccessDenied, ModelUnknown, RecordInvalid, Throttled, Unavailable
from tests.contract.batches import (
    IN,
    KEY,
    OUT,
    OnTheHost,
    asking,
    end,
    lines,
    on_the_host,
    stage,
    wish,
)
from tests.emulator.host.running import RunningHost
from tests.fakes import MODEL
from tests.fakes_batch import ROLE

CREATE = "CreateModelInvocationJob"


@pytest.fixture
def place(aws: None) -> Iterator[OnTheHost]:  # noqa: ARG001 - moto, while it lasts
    with on_the_host() as there:
        yield there


@pytest.fixture
def control(place: OnTheHost) -> Iterator[Any]:
    """boto3's own client of the control plane, which repeats nothing."""
    with place.host.client("bedrock") as client:
        yield client


@pytest.fixture
def heard(place: OnTheHost) -> Callable[[], list[dict[str, Any]]]:
    """What a rule on the default bus sends to a queue; ``place`` is there first."""
    assert place
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    pattern = {"source": ["aws.bedrock"], "detail-type": ["Batch Inference Job State Change"]}
    events.put_rule(Name="batch", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="batch", Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])

    def receive() -> list[dict[str, Any]]:
        told = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            told += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return told

    return receive


def test_every_change_is_told_on_the_bus(
    place: OnTheHost, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    stage(place, asking("a"))

    arn = place.jobs.start(wish())
    place.wait(arn, lambda state: state.ended)
    told = until_told(heard, "Completed")

    statuses = [event["detail"]["status"] for event in told]
    assert statuses == ["Submitted", "Validating", "Scheduled", "InProgress", "Completed"]
    last = told[-1]
    assert last["resources"] == [arn]
    assert last["detail"] | {"creationTime": "?"} == {
        "version": "0.0",
        "accountId": "123456789012",
        "batchJobName": "j-0-1",
        "batchJobArn": arn,
        "batchModelId": MODEL,
        "status": "Completed",
        "failureMessage": "",
        "creationTime": "?",
    }


def test_events_may_be_lost_or_come_twice(
    place: OnTheHost, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    place.behave(
        faults=[
            {"do": "lose_event", "match": "^j-0-1 Scheduled$"},
            {"do": "double_event", "match": " Completed$"},
        ]
    )
    stage(place, asking("a"))

    end(place, place.jobs.start(wish()))
    told = until_told(heard, "Completed", times=2)

    statuses = [event["detail"]["status"] for event in told]
    assert statuses == ["Submitted", "Validating", "InProgress", "Completed", "Completed"]


def until_told(
    heard: Callable[[], list[dict[str, Any]]], status: str, *, times: int = 1
) -> list[dict[str, Any]]:
    """Return the events up to this one; the status shows a little earlier than its event."""
    told: list[dict[str, Any]] = []
    for _ in range(1000):
        told += heard()
        if [event["detail"]["status"] for event in told].count(status) == times:
            return told
    raise AssertionError("the event did not come")


def test_what_a_job_paid_stands_in_the_ledger_under_the_records_ids(place: OnTheHost) -> None:
    place.behave(faults=[{"do": "error", "match": "^b$"}, {"do": "drop", "match": "^c$"}])
    stage(place, asking("a", "b", "c"))

    end(place, place.jobs.start(wish()))

    paid = {
        call["metadata"]["recordId"]: (call["status"], call["output_tokens"])
        for call in place.host.calls()
        if call["api"] == "Batch"
    }
    assert paid == {"r0": (200, 1), "r1": (400, 0), "r2": (200, 1)}


def test_native_bodies_are_answered_by_their_family(place: OnTheHost) -> None:
    body = {"inputText": "hello", "textGenerationConfig": {"maxTokenCount": 5}}
    stage(place, [{"recordId": "t", "modelInput": body}, {"recordId": "u", "modelInput": {}}])

    arn = place.jobs.start(wish(converse=False, model="amazon.titan-text-lite-v1"))
    end(place, arn)

    said = {line["recordId"]: line for line in lines(place, arn)}
    assert said["t"]["modelOutput"]["results"][0]["outputText"] == "hello"
    assert said["u"]["error"]["errorCode"] == 400


def test_vectors_are_made_in_batches_too(place: OnTheHost) -> None:
    stage(place, [{"recordId": "t", "modelInput": {"inputText": "hello", "dimensions": 256}}])

    arn = place.jobs.start(wish(converse=False, model="amazon.titan-embed-text-v2:0"))
    end(place, arn)

    assert len(lines(place, arn)[0]["modelOutput"]["embedding"]) == 256


def test_a_folder_of_files_is_one_job(place: OnTheHost, control: Any) -> None:
    stage(place, asking("a", "b"), key="jobs/j/staged/0.jsonl")
    stage(place, asking("c"), key="jobs/j/staged/1.jsonl")
    place.objects.write("jobs/j/staged/readme.txt", b"no lines")

    arn = control.create_model_invocation_job(**asked(s3Uri="s3://box/jobs/j/staged/"))["jobArn"]
    state = end(place, arn)

    assert state.counts.success == 3
    keys = list(place.objects.keys(OUT))
    assert [key.rpartition("/")[2] for key in keys] == [
        "0.jsonl.out", "1.jsonl.out", "manifest.json.out",
    ]  # fmt: skip
    assert json.loads(place.objects.read(keys[-1])) == {
        "totalRecordCount": 3,
        "processedRecordCount": 3,
        "successRecordCount": 3,
        "errorRecordCount": 0,
        "inputTokenCount": 3,
        "outputTokenCount": 3,
    }


def asked(*, s3Uri: str = f"s3://box/{IN}", **other: Any) -> dict[str, Any]:  # noqa: N803 - AWS's word
    return {
        "jobName": "byhand",
        "roleArn": ROLE,
        "modelId": MODEL,
        "modelInvocationType": "Converse",
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": s3Uri}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://box/{OUT}"}},
    } | other


def test_records_without_an_id_are_given_one(place: OnTheHost) -> None:
    records = asking("a", "b")
    for record in records:
        del record["recordId"]
    stage(place, records)

    arn = place.jobs.start(wish())
    end(place, arn)

    assert len({line["recordId"] for line in lines(place, arn)}) == 2


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"recordId": "a"}', b""])
def test_a_line_that_is_no_record_fails_the_job_before_anything_is_paid(
    place: OnTheHost, line: bytes
) -> None:
    stage(place, asking("a"))
    place.objects.write(IN, place.objects.read(IN) + line + b"\n")

    state = end(place, place.jobs.start(wish()))

    assert state.status is BatchStatus.FAILED
    assert "line 2" in str(state.message)
    assert not any(call["api"] == "Batch" for call in place.host.calls())


def test_a_file_that_is_too_large_fails_the_job(place: OnTheHost) -> None:
    place.behave(max_bytes=100)
    stage(place, asking("a" * 100))

    assert end(place, place.jobs.start(wish())).status is BatchStatus.FAILED


def test_the_adapter_names_the_key_the_owner_and_its_own_token(
    place: OnTheHost, control: Any
) -> None:
    stage(place, asking("a"))

    arn = place.jobs.start(wish(hours=72))
    end(place, arn)

    told = control.get_model_invocation_job(jobIdentifier=arn)
    assert told["clientRequestToken"] == "token-j-0-1"
    assert told["timeoutDurationInHours"] == 72
    assert told["inputDataConfig"]["s3InputDataConfig"] == {
        "s3Uri": f"s3://box/{IN}", "s3InputFormat": "JSONL", "s3BucketOwner": "123456789012",
    }  # fmt: skip
    assert told["outputDataConfig"]["s3OutputDataConfig"] == {
        "s3Uri": f"s3://box/{OUT}", "s3EncryptionKeyId": KEY, "s3BucketOwner": "123456789012",
    }  # fmt: skip
    folder = f"{OUT}{arn.rpartition('/')[2]}"
    head = boto3.client("s3").head_object(Bucket="box", Key=f"{folder}/0.jsonl.out")
    assert head["SSEKMSKeyId"] == KEY


def test_jobs_are_listed_the_newest_first_by_name_and_status_in_pages(
    place: OnTheHost, control: Any
) -> None:
    place.behave(submitted=30)
    stage(place, asking("a"))
    arns = [place.jobs.start(wish(f"j-{number}")) for number in range(5)]
    place.jobs.stop(arns[0])
    end(place, arns[0])

    pages = control.get_paginator("list_model_invocation_jobs")
    found = [
        [job["jobName"] for job in page["invocationJobSummaries"]]
        for page in pages.paginate(
            nameContains="j-", statusEquals="Submitted", PaginationConfig={"PageSize": 3}
        )
    ]

    assert found == [["j-4", "j-3", "j-2"], ["j-1"]]


def test_the_quota_is_refused_as_bedrock_does_it(place: OnTheHost, control: Any) -> None:
    place.behave(max_jobs=1, submitted=30)
    stage(place, asking("a"))
    place.jobs.start(wish())

    with pytest.raises(control.exceptions.ServiceQuotaExceededException):
        control.create_model_invocation_job(**asked())


def test_a_stop_of_what_has_ended_is_a_conflict_on_the_wire(place: OnTheHost, control: Any) -> None:
    stage(place, asking("a"))
    arn = place.jobs.start(wish())
    end(place, arn)

    with pytest.raises(control.exceptions.ConflictException):
        control.stop_model_invocation_job(jobIdentifier=arn)


def test_a_stop_that_is_refused_while_the_job_runs_is_to_be_tried_again(place: OnTheHost) -> None:
    place.behave(submitted=30)
    stage(place, asking("a"))
    arn = place.jobs.start(wish())
    refuse(place, "StopModelInvocationJob", "ConflictException", "not now")

    with pytest.raises(Unavailable, match="Submitted, was not stopped"):
        place.jobs.stop(arn)


def refuse(place: OnTheHost, api: str, code: str, words: str) -> None:
    """Have the adapter's client be refused before it calls."""

    def answer(**_: Any) -> Any:
        reply = type("Reply", (), {"status_code": 400})()
        return reply, {"Error": {"Code": code, "Message": words}}

    place.jobs._bedrock.meta.events.register(f"before-call.bedrock.{api}", answer)


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("throttle", Throttled),
        ("403", AccessDenied),
        ("404", ModelUnknown),
        ("400", RecordInvalid),
        ("500", Unavailable),
        ("503", Unavailable),
    ],
)
def test_a_refused_start_is_told_in_our_errors_without_the_services_words(
    place: OnTheHost, do: str, error: type[Exception]
) -> None:
    place.host.behave(faults=[{"api": CREATE, "match": "^j-0-1$", "do": do}])

    with pytest.raises(error, match="start of batch job j-0-1: AWS says"):
        place.jobs.start(wish())


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("Could not assume provided IAM role. Verify the role", AccessDenied),
        ("The role doesn't have permission to access the bucket", AccessDenied),
        ("The provided model doesn't support batch inference", ModelUnknown),
        ("The provided model identifier is invalid.", ModelUnknown),
        ("Member must satisfy regular expression pattern", RecordInvalid),
    ],
)
def test_one_error_of_bedrocks_stands_for_several_of_ours(
    place: OnTheHost, words: str, error: type[Exception]
) -> None:
    refuse(place, CREATE, "ValidationException", words)

    with pytest.raises(error) as refused:
        place.jobs.start(wish())
    assert words not in str(refused.value)


def test_a_reply_that_is_cut_costs_no_second_job(place: OnTheHost) -> None:
    place.host.behave(faults=[{"api": CREATE, "do": "cut", "times": 1}])
    stage(place, asking("a"))

    with pytest.raises(Unavailable, match="cut"):
        place.jobs.start(wish())
    arn = place.jobs.start(wish())
    end(place, arn)

    assert place.jobs.find("j-0-1") == arn
    assert sum(call["api"] == "Batch" for call in place.host.calls()) == 1


def test_an_answer_that_is_cut_is_no_answer(place: OnTheHost) -> None:
    stage(place, asking("a"))
    arn = place.jobs.start(wish())
    apis = ("GetModelInvocationJob", "ListModelInvocationJobs")
    place.host.behave(faults=[{"api": api, "do": "cut"} for api in apis])

    for call in (place.jobs.state, place.jobs.find):
        with pytest.raises(Unavailable, match="cut"):
            call(arn)


def test_a_name_that_is_taken_is_the_job_that_stands(place: OnTheHost) -> None:
    stage(place, asking("a"))
    arn = place.jobs.start(wish())

    refuse(place, CREATE, "ConflictException", "taken")

    assert place.jobs.start(wish(token="another")) == arn
    with pytest.raises(Unavailable, match="collides"):
        place.jobs.start(wish("j-0-2"))


@pytest.mark.parametrize("do", ["throttle", "503"])
def test_a_job_that_cannot_be_looked_at_is_unavailable(place: OnTheHost, do: str) -> None:
    stage(place, asking("a"))
    arn = place.jobs.start(wish())
    apis = ("GetModelInvocationJob", "ListModelInvocationJobs", "StopModelInvocationJob")
    place.host.behave(faults=[{"api": api, "do": do} for api in apis])

    for call in (place.jobs.state, place.jobs.stop, place.jobs.find):
        with pytest.raises(Unavailable):
            call(arn)


def test_a_reset_forgets_the_jobs(place: OnTheHost, control: Any) -> None:
    place.behave(submitted=30)
    stage(place, asking("a"))
    arn = place.jobs.start(wish())

    place.host.reset()

    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.get_model_invocation_job(jobIdentifier=arn)
    assert place.jobs.find("j-0-1") is None


def test_of_the_behaviour_of_batches_what_is_not_said_stays(place: OnTheHost) -> None:
    place.behave(max_jobs=3)

    told = place.host.behave(batch={"stopping": 2})

    assert (told["batch"]["max_jobs"], told["batch"]["min_records"]) == (3, 1)
    with pytest.raises(ValueError, match="batch"):
        place.host.behave(batch={"nonsense": 1})


def test_a_host_that_knows_no_s3_refuses_every_job(host: RunningHost) -> None:
    with host.client("bedrock") as client, pytest.raises(ClientError, match="AWS_ENDPOINT_URL"):
        client.create_model_invocation_job(**asked())
