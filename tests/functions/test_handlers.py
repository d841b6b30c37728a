import json
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import boto3
import pytest

import functions.admit
import functions.close
import functions.collect
import functions.invoke
import functions.join
import functions.plan
import functions.submit
import functions.sweep
import functions.wake
from batchwright.aws import wiring
from batchwright.errors import BatchwrightError, Unforeseen
from batchwright.job import JobRow, Status, timestamp
from tests.functions.conftest import BUCKET, STATE_MACHINE, Context, LastMoment, event, forget
from tests.laptop import chat_file
from tests.loopback import Answer, answering

DOCS = Path(__file__).parents[2] / "docs"

pytestmark = pytest.mark.usefixtures("cloud")


def read(key: str) -> bytes:
    content: bytes = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


def test_a_worker_knows_for_how_long_the_workflow_waited_before_it() -> None:
    chunk = event("invoke.chunk")

    assert functions.invoke.rested_of(chunk) == 0
    assert functions.invoke.rested_of({**chunk, "answer": {"state": "more"}}) == 0
    paused = {"state": "paused", "seconds": 30}
    assert functions.invoke.rested_of({**chunk, "answer": paused}) == 30


def test_the_events_tell_the_way_of_one_job_and_every_handler_takes_its_own() -> None:
    assert functions.admit.handler(event("admit.records-queued"), Context()) == {
        "batchItemFailures": []
    }
    job_id = event("plan.job")["job_id"]
    planned = functions.plan.handler(event("plan.job"), Context())
    assert planned["state"] == "done"
    (chunk,) = read(planned["plan"]["key"]).splitlines()
    assert json.loads(chunk) == event("invoke.chunk")

    assert functions.invoke.handler(event("invoke.chunk"), Context()) == {"state": "done"}

    assert functions.close.handler(event("close.job"), Context()) == {
        "state": "done",
        "status": "completed",
    }
    answers = [json.loads(line) for line in read(f"results/{job_id}/output.jsonl").splitlines()]
    assert [answer["custom_id"] for answer in answers] == ["mail-1", "mail-2"]
    said = answers[0]["response"]["body"]["choices"][0]["message"]["content"]
    assert said == "Where is my parcel?"


def test_a_plan_asks_what_the_account_is_granted_and_starts_no_more_workers_than_that_keeps_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way = "{} model inference tokens per minute for Amazon Nova Lite"
    names = (way.format("On-demand"), way.format("Cross-region"))
    said = json.dumps({"Quotas": [{"QuotaName": name, "Value": 60_000.0} for name in names]})

    def told(headers: Message, _asked: bytes) -> Answer:
        assert headers["X-Amz-Target"].endswith(".ListServiceQuotas")
        return Answer(200, "application/x-amz-json-1.1", said.encode())

    functions.admit.handler(event("admit.records-queued"), Context())
    with answering(told) as quotas:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", quotas)
        planned = functions.plan.handler(event("plan.job"), Context())

    kept = json.loads(read(f"jobs/{event('plan.job')['job_id']}/planned.json"))
    assert set(kept["limits"]["granted"].values()) == {60_000}
    assert planned["max_concurrency"] < 10


def test_the_events_of_a_lane_tell_how_too_few_records_are_asked_on_demand() -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    planned = functions.plan.handler(event("plan.job"), Context())
    (line,) = read(planned["plan"]["key"]).splitlines(keepends=True)
    submission = event("submit.chunks")["submission"]
    assert submission == event("collect.chunks")
    assert submission["plan"] == {"start": 0, "end": len(line)}

    assert functions.submit.handler(event("submit.chunks"), Context()) == {"state": "ended"}

    for what in ("wake.batch-ended", "wake.endpoint-answered"):
        assert functions.wake.handler(event(what), Context()) == {"batchItemFailures": []}
    assert functions.collect.handler(event("collect.chunks"), Context()) == {"state": "done"}
    closed = functions.close.handler(event("close.job"), Context())
    assert closed == {"state": "done", "status": "completed"}
    key = {"id": {"S": f"submission#bw-{submission['job_id']}-00-000000"}}
    row = boto3.client("dynamodb").get_item(TableName="state", Key=key)["Item"]
    assert row["ended"] == {"BOOL": True}, "the notification found the submission by its name"


@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # nothing was worked on
def test_the_event_of_a_step_that_failed_tells_how_its_job_is_stopped() -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    functions.plan.handler(event("plan.job"), Context())

    answer = functions.submit.handler(event("submit.step-failed"), Context())

    assert answer == {"state": "stopped", "reason": "workflow_failed"}
    told = boto3.client("dynamodb").scan(TableName="jobs")["Items"]
    assert any("a step failed with States.Timeout" in str(item) for item in told)


