"""Step Functions and the SQS pollers of Lambda act with the rights of a role; ministack lets them do anything."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc, stepfunctions

from tests.emulator.amends import amend
from tests.emulator.amends.keys import asked_of_the_key
from tests.emulator.amends.rights import log, refusal, role_may

POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
execution_role: ContextVar[str] = ContextVar("execution_role")


def refused(role: str, action: str, resource: str) -> str | None:
    """Return why the role may not do this, the key of the resource included; None if it may."""
    for needed, on in [(action, resource), *asked_of_the_key(action, resource)]:
        if not role_may(role, needed, on):
            return refusal(role, needed, on)
    return None


@amend(stepfunctions, "_run_execution")
def _(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_as_role(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        execution_role.set(machine.get("roleArn", ""))
        run(execution_arn)

    return run_as_role


@amend(stepfunctions, "_call_lambda")
def _(call: Callable[..., Any]) -> Callable[..., Any]:
    def call_as_role(function: str, event: Any) -> Any:
        _, config, _ = lambda_svc._get_func_record_for_ref(function)
        if config and (
            why := refused(execution_role.get(), "lambda:InvokeFunction", config["FunctionArn"])
        ):
            raise stepfunctions._ExecutionError("Lambda.AWSLambdaException", why)
        return call(function, event)

    return call_as_role


@amend(stepfunctions, "_s3_object_text")
def _(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_as_role(bucket: str, key: str) -> Any:
        if why := refused(execution_role.get(), "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}"):
            raise stepfunctions._ExecutionError("States.ItemReaderFailed", why)
        return read(bucket, key)

    return read_as_role


@amend(lambda_svc, "_sqs_esm_concurrency")
def _(concurrency: Callable[..., Any]) -> Callable[..., Any]:
    def concurrency_of_role(
        mapping: dict[str, Any], function: Any, config: dict[str, Any], queue: Any = None
    ) -> Any:
        for action in POLLING:
            if why := refused(config["Role"], action, mapping["EventSourceArn"]):
                if mapping.get("LastProcessingResult") != why:
                    log.warning("the queue is not polled: %s", why)
                mapping["LastProcessingResult"] = why
                return 0  # batches at a time: nothing is taken from the queue
        return concurrency(mapping, function, config, queue)

    return concurrency_of_role
