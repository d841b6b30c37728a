"""A Distributed Map is as wide as MaxConcurrencyPath says, and an execution that failed can be redriven.

ministack reads MaxConcurrency only, and knows no RedriveExecution. On AWS an execution that failed goes on from the
state that failed, with the input that the state had and all its retries, under the definition that it began with
(docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html). Here it is so for a state at the top of the
workflow that is no Map or Parallel: of those AWS runs again only what failed, and here they are refused. The history
enters the state once more, which AWS's does not.
"""

import contextvars
import json
import threading
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import stepfunctions

from tests.emulator.amends import amend
from tests.emulator.amends.roles import execution_role

WITH_CHILDREN = ("Map", "Parallel")


@amend(stepfunctions, "_run_distributed_map")
def _(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_with_concurrency(state: dict[str, Any], raw: Any, effective: Any, *rest: Any) -> Any:
        if path := state.get("MaxConcurrencyPath"):
            state = {**state, "MaxConcurrency": stepfunctions._resolve_path(path, effective)}
        return run(state, raw, effective, *rest)

    return run_with_concurrency


@amend(stepfunctions, "_run_execution")
def _(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_and_keep_definition(execution_arn: str) -> None:
        if execution := stepfunctions._executions.get(execution_arn):
            machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
            execution["_definition"] = machine.get("definition")
        run(execution_arn)

    return run_and_keep_definition


@amend(stepfunctions, "handle_request")
def _(handle: Callable[..., Any]) -> Callable[..., Any]:
    async def handle_with_redrive(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            return stepfunctions._finalize_response(redrive(json.loads(body)["executionArn"]))
        return await handle(method, path, headers, body, query)

    return handle_with_redrive


def redrive(arn: str) -> Any:
    """Let a failed execution go on, in a thread of its own; answer as AWS does."""
    execution = stepfunctions._executions.get(arn)
    if execution is None:
        return error_response_json("ExecutionDoesNotExist", f"Execution {arn} not found", 400)
    entered = _last_entered(execution)
    if execution["status"] != "FAILED" or entered["type"].startswith(WITH_CHILDREN):
        why = f"Execution is {execution['status']} in {entered['type']} and cannot be redriven"
        return error_response_json("ExecutionNotRedrivable", why, 400)
    at, count = now_iso(), execution.get("_redrives", 0) + 1
    execution.update(status="RUNNING", stopDate=None, output=None, _redrives=count)
    for told in ("error", "cause"):
        execution.pop(told)
    details = {"executionRedrivenEventDetails": {"redriveCount": count}}
    stepfunctions._add_event(execution, "ExecutionRedriven", details)
    stepfunctions._emit_execution_status_event(execution)
    state = entered["stateEnteredEventDetails"]
    threading.Thread(
        target=contextvars.copy_context().run,
        args=(_go_on, execution, state["name"], json.loads(state["input"])),
        daemon=True,
    ).start()
    return json_response({"redriveDate": at})


def _last_entered(execution: dict[str, Any]) -> dict[str, Any]:
    events: list[dict[str, Any]] = execution["events"]
    return next(event for event in reversed(events) if event["type"].endswith("StateEntered"))


def _go_on(execution: dict[str, Any], name: str | None, given: Any) -> None:
    machine = stepfunctions._state_machines[execution["stateMachineArn"]]
    execution_role.set(machine["roleArn"])
    definition = json.loads(execution["_definition"])
    context = _context(execution, machine, definition)
    try:
        while name and execution["status"] == "RUNNING":
            name, given = _step(definition["States"][name], name, given, execution, context)
    except stepfunctions._ExecutionError as failed:
        stepfunctions._fail_execution(execution, failed.error, failed.cause)
        return
    if execution["status"] == "RUNNING":  # nobody stopped it
        output = json.dumps(given)
        execution.update(status="SUCCEEDED", output=output, stopDate=now_iso())
        details = {"executionSucceededEventDetails": {"output": output}}
        stepfunctions._add_event(execution, "ExecutionSucceeded", details)
        stepfunctions._emit_execution_status_event(execution)


def _context(
    execution: dict[str, Any], machine: dict[str, Any], definition: dict[str, Any]
) -> dict[str, Any]:
    return {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
            "RedriveCount": execution["_redrives"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }


def _step(
    state: dict[str, Any], name: str, given: Any, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[str | None, Any]:
    """Run one state; return the next one's name, and what it is given."""
    kind = state["Type"]
    context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
    entered = {"name": name, "input": json.dumps(given)}
    stepfunctions._add_event(
        execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered}
    )
    if kind in {"Succeed", "Fail"}:
        output = stepfunctions._run_sub_machine({name: state}, name, given, execution, context)
        following = None
    else:
        run = getattr(stepfunctions, f"_execute_{kind.lower()}")
        whose = (execution,) if kind in ("Task", *WITH_CHILDREN) else ()
        output, following = run(state, given, *whose, context)
    left = {"name": name, "output": json.dumps(output)}
    stepfunctions._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": left})
    return following, output