def test_the_events_of_a_document_tell_how_its_answers_are_joined() -> None:
    contract = (DOCS / "contracts/summarise.yaml").read_bytes()
    boto3.client("s3").put_object(Bucket=BUCKET, Key="contracts/summarise.yaml", Body=contract)
    functions.admit.handler(event("admit.document-queued"), Context())
    job = {"job_id": event("join.pieces-answered")["job_id"]}
    planned = functions.plan.handler(job, Context())
    assert planned["join"] == event("join.pieces-answered")["round"]
    for line in read(planned["plan"]["key"]).splitlines():
        assert functions.invoke.handler(json.loads(line), Context()) == {"state": "done"}

    joined = functions.join.handler(event("join.pieces-answered"), Context())

    assert (joined["state"], joined["join"]) == ("done", 0)
    for line in read(joined["plan"]["key"]).splitlines():
        assert functions.invoke.handler(json.loads(line), Context()) == {"state": "done"}
    functions.close.handler({**job, "failure": None}, Context())
    answers = [
        json.loads(line) for line in read(f"results/{job['job_id']}/output.jsonl").splitlines()
    ]
    assert [answer["part"] for answer in answers] == [1, 2, None]


def test_the_events_of_a_redrive_tell_how_a_job_that_was_cancelled_goes_on() -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    job_id = event("plan.job")["job_id"]
    functions.plan.handler(event("plan.job"), Context())
    functions.admit.handler(event("admit.cancel-queued"), Context())
    stopped = functions.invoke.handler(event("invoke.chunk"), Context())
    assert stopped == {"state": "stopped", "reason": "cancelled"}
    functions.close.handler(event("close.job"), Context())

    functions.admit.handler(event("admit.redrive-queued"), Context())

    planned = functions.plan.handler(event("plan.redrive"), Context())
    (chunk,) = read(planned["plan"]["key"]).splitlines()
    assert functions.invoke.handler(json.loads(chunk), Context()) == {"state": "done"}
    closed = functions.close.handler(event("close.redrive"), Context())
    assert closed == {"state": "done", "status": "completed"}
    output = read(f"results/{job_id}/redrives/01/output.jsonl").splitlines()
    assert [json.loads(line)["custom_id"] for line in output] == ["mail-1", "mail-2"]
    workflows = boto3.client("stepfunctions")
    runs = workflows.list_executions(stateMachineArn=STATE_MACHINE)["executions"]
    assert {run["name"] for run in runs} == {job_id, f"{job_id}-close", f"{job_id}-redrive-1"}


def test_a_failed_workflow_closes_with_its_reason() -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    functions.plan.handler(event("plan.job"), Context())

    answer = functions.close.handler(event("close.failed-job"), Context())

    assert answer == {"state": "done", "status": "failed"}


def test_a_dropped_file_is_found_by_its_key_as_it_is() -> None:
    s3 = boto3.client("s3")
    dropped = event("admit.file-dropped")
    body = json.loads(dropped["Records"][0]["body"])
    key = body["detail"]["object"]["key"]
    put = s3.put_object(Bucket=BUCKET, Key=key, Body=chat_file(1))
    body["detail"]["object"]["version-id"] = put["VersionId"]
    dropped["Records"][0]["body"] = json.dumps(body)

    assert functions.admit.handler(dropped, Context()) == {"batchItemFailures": []}

    (job,) = [
        found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET, Prefix="jobs/")["Contents"]
    ]
    assert json.loads(read(job))["input"]["key"] == key


def test_only_the_messages_that_aws_failed_come_back() -> None:
    good, bad = event("admit.records-queued"), event("admit.records-queued")
    mixed = {"Records": [*good["Records"], {**bad["Records"][0], "messageId": "second"}]}
    mixed["Records"][1]["body"] = json.dumps({"records": [{"a": 1}], "contract": "other"})
    boto3.client("dynamodb").delete_table(TableName="jobs")

    answer = functions.admit.handler(mixed, Context())

    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == [good["Records"][0]["messageId"], "second"]


def test_a_users_mistake_does_not_come_back() -> None:
    wrong = event("admit.records-queued")
    wrong["Records"][0]["body"] = "no message of ours"

    assert functions.admit.handler(wrong, Context()) == {"batchItemFailures": []}


def test_a_message_whose_job_was_started_does_not_come_back_for_its_event_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Answer(400, "application/x-amz-json-1.1", b'{"__type": "AccessDeniedException"}')
    with answering(lambda *_: refusal) as bus:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EVENTBRIDGE", bus)
        answer = functions.admit.handler(event("admit.records-queued"), Context())

    assert answer == {"batchItemFailures": []}
    (told,) = [vars(record) for record in caplog.records if record.levelname == "WARNING"]
    assert told["message"] == "job received, not told"
    assert told["job_id"] == event("plan.job")["job_id"]
    assert told["told"] == "event of a job: AWS says AccessDeniedException"


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]


