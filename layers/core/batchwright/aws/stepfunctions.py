"""The workflow."""

from typing import TYPE_CHECKING

import orjson

from batchwright.aws.faults import exceptions_of, member, told
from batchwright.run import Run, RunState

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


STATES = {
    "SUCCEEDED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "TIMED_OUT": RunState.FAILED,
    "ABORTED": RunState.ABORTED,
}


class StepFunctionsWorkflows:
    """Starts executions of one state machine."""

    def __init__(self, client: "SFNClient", state_machine_arn: str) -> None:
        """Nothing is called yet."""
        self._sfn = client
        self._exceptions = exceptions_of(client)
        self._arn = state_machine_arn

    def start(self, run: Run) -> None:
        """Start an execution under the run's name, which makes a second start the same one.

        (docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html)
        """
        try:
            with told(f"start of run {run.name}"):
                self._sfn.start_execution(
                    stateMachineArn=self._arn,
                    name=run.name,
                    input=orjson.dumps(run.to_json()).decode(),
                )
        except self._exceptions.ExecutionAlreadyExists:
            return

    def state(self, run: Run) -> RunState | None:
        """Return how the execution of that name stands."""
        arn = f"{self._arn.replace(':stateMachine:', ':execution:')}:{run.name}"
        try:
            with told(f"look at run {run.name}"):
                status = member(
                    self._sfn.describe_execution(executionArn=arn), "status", "look at a run"
                )
        except self._exceptions.ExecutionDoesNotExist:
            return None
        return STATES.get(status, RunState.RUNNING)
