"""The workflow, held to its own rules. Neither cfn-lint nor SAM CLI looks into the file.

Each rule is a function from the definition to what breaks it, and is shown definitions that do.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from batchwright import errors
from batchwright.lookout import BETWEEN_LOOKS
from batchwright.run import Run
from batchwright.steps.invoke import GRACE

type Definition = dict[str, Any]
type State = dict[str, Any]
type Rule = Callable[[Definition], Iterator[str]]

ROOT = Path(__file__).parents[2]
SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
NO_ROOM = "Lambda.TooManyRequestsException"
# Besides what AWS's own patterns retry: a function in a VPC that nobody called for weeks, and its interfaces.
IN_A_VPC = {
    "Lambda.EC2ThrottledException",
    "Lambda.EC2UnexpectedException",
    "Lambda.ENILimitReachedException",
    "Lambda.ENINotReadyException",
    "Lambda.ResourceNotReadyException",
    "Lambda.SubnetIPAddressLimitReachedException",
}
INFRASTRUCTURE = IN_A_VPC | {
    NO_ROOM,
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.SdkClientException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Runtime.HandlerError",
    "Sandbox.Timedout",
    "States.Timeout",
}
OURS = {name for name, thing in vars(errors).items() if isinstance(thing, type)}
DAY = 86_400
# An execution has 25,000 events; a try takes three, and a worker's rests take what is left (`MOST_RESTS`).
MOST_TRIES = 1_000
LAMBDA_LIFE = 900  # no task may be given up before its function is
WRITE_NO_UPLOADS = {"Invoke", "Collect", "Give up"}
ANSWERS = {
    "Named?": {None},  # it looks whether there is a word at all
    "Only close?": {"close"},
    "Lane?": {"on_demand", "bedrock_batch", "sagemaker_async"},
    "Submitted?": {"ended", "more", "paused", "stopped"},
    "Collected?": {"done", "more", "paused", "stopped", "waiting"},
    "Given up before?": {None},  # it looks whether it was
    "Planned?": {"done", "more", "refused", "settled", "stopped"},
    "Chunk settled?": {"done", "more", "paused", "stopped"},
    "Another round?": {None},  # it looks at a number: which round comes next, if one does
    "Joined?": {"done", "stopped"},
    "Closed?": {"done", "more"},
}
WIDTH = "$.planned.max_concurrency"
# All that the workflow reads of its state: ids, places, counts and reasons, and nothing that was asked or answered.
POINTERS = {
    "$",
    "$.job_id",
    "$.redrive",
    "$.begin",
    "$.failure",
    "$.planned",
    "$.planned.state",
    "$.planned.lane",
    "$.planned.plan.bucket",
    "$.planned.plan.key",
    WIDTH,
    "$.planned.join",
    "$$.Task.Token",
    "$.answer",
    "$.answer.state",
    "$.answer.seconds",
    "$.given_up",
    "$.given_up.state",
    "$.closed",
    "$.closed.state",
    "States.Format('jobs/{}/map', $.job_id)",
}


def scopes(definition: Definition) -> Iterator[Definition]:
    """The workflow, and the workflow that each child of its map runs."""
    yield definition
    for state in definition["States"].values():
        if "ItemProcessor" in state:
            yield from scopes(state["ItemProcessor"])


def states(definition: Definition) -> Iterator[tuple[str, State]]:
    for scope in scopes(definition):
        yield from scope["States"].items()


def targets(state: State) -> Iterator[str]:
    """Where a state may go."""
    for transition in (state, *state.get("Choices", []), *state.get("Catch", [])):
        yield from (transition[key] for key in ("Next", "Default") if key in transition)


def words(part: object) -> Iterator[str]:
    """Every text below here."""
    match part:
        case str():
            yield part
        case dict():
            for value in part.values():
                yield from words(value)
        case list():
            for value in part:
                yield from words(value)


def maps_of_a_width_that_no_plan_said(definition: Definition) -> Iterator[str]:
    """The plan knows how many workers the models' limits keep busy."""
    for name, state in states(definition):
        if state["Type"] == "Map" and state.get("MaxConcurrencyPath") != WIDTH:
            yield name


def waits_of_a_length_that_no_step_said(definition: Definition) -> Iterator[str]:
    """What a step waits for, the workflow waits for, since that is free."""
    for child in [*scopes(definition)][1:]:
        for name, state in child["States"].items():
            if state["Type"] == "Wait" and state.get("SecondsPath") != "$.answer.seconds":
                yield name