def test_a_worker_measures_what_it_did_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    functions.plan.handler(event("plan.job"), Context())
    capsys.readouterr()

    functions.invoke.handler(event("invoke.chunk"), Context())

    (metrics,) = [line for line in logged(capsys) if "_aws" in line]
    assert metrics["RecordsSucceeded"] == [2]
    assert metrics["RecordsFailed"] == [0]
    assert metrics["Calls"] == [2]
    assert metrics["CachedRecords"] == metrics["CacheFaults"] == [0]
    assert metrics["InputTokens"] == [11]
    assert metrics["CostUSD"][0] > 0
    assert len(metrics["ModelLatency"]) == 2
    assert metrics["ChunkDuration"][0] > 0


def test_records_that_only_the_close_settled_are_measured_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    functions.plan.handler(event("plan.job"), Context())
    capsys.readouterr()

    functions.close.handler(event("close.failed-job"), Context())

    (metrics,) = [line for line in logged(capsys) if "_aws" in line]
    assert metrics["JobsFailed"] == [1]
    assert metrics["RecordsFailed"] == [2]


def test_a_close_whose_time_is_up_goes_on_in_the_next_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    functions.plan.handler(event("plan.job"), Context())
    capsys.readouterr()

    paused = functions.close.handler(event("close.failed-job"), LastMoment())
    closed = functions.close.handler(event("close.failed-job"), Context())

    assert paused == {"state": "more"}
    assert closed == {"state": "done", "status": "failed"}
    job_id = event("plan.job")["job_id"]
    assert len(read(f"results/{job_id}/errors.jsonl").splitlines()) == 2
    before, after = [line for line in logged(capsys) if "_aws" in line]
    assert before["RecordsFailed"] == [0]
    assert not {name for name in before if name.startswith("Jobs")}
    assert after["RecordsFailed"] == [2]
    assert after["JobsFailed"] == [1]


SWEEP = "sweep.every-five-minutes"
SAID = {"messages": [{"role": "user", "content": [{"text": "Where is my parcel?"}]}]}


def test_a_sweep_that_finds_nothing_measures_zeros(capsys: pytest.CaptureFixture[str]) -> None:
    functions.admit.handler(event("admit.records-queued"), Context())
    capsys.readouterr()

    swept = functions.sweep.handler(event(SWEEP), Context())

    assert swept == {"stalled": 0, "restarted": 0, "stuck": 0, "forgotten": 0}
    (metrics,) = [line for line in logged(capsys) if "_aws" in line]
    assert [metrics[name] for name in ("JobsStalled", "JobsRestarted", "JobsStuck")] == [[0]] * 3


