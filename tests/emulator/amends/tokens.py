"""A task that waits for its token belongs to its state machine, and fails at once where its function does.

On AWS who answers a task needs the right on the state machine, as SAM's own `StepFunctionsCallbackPolicy` gives it;
ministack knows no resource of a token, and would take only `*`. And a function that fails fails the task, so that its
Retry and Catch come into play; ministack swallows that, and waits until the time is out.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions
from ministack.services import stepfunctions

from tests.emulator.amends import amend

LAMBDA = "arn:aws:states:::lambda:invoke.waitForTaskToken"
machine: ContextVar[str] = ContextVar("machine", default="*")
"""The state machine of the execution that runs here, its children included."""
machines: dict[str, str] = {}
"""By token; also of tasks that are over: who answers those is told so, and not that it may not."""


@amend(stepfunctions, "_run_execution")
def _(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_in_machine(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine.set(execution.get("stateMachineArn", "*"))
        run(execution_arn)

    return run_in_machine


@amend(iam_actions, "extract_resource_arn")
def _(extract: Callable[..., str]) -> Callable[..., str]:
    def extract_of_token(service: str, method: str, path: str, *rest: Any) -> str:
        found = extract(service, method, path, *rest)
        if service == "states" and found == "*":
            with suppress(ValueError, TypeError, AttributeError):
                return machines.get(json.loads(rest[1]).get("taskToken"), found)
        return found

    return extract_of_token


@amend(stepfunctions, "_invoke_with_callback")
def _(invoke: Callable[..., Any]) -> Callable[..., Any]:
    def invoke_and_fail(resource: str, given: Any, token: str, state: dict[str, Any]) -> Any:
        machines[token] = machine.get()
        if resource != LAMBDA:
            return invoke(resource, given, token, state)
        waiting = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
        stepfunctions._task_tokens[token] = waiting
        try:
            function = stepfunctions._resolve_lambda_function_ref(
                given["FunctionName"], optimized=True
            )
            stepfunctions._call_lambda(function, given["Payload"])
            return answer_to(waiting, state)
        finally:
            stepfunctions._task_tokens.pop(token, None)

    return invoke_and_fail


def answer_to(waiting: dict[str, Any], state: dict[str, Any]) -> Any:
    """Wait for what the task is told, as long as its state allows."""
    if not waiting["event"].wait(timeout=state.get("TimeoutSeconds", 99999)):
        raise stepfunctions._ExecutionError("States.Timeout", "Task timed out")
    if error := waiting["error"]:
        raise stepfunctions._ExecutionError(error["Error"], error["Cause"])
    return json.loads(waiting["result"])
