"""The workflow."""

from typing import TYPE_CHECKING

import orjson

from batchwright.aws.faults import told

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctionsWorkflows:
    """Starts executions of one state machine."""

    def __init__(self, client: "SFNClient", state_machine_arn: str) -> None:
        """Nothing is called yet."""
        self._sfn = client
        self._arn = state_machine_arn

    def start(self, job_id: str) -> None:
        """Start a job's execution under the job's id: the name makes a second start the same one.

        (docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html)
        """
        try:
            with told(f"start of job {job_id}"):
                self._sfn.start_execution(
                    stateMachineArn=self._arn,
                    name=job_id,
                    input=orjson.dumps({"job_id": job_id}).decode(),
                )
        except self._sfn.exceptions.ExecutionAlreadyExists:
            return