def ways_to_nowhere(definition: Definition) -> Iterator[str]:
    for scope in scopes(definition):
        for name, state in scope["States"].items():
            yield from (f"{name} → {to}" for to in targets(state) if to not in scope["States"])


def states_that_nothing_leads_to(definition: Definition) -> Iterator[str]:
    for scope in scopes(definition):
        reached, open_ = set(), [scope["StartAt"]]
        while open_:
            name = open_.pop()
            if name not in reached and name in scope["States"]:
                reached.add(name)
                open_ += targets(scope["States"][name])
        yield from scope["States"].keys() - reached


def states_that_lead_nowhere(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        ends = state["Type"] in {"Succeed", "Fail"} or state.get("End", False)
        if ends == any(targets(state)):
            yield name


def states_without_a_word(definition: Definition) -> Iterator[str]:
    yield from (name for name, state in states(definition) if len(state.get("Comment", "")) < 20)


def errors_that_nobody_raises(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        for retry in state.get("Retry", []):
            unknown = set(retry["ErrorEquals"]) - INFRASTRUCTURE - OURS
            yield from (f"{name} retries {error}" for error in unknown)


def errors_that_nobody_retries(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        if state["Type"] == "Task":
            retried = {error for retry in state.get("Retry", []) for error in retry["ErrorEquals"]}
            # A lost reply to the end of an upload comes back as one that is gone: the step begins it again.
            uploads = set() if name in WRITE_NO_UPLOADS else {"UploadGone"}
            caught = {error for catch in state.get("Catch", []) for error in catch["ErrorEquals"]}
            missing = (INFRASTRUCTURE | uploads | {"Unavailable"}) - retried - caught
            yield from (f"{name} gives up on {error}" for error in missing)


def maps_that_start_over(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        if state["Type"] == "Map" and "Retry" in state:
            yield name


def herds(definition: Definition) -> Iterator[str]:
    """Retries that come all at once, too late, or for ever."""
    for name, state in states(definition):
        for retry in state.get("Retry", []):
            if retry.get("JitterStrategy") != "FULL" or not 1 <= retry["BackoffRate"] <= 3:
                yield f"{name} does not spread its retries"
            patient = retry["ErrorEquals"] == [NO_ROOM]
            if not retry["IntervalSeconds"] < retry.get("MaxDelaySeconds", 0) <= 600:
                yield f"{name} may wait for ever"
            if not 1 <= retry["MaxAttempts"] <= (MOST_TRIES if patient else 20):
                yield f"{name} may try for ever"


def jobs_that_others_end(definition: Definition) -> Iterator[str]:
    """Where all of the account's Lambdas are busy, a job waits for days: who else runs must not end it."""
    for name, state in states(definition):
        for retry in state.get("Retry", []):
            if NO_ROOM in retry["ErrorEquals"] and expected_seconds(retry) < 3 * DAY:
                yield f"{name} gives up where others are busy"


def expected_seconds(retry: State) -> float:
    """Return how long its tries take where the jitter is full: half of what they may."""
    delays = (retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(40))
    begun = [min(delay, retry["MaxDelaySeconds"]) for delay in delays][: retry["MaxAttempts"]]
    rest = max(retry["MaxAttempts"] - len(begun), 0) * retry["MaxDelaySeconds"]
    return float(sum(begun) + rest) / 2


def tasks_without_a_good_end(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        if state["Type"] == "Task" and not LAMBDA_LIFE < state.get("TimeoutSeconds", 0) <= 1000:
            yield f"{name} has no time-out, or one shorter than its function"


def failures_that_leave_no_receipt(definition: Definition) -> Iterator[str]:
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map"} and name != "Close":
            caught = {error for catch in state.get("Catch", []) for error in catch["ErrorEquals"]}
            closing = all(
                (catch["Next"], catch["ResultPath"]) == ("Close", "$.failure")
                for catch in state.get("Catch", [])
            )
            if caught != {"States.ALL"} or not closing:
                yield name
        if state["Type"] == "Fail" and "close" not in name:
            yield f"{name} ends the job without closing it"


def answers_that_nobody_expects(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        if state["Type"] == "Choice":
            answers = {choice.get("StringEquals") for choice in state["Choices"]}
            if answers != ANSWERS.get(name):
                yield f"{name} knows {answers}"
            if "Default" not in state:
                yield f"{name} has no way out"


def state_that_is_more_than_pointers(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        told = {
            key: value for key, value in state.items() if key not in {"Comment", "ItemProcessor"}
        }
        for word in words(told):
            is_path = re.match(r"\$(?!\{)|States\.[A-Z][a-z]+\(", word)
            if is_path and word not in POINTERS:
                yield f"{name} reads {word}"
    for name, state in states(definition):
        if state["Type"] in {"Task", "Map"} and "ResultPath" not in state:
            yield f"{name} keeps whatever came back"


def answers_that_end_the_siblings(definition: Definition) -> Iterator[str]:
    """A child that fails ends the map, and with it children whose calls, or whose batch, are still paid for."""
    for child in [*scopes(definition)][1:]:
        for name, state in child["States"].items():
            for choice in state.get("Choices", []):
                if child["States"].get(choice["Next"], {}).get("Type") == "Fail":
                    yield f"{name} {choice.get('StringEquals')}"


def submissions_that_end_their_siblings(definition: Definition) -> Iterator[str]:
    """A step that was given up ends no children that sleep while their batch runs and is paid for."""
    children = definition["States"]["Run submissions"]["ItemProcessor"]["States"]
    for name in ("Submit", "Collect"):
        caught = {
            error: catch
            for catch in children[name].get("Catch", [])
            for error in catch["ErrorEquals"]
        }
        last = caught.get("States.ALL", {"Next": name, "ResultPath": None})
        if (last["Next"], last["ResultPath"]) != ("Given up before?", "$.failure"):
            yield f"{name} fails"
    (before,) = children["Given up before?"]["Choices"]
    if (before["Variable"], before["IsPresent"]) != (children["Give up"]["ResultPath"], True):
        yield "it is given up for ever"
    if children[before["Next"]]["Type"] != "Succeed":
        yield "Given up before?"


def answers_that_are_given_up(definition: Definition) -> Iterator[str]:
    """What a lane has answered before its submission was given up is paid for."""
    children = definition["States"]["Run submissions"]["ItemProcessor"]["States"]
    if (
        children["Given up before?"]["Default"] != "Give up"
        or children["Give up"]["Next"] != "Collect"
    ):
        yield "Give up"


def a_map_that_is_not_ours(definition: Definition) -> Iterator[str]:
    for name, state in states(definition):
        if state["Type"] == "Map":
            yield from (f"{name} has {fault}" for fault in faults_of_a_map(name, state))


def faults_of_a_map(name: str, state: State) -> Iterator[str]:
    if state["ItemProcessor"]["ProcessorConfig"] != {
        "Mode": "DISTRIBUTED",
        "ExecutionType": "STANDARD",
    }:
        yield "children that live five minutes, or share a history"
    if state["ItemReader"]["ReaderConfig"] != {"InputType": "JSONL"}:
        yield "a plan that is read as something else"
    if state.get("ToleratedFailurePercentage") != 0 or "ToleratedFailureCount" in state:
        yield "failed chunks that nobody minds"
    if "ResultWriter" not in state or state["ResultPath"] is not None:
        yield "ten thousand answers in one state"
    if state["Label"] != name.removeprefix("Run ").capitalize():
        yield "a label that the role's policy does not name"


def choices_that_every_chunk_pays(definition: Definition) -> Iterator[str]:
    """What is the same for all of a map's children is chosen before it: their states are charged by the thousand."""
    for name, state in states(definition):
        if state["Type"] == "Map":
            children = state["ItemProcessor"]
            if children["States"][children["StartAt"]]["Type"] != "Task":
                yield name


def substitutions_that_do_not_match(definition: Definition) -> Iterator[str]:
    machine = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]["JobStateMachine"]
    used = {name for word in words(definition) for name in SUBSTITUTION.findall(word)}
    yield from used ^ machine["Properties"]["DefinitionSubstitutions"].keys()


def runs_that_are_not_named(definition: Definition) -> Iterator[str]:
    """The execution takes what starts a run, and its steps are told which run it is."""
    told = Run(job_id="j").to_json().keys()
    named = set(words(definition["States"]["Begin"]["Parameters"]))
    yield from (f"Begin and {word}" for word in named ^ {f"$.{name}" for name in told})
    first = {name: value for name, value in Run(job_id="j").to_json().items() if name != "job_id"}
    if definition["States"]["First run"]["Parameters"] != {"job_id.$": "$.job_id", **first}:
        yield "First run is not what a first run is told"
    for name in ("Plan", "Close"):
        if definition["States"][name]["Parameters"].get("redrive.$") != "$.redrive":
            yield f"{name} does not know which run it is"


def graces_that_workers_outlast(definition: Definition) -> Iterator[str]:
    """Closing waits until the workers have seen the stop, and what was in flight has ended or was given up."""
    if definition["States"]["Grace"]["Seconds"] < BETWEEN_LOOKS + GRACE:
        yield "Grace"


CHUNK = "Run chunks.ItemProcessor.States"
SUBMISSION = "Run submissions.ItemProcessor.States"
BROKEN: list[tuple[Rule, str, object]] = [
    (maps_of_a_width_that_no_plan_said, "Run chunks.MaxConcurrencyPath", ...),
    (maps_of_a_width_that_no_plan_said, "Run submissions.MaxConcurrencyPath", "$.job_id"),
    (waits_of_a_length_that_no_step_said, f"{CHUNK}.Wait.SecondsPath", "$.answer.state"),
    (waits_of_a_length_that_no_step_said, f"{SUBMISSION}.Wait to submit.SecondsPath", ...),
    (ways_to_nowhere, "Begin.Next", "Pln"),
    (ways_to_nowhere, "Plan.Catch.0.Next", "Clse"),
    (ways_to_nowhere, "Planned?.Default", "Nobody"),
    (ways_to_nowhere, f"{CHUNK}.Chunk settled?.Choices.1.Next", "Close"),
    (states_that_nothing_leads_to, "Closed?.Choices.0.Next", "Unknown answer of close"),
    (states_that_nothing_leads_to, f"{CHUNK}.Chunk settled?.Choices.2.Next", "Invoke"),
    (states_that_nothing_leads_to, "Only close?.Choices.0.Next", "Plan"),
    (states_that_nothing_leads_to, f"{SUBMISSION}.Collected?.Choices.2.Next", "Collect"),
    (states_that_nothing_leads_to, f"{SUBMISSION}.Submit.Next", "Collect"),
    (errors_that_nobody_retries, f"{SUBMISSION}.Submit.Catch", []),
    (answers_that_nobody_expects, "Lane?.Choices.1.StringEquals", "batch"),
    (answers_that_nobody_expects, f"{SUBMISSION}.Collected?.Choices.3.StringEquals", "wait"),
    (state_that_is_more_than_pointers, f"{SUBMISSION}.Submit.Parameters.Payload.token", "$.token"),
    (states_that_lead_nowhere, "Close.Next", ""),
    (states_that_lead_nowhere, f"{CHUNK}.Wait.End", True),
    (states_without_a_word, f"{CHUNK}.Wait.Comment", ""),
    (errors_that_nobody_raises, "Plan.Retry.0.ErrorEquals.0", "Lambda.TooManyRequestException"),
    (errors_that_nobody_raises, "Plan.Retry.2.ErrorEquals.0", "States.ALL"),
    (errors_that_nobody_raises, "Close.Retry.1.ErrorEquals.3", "Unavailible"),
    (errors_that_nobody_retries, f"{CHUNK}.Invoke.Retry", []),
    (errors_that_nobody_retries, f"{CHUNK}.Invoke.Retry.2.ErrorEquals", ["States.Timeout"]),
    (maps_that_start_over, "Run chunks.Retry", [{"ErrorEquals": ["States.Timeout"]}]),
    (herds, "Plan.Retry.0.JitterStrategy", "NONE"),
    (herds, "Plan.Retry.2.MaxDelaySeconds", 86400),
    (herds, "Close.Retry.2.MaxAttempts", 1000),
    (herds, "Close.Retry.0.MaxAttempts", 10_000),
    (jobs_that_others_end, f"{SUBMISSION}.Collect.Retry.0.MaxAttempts", 20),
    (tasks_without_a_good_end, "Close.TimeoutSeconds", ...),
    (tasks_without_a_good_end, "Plan.TimeoutSeconds", 60),
    (failures_that_leave_no_receipt, "Plan.Catch", []),
    (failures_that_leave_no_receipt, "Run chunks.Catch.0.Next", "Job closed"),
    (failures_that_leave_no_receipt, "Unknown answer of plan.Type", "Fail"),
    (answers_that_nobody_expects, f"{CHUNK}.Chunk settled?.Choices", [{"StringEquals": "done"}]),
    (answers_that_nobody_expects, "Closed?.Default", ...),
    (answers_that_nobody_expects, "Planned?.Choices.0.StringEquals", "denied"),
    (state_that_is_more_than_pointers, "Plan.ResultPath", ...),
    (state_that_is_more_than_pointers, "Close.Parameters.text", "$.planned.text"),
    (state_that_is_more_than_pointers, f"{CHUNK}.Chunk done.OutputPath", "$.answer.records"),
    (a_map_that_is_not_ours, "Run chunks.ItemProcessor.ProcessorConfig.ExecutionType", "EXPRESS"),
    (a_map_that_is_not_ours, "Run chunks.ItemReader.ReaderConfig.InputType", "JSON"),
    (a_map_that_is_not_ours, "Run chunks.ToleratedFailurePercentage", 5),
    (a_map_that_is_not_ours, "Run chunks.ResultWriter", ...),
    (a_map_that_is_not_ours, "Run chunks.Label", "Pieces"),
    (a_map_that_is_not_ours, "Run submissions.Label", "Chunks"),
    (choices_that_every_chunk_pays, "Run chunks.ItemProcessor.StartAt", "Chunk settled?"),
    (
        answers_that_end_the_siblings,
        f"{SUBMISSION}.Collected?.Choices.4.Next",
        "Unknown answer of collect",
    ),
    (
        answers_that_end_the_siblings,
        f"{SUBMISSION}.Submitted?.Choices.3.Next",
        "Unknown answer of submit",
    ),
    (answers_that_end_the_siblings, f"{CHUNK}.Chunk stopped.Type", "Fail"),
    (
        submissions_that_end_their_siblings,
        f"{SUBMISSION}.Submit.Catch.1.ErrorEquals",
        ["States.Timeout"],
    ),
    (submissions_that_end_their_siblings, f"{SUBMISSION}.Collect.Catch", []),
    (
        submissions_that_end_their_siblings,
        f"{SUBMISSION}.Given up before?.Choices.0.Next",
        "Unknown answer of collect",
    ),
    (submissions_that_end_their_siblings, f"{SUBMISSION}.Give up.ResultPath", "$.answer"),
    (answers_that_are_given_up, f"{SUBMISSION}.Give up.Next", "Submission stopped"),
    (answers_that_are_given_up, f"{SUBMISSION}.Given up before?.Default", "Submission stopped"),
    (runs_that_are_not_named, "Begin.Parameters.begin.$", ...),
    (runs_that_are_not_named, "Begin.Parameters.text.$", "$.text"),
    (runs_that_are_not_named, "Close.Parameters.redrive.$", ...),
    (runs_that_are_not_named, "First run.Parameters.begin", "close"),
    (graces_that_workers_outlast, "Grace.Seconds", 10),
    (substitutions_that_do_not_match, "Plan.Resource", "${CloseFunction}"),
    (substitutions_that_do_not_match, f"{CHUNK}.Invoke.Resource", "${InvokFunction}"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.fixture(scope="module")
def definition() -> Definition:
    """The file as it is, which must be JSON before anything is substituted."""
    parsed: Definition = json.loads((ROOT / "statemachines/job.asl.json").read_text())
    return parsed


def with_change(definition: Definition, place: str, value: object) -> Definition:
    """A copy that is different in one place; ``...`` takes the place away."""
    changed = copy.deepcopy(definition)
    *way, last = re.split(r"\.(?!\$)", place)
    part: Any = changed["States"]
    for step in way:
        part = part[int(step) if isinstance(part, list) else step]
    if value is ...:
        del part[last]
    else:
        part[int(last) if isinstance(part, list) else last] = value
    return changed


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_workflow_has_no(rule: Rule, definition: Definition) -> None:
    assert sorted(rule(definition)) == []


@pytest.mark.parametrize(
    ("rule", "place", "value"),
    BROKEN,
    ids=[f"{rule.__name__}-{place}" for rule, place, _ in BROKEN],
)
def test_a_broken_workflow_is_seen(
    rule: Rule, place: str, value: object, definition: Definition
) -> None:
    assert sorted(rule(with_change(definition, place, value))) != []


def test_only_texts_are_substituted() -> None:
    text = (ROOT / "statemachines/job.asl.json").read_text()

    filled = SUBSTITUTION.sub("arn:aws:lambda:eu-west-1:123456789012:function:step", text)

    assert json.loads(filled).keys() == json.loads(text).keys()
