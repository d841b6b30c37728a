"""Watching: looks and pauses until the end, drawn for terminals, said for logs."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from batchwright.cli.faults import Halt
from batchwright.cli.stack import find_stack
from batchwright.cli.watch import Bar, Watcher, wait, watch
from batchwright.errors import Missing
from batchwright.job import JobRow, Status
from batchwright.outcome import Ending, Tally
from batchwright.ports import Jobs
from batchwright.usage import Usage
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MemoryJobs

JOB = "4f1d"


@dataclass
class Hours:
    """Time that passes only in pauses, and what happens then."""

    happenings: list[Callable[[], object]] = field(default_factory=list)
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        if self.happenings:
            self.happenings.pop(0)()

    def watcher(self, jobs: Jobs) -> Watcher:
        return Watcher(jobs=jobs, pause=self.pause, seconds=lambda: self.now)


def row(status: Status, *, total: int = 0, chunks: int = 0, succeeded: int = 0) -> JobRow:
    return JobRow(
        job_id=JOB,
        status=status,
        created_at="2026-11-22T12:00:00.000Z",
        updated_at="2026-11-22T12:00:00.000Z",
        contract="default",
        total=total,
        chunks=chunks,
        tally=tally(succeeded),
    )


def tally(succeeded: int) -> Tally:
    usage = Usage(input_tokens=100 * succeeded, output_tokens=10 * succeeded)
    counts = dict.fromkeys(Ending, 0) | {Ending.SUCCEEDED: succeeded}
    return Tally(counts=counts, usage=usage, cost_usd=0.001 * succeeded, calls=succeeded)


def test_a_job_is_shown_until_it_has_ended() -> None:
    jobs, shown = MemoryJobs(), list[JobRow]()
    jobs.add(row(Status.RECEIVED))
    hours = Hours(
        [
            lambda: jobs.change(row(Status.RUNNING, total=4, chunks=2)),
            lambda: jobs.report_chunk(JOB, 0, 1, tally(2)),
            lambda: jobs.change(row(Status.COMPLETED, total=4, chunks=2, succeeded=4)),
        ]
    )

    ended = hours.watcher(jobs).until_ended(JOB, shown.append)

    assert ended.status is Status.COMPLETED
    assert [one.status.value for one in shown] == ["received", "running", "running", "completed"]
    assert [one.tally.settled for one in shown] == [0, 0, 2, 4]


def test_a_job_of_many_chunks_is_looked_at_less_often() -> None:
    jobs = MemoryJobs()
    jobs.add(row(Status.RUNNING, total=10_000_000, chunks=10_000))
    hours = Hours([lambda: jobs.change(row(Status.COMPLETED, total=10_000_000, chunks=10_000))])

    hours.watcher(jobs).until_ended(JOB, lambda _: None)

    assert hours.pauses == [10.0]


def test_a_job_that_comes_late_is_waited_for() -> None:
    jobs = MemoryJobs()
    hours = Hours([lambda: None, lambda: jobs.add(row(Status.RECEIVED))])

    assert hours.watcher(jobs).appears(JOB)


def test_a_job_that_was_only_just_sent_can_be_watched(cloud: Cloud) -> None:
    assert cloud
    jobs = MemoryJobs()
    hours = Hours([lambda: jobs.add(row(Status.COMPLETED))])

    assert watch(JOB, find_stack(), hours.watcher(jobs)).status is Status.COMPLETED


def test_a_job_that_nobody_sent_is_waited_for_some_seconds_and_no_more(cloud: Cloud) -> None:
    assert cloud
    hours = Hours()

    with pytest.raises(Missing, match="there is no job '4f1d'"):
        watch(JOB, find_stack(), hours.watcher(MemoryJobs()))

    assert 5 < hours.now < 15


def test_a_job_that_never_appears_points_to_the_dead_letter_queue(cloud: Cloud) -> None:
    cloud.sqs.send_message(QueueUrl=cloud.dead_letters_url, MessageBody="a lost job")
    hours = Hours()

    with pytest.raises(Halt, match=r"not appeared within 60 s; .*/dead-letters holds 1 messages"):
        wait(JOB, find_stack(), hours.watcher(MemoryJobs()))

    assert 59 < hours.now < 62


def test_a_stack_that_tells_no_dead_letter_queue_is_no_reason_to_fail(cloud: Cloud) -> None:
    assert cloud
    stack = replace(find_stack(), dead_letters_url=None)

    with pytest.raises(Halt, match="look into the dead-letter queue"):
        wait(JOB, stack, Hours().watcher(MemoryJobs()))


def test_leaving_with_ctrl_c_says_that_the_job_goes_on(cloud: Cloud) -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    jobs = MemoryJobs()
    jobs.add(row(Status.RUNNING, total=4))
    assert cloud

    with pytest.raises(Halt, match="goes on; see it again with: batchwright watch 4f1d") as left:
        wait(JOB, find_stack(), Hours([leave]).watcher(jobs))

    assert left.value.code == 130


def test_a_job_whose_row_is_gone_is_missing() -> None:
    with pytest.raises(Missing, match="there is no job"):
        Hours().watcher(MemoryJobs()).until_ended(JOB, lambda _: None)


def test_the_bar_shows_records_tokens_money_and_calls() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160)

    with Bar(console) as bar:
        bar.show(row(Status.RUNNING, total=8, chunks=1, succeeded=2))
        bar.show(row(Status.RUNNING, total=8, chunks=1, succeeded=6))

    drawn = screen.getvalue()
    assert "6/8" in drawn
    assert "660 tokens  $0.006000  6 calls" in drawn
    assert "/s" in drawn
    assert "ETA" in drawn


def test_the_lane_is_told_once_and_what_decided() -> None:
    log, screen = io.StringIO(), io.StringIO()
    waits = replace(row(Status.RUNNING, total=900), lane="bedrock_batch", lane_reason="half price")
    ended = replace(waits, status=Status.COMPLETED)

    with Bar(Console(file=log, width=20)) as bar:
        for each in (waits, waits, ended):
            bar.show(each)
    with Bar(Console(file=screen, force_terminal=True, width=160)) as bar:
        bar.show(waits)

    assert log.getvalue().splitlines() == [
        "4f1d running, 0 of 900 records, bedrock_batch: half price",
        "4f1d completed, 0 of 900 records",
    ]
    assert "running by bedrock_batch" in screen.getvalue()


def test_a_log_gets_one_line_a_status() -> None:
    log = io.StringIO()

    with Bar(Console(file=log, width=20)) as bar:
        bar.show(row(Status.RECEIVED))
        bar.show(row(Status.RUNNING, total=8, succeeded=2))
        bar.show(row(Status.RUNNING, total=8, succeeded=6))
        bar.show(row(Status.COMPLETED, total=8, succeeded=8))

    assert log.getvalue().splitlines() == [
        "4f1d received",
        "4f1d running, 2 of 8 records",
        "4f1d completed, 8 of 8 records",
    ]


@pytest.mark.parametrize("command", ["watch", "submit"])
def test_the_progress_goes_to_stderr_and_one_object_to_stdout(
    cloud: Cloud, batchwright: Command, mails: Path, command: str
) -> None:
    job_id = batchwright("submit", mails, "--json").json["job_id"]
    cloud.run()

    said = batchwright(
        *([command, job_id] if command == "watch" else [command, mails, "--wait"]), "--json"
    )

    assert said.code == 0
    assert said.json["counts"]["succeeded"] == 5
    assert said.json["results"]["receipt"] == f"s3://box/results/{job_id}/receipt.json"
    assert said.err == f"{job_id} completed, 5 of 5 records\n"