def test_a_sweep_takes_up_a_job_whose_execution_is_not_there(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = silent_job()
    monkeypatch.setenv("SWEEP_MINUTES", "30")

    swept = functions.sweep.handler(event(SWEEP), Context())

    assert swept == {"stalled": 0, "restarted": 1, "stuck": 0, "forgotten": 0}
    sfn = boto3.client("stepfunctions")
    (execution,) = sfn.list_executions(stateMachineArn=STATE_MACHINE)["executions"]
    assert execution["name"] == job_id
    (told,) = [vars(record) for record in caplog.records]
    assert (told["message"], told["job_id"]) == ("job stalled", job_id)
    assert told["did"] == "restarted"
    assert told["minutes"] > 1000


def test_a_job_that_cannot_be_swept_fails_the_sweep_and_leaves_its_metrics(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    job_id = silent_job()
    sfn = boto3.client("stepfunctions")
    sfn.start_execution(stateMachineArn=STATE_MACHINE, name=job_id)
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"jobs/{job_id}/job.json", Body=b"canary-4711")

    with pytest.raises(Unforeseen, match="ValidationError"):
        functions.sweep.handler(event(SWEEP), Context())

    (metrics,) = [line for line in logged(capsys) if "_aws" in line]
    assert metrics["JobsStuck"] == [0]
    told = [vars(record) for record in caplog.records]
    assert [line["message"] for line in told] == ["job not looked at", "handler failed"]
    assert (told[0]["job_id"], told[0]["error"]) == (job_id, "ValidationError")
    assert "canary-4711" not in str(told)


def test_a_sweep_forgets_a_job_whose_time_is_over_and_tells_no_more_than_its_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    s3 = boto3.client("s3")
    contract = (
        b"name: brief\nroutes: [{model: 'us.amazon.nova-lite-v1:0'}]\nretention: {results: 1h}\n"
    )
    s3.put_object(Bucket=BUCKET, Key="contracts/brief.yaml", Body=contract)
    told = {"contract": "brief", "records": [{"recordId": "a", "modelInput": SAID}]}
    queued = event("admit.records-queued")
    queued["Records"] = [{**queued["Records"][0], "body": json.dumps(told)}]
    functions.admit.handler(queued, Context())
    (row,) = wiring.jobs().recent(2)
    functions.plan.handler({"job_id": row.job_id}, Context())
    functions.close.handler({"job_id": row.job_id, "failure": None}, Context())
    (due,) = wiring.jobs().due(datetime.now(UTC) + timedelta(hours=1))
    wiring.jobs().settle_due(due)
    wiring.jobs().add_due(replace(due, at=datetime.now(UTC) - timedelta(seconds=9)))
    caplog.clear()

    assert functions.sweep.handler(event(SWEEP), Context())["forgotten"] == 1

    versions = s3.list_object_versions(Bucket=BUCKET)
    left = [each["Key"] for each in versions["Versions"] if row.job_id in each["Key"]]
    assert left == [
        f"results/{row.job_id}/{name}"
        for name in ("receipt.json", "report.html", "seal.json", "tree/0")
    ]
    kinds = [json.loads(each.content)["kind"] for each in wiring.ledger().entries()]
    assert kinds == ["close", "forget"]
    (line,) = [vars(record) for record in caplog.records]
    assert (line["message"], line["job_id"], line["what"]) == ("job forgotten", row.job_id, "job")
    assert functions.sweep.handler(event(SWEEP), Context())["forgotten"] == 0


def silent_job() -> str:
    """A job that was admitted long ago, whose admission died before it started the workflow."""
    job_id = "a" * 32
    long_ago = timestamp(datetime.now(UTC) - timedelta(days=1))
    row = JobRow(
        job_id=job_id,
        status=Status.RECEIVED,
        created_at=long_ago,
        updated_at=long_ago,
        contract="default",
    )
    assert wiring.jobs().add(row)
    return job_id


def test_no_text_of_a_record_is_ever_logged(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    canary = event("admit.records-queued")
    text = canary["Records"][0]["body"].replace("Where is my parcel?", "canary-4711")
    canary["Records"][0]["body"] = text
    functions.admit.handler(canary, Context())
    (key,) = [
        found["Key"]
        for found in boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="jobs/")["Contents"]
        if found["Key"].endswith("job.json")
    ]
    job = {"job_id": key.split("/")[1]}
    planned = functions.plan.handler(job, Context())
    functions.invoke.handler(json.loads(read(planned["plan"]["key"])), Context())
    functions.close.handler(job, Context())

    assert b"canary-4711" in read(f"results/{job['job_id']}/output.jsonl")
    written = capsys.readouterr()
    logs = written.out + written.err + caplog.text
    assert "chunk worked on" in logs
    assert "canary-4711" not in logs


@pytest.mark.parametrize(
    "handler",
    [
        functions.admit.handler,
        functions.plan.handler,
        functions.invoke.handler,
        functions.join.handler,
        functions.close.handler,
        functions.sweep.handler,
        functions.submit.handler,
        functions.collect.handler,
    ],
    ids=lambda handler: handler.__module__,
)
@pytest.mark.filterwarnings("ignore:No application metrics:UserWarning")  # where it fails before
def test_a_trace_is_told_no_word_of_what_failed(
    handler: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKET", "")
    monkeypatch.setenv("JOBS_TABLE", "canary 4711")  # no table can be called so
    forget()

    with pytest.raises(BatchwrightError) as caught:
        handler({"canary-4711": "canary-4711", "Records": [{"body": "canary-4711"}]}, Context())

    assert "4711" not in json.dumps(as_x_ray_is_told(caught.value))


def as_x_ray_is_told(fault: BaseException) -> dict[str, Any]:
    """What Lambda's runtime sends as the cause of a failed call (awslambdaric's bootstrap.py, ``make_xray_fault``)."""
    frames = traceback.extract_tb(fault.__traceback__)
    stack = [{"label": each.name, "path": each.filename, "line": each.lineno} for each in frames]
    told = {"message": str(fault), "type": type(fault).__name__, "stack": stack}
    return {"working_directory": str(Path.cwd()), "exceptions": [told], "paths": []}


def test_an_exception_that_nobody_foresaw_leaves_without_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Exception, match="KeyError at ") as caught:
        functions.plan.handler({"canary-4711": 1}, Context())

    assert type(caught.value).__name__ == "Unforeseen"
    assert caught.value.__cause__ is None
    assert "canary-4711" not in capsys.readouterr().out
