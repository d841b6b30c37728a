"""What S3 and DynamoDB say on a bad day, through a proxy, to the real adapters (faults 36 and 37)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from batchwright.aws.clock import SystemClock
from batchwright.aws.jobs import DynamoDBJobs
from batchwright.aws.s3 import BODY_TRIES, S3Objects
from batchwright.aws.wiring import PLUMBING
from batchwright.chunklog import ChunkLog
from batchwright.errors import AlreadyExists, LogBroken, Unavailable
from batchwright.job import JobRow, Reason, Status
from batchwright.outcome import Tally
from batchwright.places import chunk_prefix
from batchwright.steps.admit import World, admit
from tests.chaos.bed import BUCKET, TABLE, Bed
from tests.chaos.proxy import Fault, FaultProxy, proxied
from tests.emulator import surroundings
from tests.fakes import MODEL, SALT, ListedEvents, ListedLedger, ListedWorkflows, settled
from tests.lanefakes import ListedTasks, MemorySlots, MemorySubmissions
from tests.laptop import chat_file

SEGMENT = r"/chunks/000000/00000\d\.jsonl"
SLOW = "SlowDown"
FAILED = "InternalError"


@pytest.fixture
def proxy(bed: Bed) -> Iterator[FaultProxy]:
    with proxied(bed.cloud.url("ministack")) as standing:
        yield standing
        left = [fault for fault in standing.faults if fault.times]
    assert left == [], "every scripted fault must have hit"


def client(service: str, proxy: FaultProxy, *, attempts: int = 6) -> Any:
    """Return the client that the functions use, led through the proxy."""
    config = PLUMBING.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    keys = surroundings.CREDENTIALS
    session: Any = boto3.Session(
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=surroundings.REGION,
    )
    return session.client(service, endpoint_url=proxy.url, config=config)


@pytest.fixture
def objects(proxy: FaultProxy) -> S3Objects:
    return S3Objects(client("s3", proxy), BUCKET)


@pytest.fixture
def jobs(proxy: FaultProxy) -> DynamoDBJobs:
    return DynamoDBJobs(client("dynamodb", proxy), TABLE)


@pytest.fixture
def job_id(request: pytest.FixtureRequest) -> str:
    """An id that no other test has."""
    return str(request.node.name)


def row(job_id: str, **changes: Any) -> JobRow:
    at = "2026-11-24T12:00:00.000Z"
    received = JobRow(
        job_id=job_id, status=Status.RECEIVED, created_at=at, updated_at=at, contract="default"
    )
    return replace(received, **changes)


def writer(objects: S3Objects, job_id: str, name: str) -> ChunkLog:
    return ChunkLog(objects, job_id, 0, writer=name)


def indexes(objects: S3Objects, job_id: str) -> list[int]:
    """Return what a worker that comes later finds settled."""
    return [each.counted.index for each in writer(objects, job_id, "later").read()]


# ---- S3 ----------------------------------------------------------------------------------------


def test_a_slow_bucket_is_asked_again(proxy: FaultProxy, objects: S3Objects, job_id: str) -> None:
    proxy.add(Fault(service="s3", forward=False, status=503, code=SLOW, times=2))

    objects.create(f"{job_id}/a", b"content")

    assert proxy.asked(service="s3", method="PUT") == 3
    assert objects.read(f"{job_id}/a") == b"content"


def test_a_bucket_that_stays_slow_is_unavailable_and_the_workflow_waits(proxy: FaultProxy) -> None:
    objects = S3Objects(client("s3", proxy, attempts=2), BUCKET)
    proxy.add(Fault(service="s3", forward=False, status=503, code=SLOW, times=None))

    with pytest.raises(Unavailable, match=SLOW):
        objects.read("a")


def test_two_conditional_writes_that_meet_are_told_apart_at_the_next_try(
    proxy: FaultProxy, objects: S3Objects, job_id: str
) -> None:
    conflict = "ConditionalRequestConflict"
    proxy.add(Fault(method="PUT", path=SEGMENT, forward=False, status=409, code=conflict, times=2))

    assert writer(objects, job_id, "w").append([settled(0)]) == [settled(0)]

    assert proxy.asked(method="PUT", path=SEGMENT) == 3
    assert indexes(objects, job_id) == [0]


def test_a_segment_whose_reply_was_lost_is_known_as_ones_own(
    proxy: FaultProxy, objects: S3Objects, job_id: str
) -> None:
    log = writer(objects, job_id, "w")
    proxy.add(Fault(method="PUT", path=SEGMENT, status=500, code=FAILED))

    assert log.append([settled(0), settled(1)], calls=2) == [settled(0), settled(1)]
    assert log.append([settled(2)], calls=1) == [settled(2)]

    assert indexes(objects, job_id) == [0, 1, 2]
    assert (log.segments, log.tally.calls) == (2, 3)


@pytest.mark.parametrize("cut_at", [-1, 0])
def test_a_connection_that_breaks_after_the_write_doubles_nothing(
    proxy: FaultProxy, objects: S3Objects, job_id: str, cut_at: int
) -> None:
    proxy.add(Fault(method="PUT", path=SEGMENT, cut_at=cut_at))

    writer(objects, job_id, "w").append([settled(0)], calls=1)

    log = writer(objects, job_id, "later")
    log.catch_up()
    assert (log.settled, log.segments, log.tally.calls) == ({0}, 1, 1)


def test_a_segment_that_another_worker_wrote_meanwhile_stands_and_ours_follows(
    proxy: FaultProxy, objects: S3Objects, job_id: str
) -> None:
    late, fast = writer(objects, job_id, "late"), writer(objects, job_id, "fast")
    fast.append([settled(0, "fast"), settled(1, "fast")], calls=2)
    # botocore asks again after the 503, and the number is taken: not by the request before, but by the other worker.
    proxy.add(Fault(method="PUT", path=SEGMENT, forward=False, status=503, code=SLOW))

    written = late.append([settled(1, "late"), settled(2, "late")], calls=2)

    assert written == [settled(2, "late")]
    entries = [*writer(objects, job_id, "later").read()]
    assert [each.result for each in entries] == [
        settled(0, "fast")[1],
        settled(1, "fast")[1],
        settled(2, "late")[1],
    ]


def test_a_read_that_breaks_each_time_is_no_segment_and_no_end_of_the_log(
    proxy: FaultProxy, objects: S3Objects, job_id: str
) -> None:
    writer(objects, job_id, "w").append([settled(0), settled(1)], calls=2)
    proxy.add(Fault(method="GET", path=SEGMENT, cut_at=100, times=BODY_TRIES))

    with pytest.raises(Unavailable):
        indexes(objects, job_id)

    assert indexes(objects, job_id) == [0, 1]


def test_a_segment_whose_bytes_were_changed_stops_who_reads_it(
    objects: S3Objects, job_id: str
) -> None:
    writer(objects, job_id, "w").append([settled(0)], calls=1)
    key = f"{chunk_prefix(job_id, 0)}000000.jsonl"
    objects.write(key, objects.read(key).replace(b"succeeded", b"cancelled"))

    with pytest.raises(LogBroken):
        indexes(objects, job_id)


def test_what_must_not_exist_yet_and_does_is_never_overwritten(
    proxy: FaultProxy, objects: S3Objects, job_id: str
) -> None:
    objects.create(f"{job_id}/a", b"first")
    proxy.add(Fault(method="PUT", path="/a$", forward=False, status=503, code=SLOW))

    with pytest.raises(AlreadyExists):
        objects.create(f"{job_id}/a", b"second")

    assert objects.read(f"{job_id}/a") == b"first"


# ---- DynamoDB ----------------------------------------------------------------------------------

THROTTLES = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
]


@pytest.mark.parametrize("code", THROTTLES)
def test_a_throttled_table_is_asked_again(
    proxy: FaultProxy, jobs: DynamoDBJobs, job_id: str, code: str
) -> None:
    proxy.add(Fault(service="dynamodb", forward=False, status=400, code=code, times=2))

    assert jobs.add(row(job_id))

    assert proxy.asked(op="PutItem") == 3
    assert jobs.get(job_id) == row(job_id)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, THROTTLES[0]), (500, "InternalServerError"), (400, "TransactionConflictException")],
)
def test_a_table_that_stays_away_is_unavailable_and_the_workflow_waits(
    proxy: FaultProxy, job_id: str, status: int, code: str
) -> None:
    jobs = DynamoDBJobs(client("dynamodb", proxy, attempts=2), TABLE)
    proxy.add(Fault(service="dynamodb", forward=False, status=status, code=code, times=None))

    with pytest.raises(Unavailable, match=code):
        jobs.report_chunk(job_id, 0, 1, Tally())


def test_a_storm_of_failed_conditions_leaves_the_row_that_is_further(
    proxy: FaultProxy, jobs: DynamoDBJobs, job_id: str
) -> None:
    jobs.add(row(job_id))
    closing = row(job_id, status=Status.CLOSING)
    assert jobs.change(closing)

    told = [jobs.change(row(job_id, status=Status.RUNNING)) for _ in range(20)]

    assert told == [False] * 20
    assert proxy.asked(op="PutItem") == 22, "a condition that failed is an answer, not a fault"
    assert jobs.get(job_id) == closing


def test_a_change_whose_reply_was_lost_is_made_once_and_stands(
    proxy: FaultProxy, jobs: DynamoDBJobs, job_id: str
) -> None:
    jobs.add(row(job_id))
    running = row(job_id, status=Status.RUNNING, total=7)
    proxy.add(Fault(operation="PutItem", status=500, code="InternalServerError"))

    assert jobs.change(running)

    assert jobs.get(job_id) == running


def test_the_end_of_a_job_whose_reply_was_lost_stands(
    proxy: FaultProxy, jobs: DynamoDBJobs, job_id: str
) -> None:
    jobs.add(row(job_id))
    ended = row(job_id, status=Status.COMPLETED, total=7)
    proxy.add(Fault(operation="PutItem", status=500, code="InternalServerError"))

    jobs.change(ended)  # what it answers is not known: its own end stands in its way

    assert jobs.get(job_id) == ended
    assert not jobs.change(row(job_id, status=Status.FAILED))


def test_a_reason_to_stop_and_a_report_whose_replies_were_lost_stand(
    proxy: FaultProxy, jobs: DynamoDBJobs, job_id: str
) -> None:
    proxy.add(Fault(operation="PutItem", status=500, code="InternalServerError", times=1))
    reason = Reason(code="access_denied", message="no")
    jobs.stop(job_id, reason)
    proxy.add(Fault(operation="PutItem", cut_at=-1))
    jobs.report_chunk(job_id, 0, 3, Tally(calls=5))

    assert jobs.stop_reason(job_id) == reason
    assert jobs.progress(job_id).calls == 5


def test_a_job_whose_row_was_written_and_the_reply_lost_is_started_all_the_same(
    proxy: FaultProxy, objects: S3Objects, jobs: DynamoDBJobs
) -> None:
    workflows = ListedWorkflows()
    objects.write("inbox/lost.jsonl", chat_file(1))
    world = World(
        objects=objects,
        jobs=jobs,
        workflows=workflows,
        events=ListedEvents(),
        clock=SystemClock(),
        models=(MODEL,),
        key="",
        ledger=ListedLedger(),
        submissions=MemorySubmissions(),
        slots=MemorySlots(lambda: 0.0),
        tasks=ListedTasks(),
        new_salt=lambda: SALT,
    )
    proxy.add(
        Fault(method="PUT", path=r"/job\.json$", status=500, code=FAILED),
        Fault(operation="PutItem", status=500, code="InternalServerError"),
    )

    (admitted,) = admit(f'{{"input": "s3://{BUCKET}/inbox/lost.jsonl"}}', "message-1", world)

    assert workflows.started == [admitted.job_id]
    found = jobs.get(admitted.job_id)
    assert found is not None
    assert found.status is Status.RECEIVED


def test_a_reply_that_comes_late_is_waited_for(
    proxy: FaultProxy, jobs: DynamoDBJobs, objects: S3Objects, job_id: str
) -> None:
    proxy.add(Fault(service="dynamodb", delay=0.5), Fault(service="s3", method="PUT", delay=0.5))

    assert jobs.add(row(job_id))
    objects.create(f"{job_id}/a", b"content")

    assert (proxy.asked(service="dynamodb"), proxy.asked(service="s3")) == (1, 1)
