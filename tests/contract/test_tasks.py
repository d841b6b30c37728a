"""What answers to waiting tasks must do, held to the shapes of Step Functions' own client."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from batchwright.aws.tasks import StepFunctionsTasks
from batchwright.errors import Unavailable
from tests.lanefakes import ListedTasks

ANSWER = {"state": "ended"}


@pytest.fixture
def stepfunctions(aws: None) -> Stubber:  # noqa: ARG001 - no credentials of anybody
    return Stubber(boto3.client("stepfunctions"))


def tasks_of(stubbed: Stubber) -> StepFunctionsTasks:
    client: Any = stubbed.client
    return StepFunctionsTasks(client)


def test_a_waiting_task_gets_its_answer(stepfunctions: Stubber) -> None:
    sent = {"taskToken": "token", "output": '{"state":"ended"}'}
    stepfunctions.add_response("send_task_success", {}, sent)

    with stepfunctions:
        assert tasks_of(stepfunctions).succeed("token", ANSWER)

    stepfunctions.assert_no_pending_responses()


@pytest.mark.parametrize("gone", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_task_that_waits_no_longer_is_told_so(stepfunctions: Stubber, gone: str) -> None:
    stepfunctions.add_client_error("send_task_success", gone)

    with stepfunctions:
        assert not tasks_of(stepfunctions).succeed("token", ANSWER)


def test_a_service_that_is_down_is_told_as_unavailable(stepfunctions: Stubber) -> None:
    stepfunctions.add_client_error("send_task_success", "Oops", http_status_code=503)

    with stepfunctions, pytest.raises(Unavailable):
        tasks_of(stepfunctions).succeed("token", ANSWER)


def test_in_memory_a_task_is_answered_once() -> None:
    tasks = ListedTasks(waiting={"token"})

    assert tasks.succeed("token", ANSWER)
    assert not tasks.succeed("token", ANSWER)
    assert tasks.told == {"token": ANSWER}
