"""Executions that wait for a word, by their task tokens
(docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from batchwright.aws.faults import exceptions_of, told

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsTasks:
    """Tasks of the workflow."""

    def __init__(self, client: "SFNClient") -> None:
        """Nothing is called yet."""
        self._sfn = client
        self._exceptions = exceptions_of(client)

    def succeed(self, token: str, answer: Mapping[str, Any]) -> bool:
        """Give a waiting task its answer, unless it has one, or was given up."""
        gone = (
            self._exceptions.TaskDoesNotExist,
            self._exceptions.TaskTimedOut,
            self._exceptions.InvalidToken,
        )
        try:
            with told("answer to a waiting task"):
                self._sfn.send_task_success(
                    taskToken=token, output=orjson.dumps({**answer}).decode()
                )
        except gone:
            return False
        return True
