import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.plumbing import (
    ADMIT_MEMORY,
    WAY_OF_A_CHUNK,
    WAY_OF_A_JOB,
    Bill,
    cost,
    parts,
    price_of,
)
from tests.house import cloudformation

ROOT = Path(__file__).parents[2]
IDLE = {"admit_seconds": 0.0, "invoke_seconds": 0.0, "step_seconds": 0.0, "chunks": 0.0}


def test_a_job_is_priced_by_its_requests_its_seconds_and_its_states() -> None:
    report = {**IDLE, "chunks": 10.0}
    requests = {"invoke:s3.PutObject": 60.0, "close:s3.GetObject": 500.0}

    chunk = 1 + len(WAY_OF_A_CHUNK)
    states = (len(WAY_OF_A_JOB) + 10 * chunk) * 0.000025
    asked = 60 * 0.000005 + 500 * 0.0000004
    assert cost(report, requests) == pytest.approx(states + asked + 13 * 0.0000002)


def test_a_second_of_a_worker_costs_its_memory() -> None:
    more = cost({**IDLE, "invoke_seconds": 1024.0}, {}) - cost(IDLE, {})

    assert more == pytest.approx(1769 * 0.0000133334)


def test_a_request_without_a_price_is_a_fault() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        price_of("sqs.SendMessage")


def test_what_is_asked_for_chunks_is_told_apart_and_the_governor_left_out() -> None:
    requests = {
        "plan:s3.GetObject": 2,
        "invoke:s3.GetObject": 4,
        "invoke.chunks:s3.PutObject": 12,
        "invoke.state:dynamodb.UpdateItem": 50,
        "close.chunks:s3.GetObject": 12,
        "close:s3.PutObject": 11,
    }
    bill = Bill(records=2_000, report={**IDLE, "chunks": 2, **requests})

    told = {figure.name: figure.value for figure in parts(bill)}

    assert told["worker.plumbing.2000.chunk"] == 14
    assert told["worker.plumbing.2000.job"] == 13
    assert bill.each == 41 / 2_000


def test_the_ways_are_those_of_the_workflow() -> None:
    workflow = json.loads((ROOT / "statemachines/job.asl.json").read_text())
    (chunks,) = (name for name in WAY_OF_A_JOB if workflow["States"][name]["Type"] == "Map")

    assert leads_through(workflow, WAY_OF_A_JOB)
    assert leads_through(workflow["States"][chunks]["ItemProcessor"], WAY_OF_A_CHUNK)


def leads_through(scope: dict[str, Any], way: tuple[str, ...]) -> bool:
    """Whether a way begins at the first state, goes where each leads, and ends well."""
    states = [scope["States"][name] for name in way]
    follows = all(
        name
        in {state.get("Next"), state.get("Default")}
        | {choice["Next"] for choice in state.get("Choices", [])}
        for state, name in zip(states, way[1:], strict=False)
    )
    return scope["StartAt"] == way[0] and follows and states[-1]["Type"] == "Succeed"


def test_admission_has_the_memory_that_it_is_priced_with() -> None:
    functions = cloudformation.of_type(cloudformation.read(), "AWS::Serverless::Function")

    assert functions["AdmitFunction"]["MemorySize"] == ADMIT_MEMORY
