"""What the table of jobs must do: the same for the one in memory and the one in DynamoDB."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from batchwright.aws.jobs import DynamoDBJobs
from batchwright.job import JobRow, Reason, Redrive, Status
from batchwright.outcome import Ending, Tally
from batchwright.ports import Jobs
from batchwright.retention import Due
from batchwright.usage import Usage
from tests.fakes import NOON, MemoryJobs
from tests.house.cloudformation import table_of

DENIED = Reason(code="access_denied", message="no")
LATE = Reason(code="deadline", message="late")


@pytest.fixture(params=["in memory", "in DynamoDB"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "in memory":
        return MemoryJobs()
    request.getfixturevalue("aws")
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(TableName="jobs", **table_of("JobsTable"))
    return DynamoDBJobs(dynamodb, "jobs")


def row(job_id: str = "j", **fields: object) -> JobRow:
    base = JobRow(
        job_id=job_id,
        status=Status.RECEIVED,
        created_at="2026-11-22T12:00:00.000Z",
        updated_at="2026-11-22T12:00:00.000Z",
        contract="default",
    )
    return replace(base, **fields)  # type: ignore[arg-type]


def redrive(number: int) -> Redrive:
    return Redrive(number=number, only=(Ending.FAILED,), began_at=NOON)


def tally(succeeded: int, cost: float | None = 0.000123456789) -> Tally:
    counts = dict.fromkeys(Ending, 0) | {Ending.SUCCEEDED: succeeded}
    usage = Usage(input_tokens=7, output_tokens=3)
    return Tally(counts=counts, usage=usage, cost_usd=cost, calls=5, ambiguous_calls=1)


def test_every_field_of_a_row_comes_back(jobs: Jobs) -> None:
    full = row(
        contract_digest="c",
        input="s3://box/inbox/a b",
        total=12,
        chunks=2,
        lane="bedrock_batch",
        lane_reason="the contract says lane: bedrock_batch",
        tally=tally(5),
        reason=DENIED,
        problems=3,
        estimate={"input_tokens": 1, "max_cost_usd": None},
        results={"receipt": "results/j/receipt.json"},
        redrive=redrive(2),
    )

    jobs.add(full)

    assert jobs.get("j") == full
    assert jobs.get("k") is None


def test_a_job_gets_its_row_once(jobs: Jobs) -> None:
    assert jobs.add(row(total=1))
    assert not jobs.add(row(total=2))

    found = jobs.get("j")
    assert found is not None
    assert found.total == 1


def test_a_row_changes_until_the_job_has_ended(jobs: Jobs) -> None:
    jobs.add(row())

    assert jobs.change(row(status=Status.RUNNING, total=9))
    assert jobs.change(row(status=Status.COMPLETED, total=9))
    for late in (Status.RUNNING, Status.FAILED, Status.COMPLETED):
        assert not jobs.change(row(status=late, total=1))

    found = jobs.get("j")
    assert found is not None
    assert (found.status, found.total) == (Status.COMPLETED, 9)


def test_a_row_never_goes_back(jobs: Jobs) -> None:
    jobs.add(row())

    assert jobs.change(row(status=Status.CLOSING, total=9))
    assert not jobs.change(row(status=Status.RUNNING, total=1))
    assert not jobs.change(row("k")), "there is no such row"
    assert jobs.change(row(status=Status.CLOSING, total=8))

    found = jobs.get("j")
    assert found is not None
    assert (found.status, found.total) == (Status.CLOSING, 8)


def test_a_job_that_has_ended_is_redriven_once_under_each_number(jobs: Jobs) -> None:
    jobs.add(row())
    first = row(status=Status.RECEIVED, redrive=redrive(1))

    assert not jobs.reopen(first), "it has not ended"
    jobs.change(row(status=Status.COMPLETED))
    assert not jobs.reopen(row(redrive=redrive(2))), "it is not the next"
    assert jobs.reopen(first)
    assert not jobs.reopen(first)

    assert jobs.get("j") == first
    assert not jobs.change(row(status=Status.COMPLETED)), "of the run before"
    assert jobs.change(row(status=Status.COMPLETED, redrive=redrive(1)))
    assert jobs.reopen(row(redrive=redrive(2)))


def test_a_redrive_begins_without_a_reason_to_stop_and_without_reports(jobs: Jobs) -> None:
    jobs.stop("j", DENIED)
    jobs.report_chunk("j", 0, 9, tally(9))

    assert jobs.stop_reason("j", redrive=1) is None
    assert jobs.progress("j", redrive=1) == Tally()

    jobs.stop("j", LATE, redrive=1)
    jobs.report_chunk("j", 0, 1, tally(1), redrive=1)

    assert (jobs.stop_reason("j"), jobs.stop_reason("j", redrive=1)) == (DENIED, LATE)
    assert jobs.progress("j").counts[Ending.SUCCEEDED] == 9
    assert jobs.progress("j", redrive=1).counts[Ending.SUCCEEDED] == 1


def test_the_newest_report_tells_when_a_job_got_on(jobs: Jobs) -> None:
    assert jobs.reported_at("j") is None

    began = datetime.now(UTC) - timedelta(seconds=1)
    jobs.report_chunk("j", 0, 1, tally(1))
    jobs.report_chunk("j", 1, 1, tally(1))

    newest = jobs.reported_at("j")
    assert newest is not None
    assert began < newest <= datetime.now(UTC)
    assert jobs.reported_at("j", redrive=1) is None


def test_the_jobs_that_have_not_ended_are_found(jobs: Jobs) -> None:
    for status in Status:
        jobs.add(row(f"job-{status.value}", status=status))

    found = {found.job_id for found in jobs.unended()}

    assert found == {"job-received", "job-validating", "job-running", "job-closing"}


def test_the_first_reason_to_stop_stands(jobs: Jobs) -> None:
    assert jobs.stop_reason("j") is None

    jobs.stop("j", DENIED)
    jobs.stop("j", LATE)

    assert jobs.stop_reason("j") == DENIED
    assert jobs.stop_reason("k") is None


def test_progress_is_the_sum_of_the_newest_reports(jobs: Jobs) -> None:
    jobs.report_chunk("j", 0, 1, tally(1))
    jobs.report_chunk("j", 0, 3, tally(3))
    jobs.report_chunk("j", 0, 2, tally(2))
    jobs.report_chunk("j", 11, 1, tally(10))
    jobs.report_chunk("k", 0, 1, tally(100))

    progress = jobs.progress("j")

    assert progress.counts[Ending.SUCCEEDED] == 13
    assert progress.usage == Usage(input_tokens=14, output_tokens=6)
    assert progress.cost_usd == pytest.approx(2 * 0.000123456789)
    assert (progress.calls, progress.ambiguous_calls) == (10, 2)


def test_an_unknown_cost_stays_unknown(jobs: Jobs) -> None:
    jobs.report_chunk("j", 0, 1, tally(1, cost=None))

    assert jobs.progress("j").cost_usd is None


def test_a_job_without_reports_has_no_progress(jobs: Jobs) -> None:
    assert jobs.progress("j") == Tally()


def test_the_newest_jobs_come_first_whatever_their_status(jobs: Jobs) -> None:
    for number, status in enumerate([Status.COMPLETED, Status.RUNNING, Status.FAILED]):
        jobs.add(row(f"j{number}", created_at=f"2026-11-2{number}T12:00:00.000Z", status=status))

    assert [found.job_id for found in jobs.recent(2)] == ["j2", "j1"]
    assert len(jobs.recent(10)) == 3


def test_rows_of_more_than_one_page_are_all_listed(jobs: Jobs) -> None:
    for number in range(5):
        created = f"2026-11-2{number}T12:00:00.000Z"
        jobs.add(row(f"j{number}", created_at=created, lane_reason="long" * 75_000))

    assert [found.job_id for found in jobs.recent(4)] == ["j4", "j3", "j2", "j1"]
    assert len(jobs.recent(10)) == 5


@pytest.mark.usefixtures("aws")
def test_a_job_that_moves_on_while_it_is_listed_is_listed_once_and_as_it_came_to_stand() -> None:
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(TableName="jobs", **table_of("JobsTable"))
    jobs = DynamoDBJobs(dynamodb, "jobs")
    jobs.add(row())
    moves = iter([Status.RECEIVED, Status.VALIDATING, Status.RUNNING])

    def move(**_: object) -> None:
        if (status := next(moves, None)) is not None:
            assert jobs.change(row(status=status))

    dynamodb.meta.events.register("before-call.dynamodb.Query", move)

    assert [found.status for found in jobs.recent(9)] == [Status.RUNNING]


def test_what_is_due_comes_in_the_order_of_time_until_it_is_settled(jobs: Jobs) -> None:
    hours = [NOON + timedelta(hours=hour) for hour in range(4)]
    late = Due("a", "job", 1, "2026-11-22T12:00:00.000Z", hours[3])
    early = Due("b", "job", 0, "2026-11-22T12:00:00.000Z", hours[1])
    first = Due("b", "quarantine", 0, "2026-11-22T12:00:00.000Z", hours[0])
    for due in (late, early, first, early):
        jobs.add_due(due)

    assert [*jobs.due(hours[0])] == [first]
    assert [*jobs.due(hours[2])] == [first, early]
    jobs.settle_due(first)
    jobs.settle_due(first)
    assert [*jobs.due(hours[3])] == [early, late]
    assert [*jobs.unended()] == jobs.recent(9) == []
