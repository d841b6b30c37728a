"""Jobs whose workflow died, hangs or was stopped by hand, and the sweep that looks at them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from batchwright.errors import Unavailable
from batchwright.job import Job, JobRow, Redrive, Status, timestamp
from batchwright.outcome import Ending, Tally
from batchwright.places import job_key
from batchwright.run import Run, RunState
from batchwright.steps.sweep import Did, Swept, World, sweep
from tests.fakes import (
    NOON,
    ListedEvents,
    ListedWorkflows,
    MemoryJobs,
    MemoryObjects,
    StoppedClock,
)
from tests.laptop import Laptop, chat_file

JOB = "a" * 32
MINUTES = 20


@dataclass
class Cloud:
    """What the sweep sees; the clock stands at noon, and jobs were last heard of half an hour before."""

    objects: MemoryObjects = field(default_factory=MemoryObjects)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    workflows: ListedWorkflows = field(default_factory=ListedWorkflows)
    events: ListedEvents = field(default_factory=ListedEvents)
    clock: StoppedClock = field(default_factory=StoppedClock)

    def add(
        self,
        status: Status = Status.RUNNING,
        *,
        silent: float = 30,
        job_id: str = JOB,
        redrive: Redrive | None = None,
        lane: str | None = None,
    ) -> None:
        created = self.clock.now() - timedelta(minutes=silent)
        job = Job(
            job_id=job_id,
            created_at=created,
            input=None,
            contract_name="c",
            contract={
                "name": "c",
                "deadline": "1h",
                "routes": [{"model": "us.amazon.nova-lite-v1:0"}],
            },
            contract_digest="d",
            models=(),
        )
        self.objects.create(job_key(job_id), job.model_dump_json().encode())
        at = timestamp(created)
        row = JobRow(job_id=job_id, status=status, created_at=at, updated_at=at, contract="c")
        self.jobs.add(replace(row, redrive=redrive, lane=lane))

    def runs(self, *states: RunState, closing: bool = False, redrive: int = 0) -> None:
        """Let the job have had these executions, the first one first."""
        for restart, state in enumerate(states):
            run = Run(job_id=JOB, redrive=redrive, restart=restart, closing=closing)
            self.workflows.start(run)
            self.workflows.states[run.name] = state

    def sweep(self) -> Swept:
        return sweep(
            World(
                objects=self.objects,
                jobs=self.jobs,
                workflows=self.workflows,
                events=self.events,
                clock=self.clock,
            ),
            minutes=MINUTES,
        )

    def started(self, *states: RunState, closing: bool = False) -> list[str]:
        """Let these executions be there, sweep, and return what was started."""
        self.runs(*states, closing=closing)
        before = len(self.workflows.started)
        self.sweep()
        return self.workflows.started[before:]

    @property
    def did(self) -> list[str]:
        return [did for _, did in self.events.stalled]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_healthy_jobs_are_left_alone(cloud: Cloud) -> None:
    cloud.add(silent=MINUTES - 1)
    cloud.add(Status.COMPLETED, job_id="b" * 32)

    swept = cloud.sweep()

    assert swept == Swept()
    assert swept.counts() == {"stalled": 0, "restarted": 0, "stuck": 0}
    assert cloud.workflows.started == []
    assert cloud.events.stalled == []


def test_of_a_job_whose_row_changed_lately_no_chunk_is_looked_at() -> None:
    class Asked(MemoryJobs):
        looks = 0

        def reported_at(self, job_id: str, *, redrive: int = 0) -> datetime | None:
            self.looks += 1
            return super().reported_at(job_id, redrive=redrive)

    jobs = Asked()
    cloud = Cloud(jobs=jobs)
    cloud.add(silent=19)

    assert not cloud.sweep().stalls
    assert jobs.looks == 0


def test_a_report_of_a_chunk_is_a_sign_of_life(cloud: Cloud) -> None:
    cloud.add(silent=30)
    cloud.jobs.report_chunk(JOB, 0, 1, Tally())
    cloud.jobs.reports[JOB, 0, 0] = (1, Tally(), NOON - timedelta(minutes=1))

    assert cloud.sweep().stalls == []


def test_a_report_of_an_earlier_run_is_no_sign_of_life_of_a_redrive(cloud: Cloud) -> None:
    began_at = NOON - timedelta(minutes=30)
    cloud.add(redrive=Redrive(number=1, began_at=began_at))
    cloud.jobs.reports[JOB, 0, 0] = (1, Tally(), NOON - timedelta(minutes=1))

    cloud.sweep()

    assert cloud.workflows.started == [f"{JOB}-redrive-1"]


def test_a_job_that_was_admitted_and_never_started_is_started(cloud: Cloud) -> None:
    cloud.add(Status.RECEIVED)

    assert cloud.started() == [JOB]
    assert cloud.events.stalled == [(JOB, "restarted")]


def test_a_job_whose_workflow_runs_is_only_told(cloud: Cloud) -> None:
    cloud.add()

    assert cloud.started(RunState.RUNNING) == []
    assert cloud.did == ["nothing"]
    assert cloud.jobs.stop_reason(JOB) is None


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.SUCCEEDED])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_workflow_that_ended_without_closing_is_taken_up_three_times(
    cloud: Cloud, ended: RunState, times: int
) -> None:
    cloud.add()

    assert cloud.started(*[ended] * times) == [Run(job_id=JOB, restart=times).name]
    assert cloud.did == ["restarted"]


def test_a_job_whose_restarts_all_died_is_stuck(cloud: Cloud) -> None:
    cloud.add()

    assert cloud.started(*[RunState.FAILED] * 4) == []
    assert cloud.did == ["stuck"]
    assert cloud.sweep().counts() == {"stalled": 0, "restarted": 0, "stuck": 1}


def test_a_restart_that_runs_is_waited_for(cloud: Cloud) -> None:
    cloud.add()

    assert cloud.started(RunState.FAILED, RunState.RUNNING) == []
    assert cloud.did == ["nothing"]


def test_a_job_that_hangs_after_its_deadline_is_closed(cloud: Cloud) -> None:
    cloud.add(silent=60 + 11)

    assert cloud.started(RunState.RUNNING) == [f"{JOB}-close"]
    assert cloud.did == ["closing"]
    reason = cloud.jobs.stop_reason(JOB)
    assert reason is not None
    assert reason.code == "deadline"


def test_a_job_has_two_sweeps_after_its_deadline_to_close_by_itself(cloud: Cloud) -> None:
    cloud.add(silent=60 + 9)

    assert cloud.started(RunState.RUNNING) == []
    assert cloud.jobs.stop_reason(JOB) is None


def test_a_redrive_has_its_own_deadline(cloud: Cloud) -> None:
    cloud.add(silent=300, redrive=Redrive(number=1, began_at=NOON - timedelta(minutes=40)))
    cloud.runs(RunState.RUNNING, redrive=1)

    assert cloud.sweep().counts()["stalled"] == 1

    cloud.clock.time += timedelta(minutes=31)

    assert cloud.sweep().counts()["restarted"] == 1
    assert f"{JOB}-redrive-1-close" in cloud.workflows.started
    assert cloud.jobs.stop_reason(JOB, redrive=1) is not None
    assert cloud.jobs.stop_reason(JOB) is None


def test_a_job_whose_execution_was_stopped_by_hand_is_closed_as_cancelled(cloud: Cloud) -> None:
    cloud.add()

    assert cloud.started(RunState.ABORTED) == [f"{JOB}-close"]
    assert cloud.did == ["closing"]
    reason = cloud.jobs.stop_reason(JOB)
    assert reason is not None
    assert reason.code == "cancelled"
    assert "by hand" in reason.message


@pytest.mark.parametrize("lane", ["bedrock_batch", "sagemaker_async"])
def test_one_that_was_stopped_while_it_slept_goes_on_to_read_what_was_answered(
    cloud: Cloud, lane: str
) -> None:
    cloud.add(lane=lane)

    assert cloud.started(RunState.ABORTED) == [f"{JOB}-restart-1"]
    assert cloud.did == ["closing"]
    assert cloud.jobs.stop_reason(JOB) is not None


def test_one_that_was_stopped_so_at_every_restart_is_closed(cloud: Cloud) -> None:
    cloud.add(lane="bedrock_batch")

    assert cloud.started(*[RunState.ABORTED] * 4) == [f"{JOB}-close"]


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.VALIDATING])
def test_one_that_was_stopped_before_it_was_planned_is_planned_first(
    cloud: Cloud, status: Status
) -> None:
    cloud.add(status)

    assert cloud.started(RunState.ABORTED) == [f"{JOB}-restart-1"]
    assert cloud.did == ["closing"]
    assert cloud.jobs.stop_reason(JOB) is not None


def test_a_closing_that_found_nothing_planned_does_not_count(cloud: Cloud) -> None:
    """A job was cancelled before its plan: the closing run left it to the work, and the work died."""
    cloud.add(Status.VALIDATING)
    cloud.runs(RunState.SUCCEEDED, closing=True)

    assert cloud.started(RunState.FAILED) == [f"{JOB}-restart-1"]


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.SUCCEEDED, RunState.ABORTED])
def test_a_closing_that_died_is_taken_up_whatever_became_of_the_work(
    cloud: Cloud, ended: RunState
) -> None:
    cloud.add(Status.CLOSING)
    cloud.runs(RunState.FAILED)

    assert cloud.started(ended, closing=True) == [f"{JOB}-close-1"]
    assert cloud.did == ["closing"]


@pytest.mark.parametrize("ended", [RunState.FAILED, RunState.SUCCEEDED, RunState.ABORTED])
def test_a_job_that_was_closing_is_only_closed_and_has_no_new_reason(
    cloud: Cloud, ended: RunState
) -> None:
    cloud.add(Status.CLOSING)

    assert cloud.started(ended) == [f"{JOB}-close"]
    assert cloud.did == ["closing"]
    assert cloud.jobs.stop_reason(JOB) is None


def test_a_long_close_is_waited_for_after_the_deadline_too(cloud: Cloud) -> None:
    cloud.add(Status.CLOSING, silent=300)

    assert cloud.started(RunState.RUNNING) == []
    assert cloud.did == ["nothing"]
    assert cloud.jobs.stop_reason(JOB) is None


def test_a_job_that_cannot_be_closed_is_stuck(cloud: Cloud) -> None:
    cloud.add(Status.CLOSING)
    cloud.runs(RunState.ABORTED)

    assert cloud.started(*[RunState.FAILED] * 4, closing=True) == []
    assert cloud.did == ["stuck"]


def test_sweeping_twice_is_sweeping_once(cloud: Cloud) -> None:
    cloud.add(Status.RECEIVED)
    cloud.sweep()
    started = list(cloud.workflows.started)

    swept = cloud.sweep()

    assert cloud.workflows.started == started == [JOB]
    assert swept.counts() == {"stalled": 1, "restarted": 0, "stuck": 0}


def test_a_job_that_ended_while_it_was_looked_at_is_left_alone(cloud: Cloud) -> None:
    """The index may tell of a job that ended a moment ago, whose execution has ended with it."""

    class Lagging(MemoryJobs):
        def unended(self) -> Iterator[JobRow]:
            yield from [replace(row, status=Status.CLOSING) for row in self.rows.values()]

    cloud.jobs = Lagging()
    cloud.add(Status.COMPLETED)
    cloud.runs(RunState.SUCCEEDED)

    assert cloud.sweep() == Swept()
    assert cloud.workflows.started == [JOB]


def test_one_odd_job_keeps_no_other_from_being_looked_at(cloud: Cloud) -> None:
    cloud.add(job_id="b" * 32)
    cloud.add(Status.RECEIVED)
    cloud.workflows.start(Run(job_id="b" * 32))
    cloud.objects.write(job_key("b" * 32), b"{}")

    swept = cloud.sweep()

    assert [(stall.job_id, stall.did) for stall in swept.stalls] == [(JOB, Did.RESTARTED)]
    assert list(swept.faults) == ["b" * 32]
    with pytest.raises(ExceptionGroup, match="not looked at"):
        swept.check()


def test_what_aws_fails_to_do_is_raised_when_the_rest_is_done(cloud: Cloud) -> None:
    @dataclass
    class Failing(ListedWorkflows):
        def state(self, run: Run) -> RunState | None:
            if run.job_id == "b" * 32:
                raise Unavailable("AWS is not there")
            return super().state(run)

    cloud.workflows = Failing()
    cloud.add(Status.RECEIVED, job_id="b" * 32)
    cloud.add(Status.RECEIVED)

    swept = cloud.sweep()

    assert cloud.workflows.started == [JOB]
    with pytest.raises(ExceptionGroup) as caught:
        swept.check()
    assert [type(fault) for fault in caught.value.exceptions] == [Unavailable]


def test_a_job_without_its_file_that_hangs_is_closed(cloud: Cloud) -> None:
    cloud.add()
    cloud.objects.delete(job_key(JOB))

    assert cloud.started(RunState.RUNNING) == [f"{JOB}-close"]


def test_a_job_that_admit_left_before_its_start_runs_to_its_end_after_the_sweep() -> None:
    class Killed(ListedWorkflows):
        def start(self, run: Run) -> None:
            raise Unavailable(f"the worker died before the start of {run.name}")

    laptop = Laptop(workflows=Killed())
    with pytest.raises(Unavailable):
        laptop.drop(chat_file(25))
    laptop.workflows = ListedWorkflows()
    laptop.clock.time += timedelta(minutes=30)

    swept = sweep(world_of(laptop), minutes=MINUTES)

    assert swept.counts()["restarted"] == 1
    (job_id,) = laptop.workflows.started
    row = laptop.finish(job_id)
    assert row.status is Status.COMPLETED
    assert row.tally.counts[Ending.SUCCEEDED] == 25


def world_of(laptop: Laptop) -> World:
    parts: Any = {name: getattr(laptop, name) for name in World.__dataclass_fields__}
    return World(**parts)
