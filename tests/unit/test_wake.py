"""Notifications: early, late, lost, doubled, or of others; none of them can do harm."""

import json
from typing import Any

import pytest

from batchwright.batchjob import BatchStatus
from batchwright.steps.wake import Woken, World, wake
from batchwright.submission import SubmissionRow
from tests.lanefakes import ListedTasks, MemorySubmissions
from tests.lanelaptop import LaneLaptop
from tests.laptop import chat_file

NAME = "bw-0123456789abcdef0123456789abcdef-00-000001"


def event(name: str = NAME, status: str = "Completed", **changed: Any) -> str:
    told = {
        "source": "aws.bedrock",
        "detail-type": "Batch Inference Job State Change",
        "detail": {"batchJobName": name, "status": status, "batchJobArn": "arn:aws:bedrock:job"},
    }
    return json.dumps(told | changed)


@pytest.fixture
def world() -> World:
    return World(submissions=MemorySubmissions(), tasks=ListedTasks(waiting={"token"}))


def begun(world: World, token: str | None = None) -> None:
    world.submissions.add(SubmissionRow(name=NAME, records=300))
    if token is not None:
        world.submissions.register(NAME, token)


@pytest.mark.parametrize(
    "status", ["Completed", "PartiallyCompleted", "Failed", "Stopped", "Expired"]
)
def test_the_end_of_a_batch_wakes_the_task_that_waits(world: World, status: str) -> None:
    begun(world, "token")

    assert wake(event(status=status), world) == Woken(name=NAME, woke=True)

    assert isinstance(world.tasks, ListedTasks)
    assert world.tasks.told == {"token": {"state": "ended"}}


@pytest.mark.parametrize("status", ["Submitted", "Validating", "InProgress", "Stopping", "Odd"])
def test_a_batch_that_goes_on_wakes_nobody(world: World, status: str) -> None:
    begun(world, "token")

    assert wake(event(status=status), world) == Woken()

    row = world.submissions.get(NAME)
    assert row is not None
    assert not row.ended


def test_a_notification_that_comes_twice_wakes_once(world: World) -> None:
    begun(world, "token")

    assert wake(event(), world).woke
    assert not wake(event(), world).woke


def test_one_that_comes_before_the_row_is_left_alone(world: World) -> None:
    assert wake(event(), world) == Woken(name=NAME)

    assert world.submissions.get(NAME) is None


def test_one_that_comes_before_the_task_waits_is_found_when_it_does(world: World) -> None:
    begun(world)

    assert wake(event(), world) == Woken(name=NAME)

    assert world.submissions.register(NAME, "token").ended


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "[]",
        "{}",
        event(name="somebody-elses-job"),
        event(**{"detail-type": "Another"}),
        event(detail=None),
        event(detail={"batchJobName": NAME}),
    ],
)
def test_what_is_not_about_a_submission_of_ours_is_left_alone(world: World, body: str) -> None:
    begun(world, "token")

    assert wake(body, world) == Woken()


def answered(index: int | str, status: str = "Completed", **changed: Any) -> str:
    told = {
        "invocationStatus": status,
        "inferenceId": f"{NAME}-{index}",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    return json.dumps(told | changed)


def test_the_last_answer_of_an_endpoint_wakes_the_task_whether_it_succeeded_or_failed(
    world: World,
) -> None:
    world.submissions.add(SubmissionRow(name=NAME, records=3))
    world.submissions.register(NAME, "token")

    woke = [
        wake(answered(index, status), world).woke
        for index, status in ((0, "Completed"), (2, "Failed"), (2, "Completed"), (1, "Completed"))
    ]

    assert woke == [False, False, False, True]


def test_the_answer_for_all_records_wakes_the_task_alone(world: World) -> None:
    begun(world, "token")

    assert wake(answered("all"), world) == Woken(name=NAME, woke=True)


def test_answers_of_an_endpoint_before_the_task_waits_are_found_when_it_does(world: World) -> None:
    world.submissions.add(SubmissionRow(name=NAME, records=1))

    assert wake(answered(0), world) == Woken(name=NAME)

    assert world.submissions.register(NAME, "token").ended


@pytest.mark.parametrize(
    "body",
    [
        answered(0, inferenceId="somebody-elses"),
        answered("x"),
        answered(-1),
        answered(10**11),
        answered(0, eventSource="aws:s3"),
        answered(0, inferenceId=None),
        answered(0, inferenceId=f"x{NAME}-0"),
    ],
)
def test_answers_that_are_nobodys_of_ours_are_left_alone(world: World, body: str) -> None:
    begun(world, "token")

    assert wake(body, world) == Woken()


async def test_a_batch_that_ends_before_anybody_waits_for_it_is_collected_at_once() -> None:
    laptop = LaneLaptop()
    laptop.batches.behave(submitted=0, validating=0, scheduled=0, in_progress=0)
    _, (submission,) = laptop.batch(chat_file(100))

    class Quick(MemorySubmissions):
        def started(self, name: str, place: str) -> None:
            super().started(name, place)
            laptop.pass_time(1)  # it ends, and says so, before its task is registered

    laptop.submissions = Quick()

    _, answer = await laptop.submit(submission)

    assert answer == {"state": "ended"}
    assert laptop.batches.told[-1] == (submission.name, BatchStatus.COMPLETED)
