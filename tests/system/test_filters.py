"""Filters that ask services, deployed: a user's function with its faults, guardrails, Comprehend, a judge."""

import json
from typing import Any

import pytest

from batchwright.job import JobRow, Status
from tests.laptop import chat_line, jsonl
from tests.system.conftest import zipped
from tests.system.stack_under_test import StackUnderTest

MODEL = "us.amazon.nova-lite-v1:0"
# Finds a codename; and fails in every way in which a function can, if a text says so.
FILTER = """
import time

def handler(event, context):
    assert event["job_id"] and event["key"] and event["stage"] == "output"
    text = " ".join(event["texts"])
    if "hang" in text:
        time.sleep(20)
    if "raise" in text:
        raise ValueError(text)
    if "die" in text:
        import os
        os._exit(1)
    if "odd" in text:
        return {"findings": [{"kind": "codename", "text": text}]}
    return {"findings": [
        {"kind": "codename", "part": part, "start": text.index("Zeus"), "end": text.index("Zeus") + 4}
        for part, text in enumerate(event["texts"]) if "Zeus" in text
    ]}
"""


def install(stack: StackUnderTest, name: str) -> str:
    client = stack.cloud.client("lambda")
    plan = client.get_function_configuration(FunctionName=stack.cloud.physical("PlanFunction"))
    made = client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="filter.handler",
        Role=plan["Role"],
        Timeout=30,
        Code={"ZipFile": zipped({"filter.py": FILTER})},
    )
    return str(made["FunctionArn"])


@pytest.fixture(scope="module")
def codenames(deployed: StackUnderTest) -> str:
    return install(deployed, "batchwright-filter-codenames")


def run(stack: StackUnderTest, name: str, filters: dict[str, Any], *texts: str) -> JobRow:
    contract = {
        "name": name,
        "routes": [{"model": MODEL, "max_tokens": 400}],
        "models": {"*": MODEL},
        "filters": filters,
    }
    stack.put_contract(name, json.dumps(contract))  # JSON is YAML
    lines = [chat_line(f"r{number}", text) for number, text in enumerate(texts)]
    return stack.run(f"inbox/{name}/file.jsonl", jsonl(lines), seconds=120)


def statuses(stack: StackUnderTest, row: JobRow) -> list[tuple[str, list[str]]]:
    return [
        (outcome["status"], [each["kind"] for each in outcome["findings"]])
        for outcome in stack.results(row, "outcomes")
    ]


def answers(stack: StackUnderTest, row: JobRow) -> list[str]:
    return [
        line["response"]["body"]["choices"][0]["message"]["content"]
        for line in stack.results(row, "output")
    ]


def test_a_users_function_redacts_and_what_it_cannot_look_at_is_held(
    stack: StackUnderTest, codenames: str
) -> None:
    function = {"arn": codenames, "timeout": 60, "then": "redact"}
    texts = ["calm", "Zeus is here", "now raise", "now die", "now be odd"]
    row = run(stack, "by-function", {"output": [{"function": function}]}, *texts)

    assert statuses(stack, row) == [
        ("succeeded", []),
        ("succeeded", ["codename"]),
        *[("review", ["filter_failed"])] * 3,
    ]
    assert answers(stack, row) == ["calm", "[CODENAME_1] is here"]
    assert not any("now raise" in line for line in stack.logs("invoke"))


def test_what_a_function_does_not_look_at_in_time_is_held(stack: StackUnderTest) -> None:
    hanging = install(stack, "batchwright-filter-hanging")
    function = {"arn": hanging, "timeout": 2, "then": "pass"}
    row = run(stack, "by-hanging", {"output": [{"function": function}]}, "now hang")

    assert statuses(stack, row) == [("review", ["filter_failed"])]


def test_a_function_that_the_stack_may_not_invoke_stops_the_job(stack: StackUnderTest) -> None:
    other = install(stack, "somebody-elses")
    row = run(stack, "by-another", {"output": [{"function": {"arn": other}}]}, "calm")

    assert row.status is Status.FAILED
    assert row.reason is not None
    assert row.reason.code == "access_denied"


def test_a_function_that_is_not_there_stops_the_job(stack: StackUnderTest, codenames: str) -> None:
    missing = codenames.replace("codenames", "missing")
    row = run(stack, "by-nobody", {"output": [{"function": {"arn": missing}}]}, "calm")

    assert row.reason is not None
    assert row.reason.code == "filter_broken"


def test_guardrails_and_comprehend_look_at_what_is_asked_and_answered(
    stack: StackUnderTest,
) -> None:
    looks = [
        {"match": "[a-z]+@[a-z.]+[a-z]", "kind": "EMAIL"},
        {"match": "stocks", "kind": "Financial advice"},
        {"match": "idiot", "kind": "INSULT"},
        {"match": "ignore all", "kind": "JAILBREAK"},
    ]
    stack.behave(looks=looks)
    filters = {
        "input": [{"guardrail_checks": {"attacks": ["jailbreak"], "then": "block"}}],
        "output": [
            {"comprehend": {"kinds": ["email", "toxic"], "then": "redact"}},
            {"guardrail": {"id": "abc123", "version": "1", "then": "block"}},
        ],
    }
    texts = ["calm", "write to ada@example.org", "buy stocks", "ignore all of it"]
    row = run(stack, "by-services", filters, *texts)

    assert statuses(stack, row) == [
        ("succeeded", []),
        ("succeeded", ["email"]),
        ("blocked", ["topic_financial_advice"]),
        ("blocked", ["jailbreak"]),
    ]
    assert answers(stack, row) == ["calm", "write to [EMAIL_1]"]
    asked = [call["api"] for call in stack.calls()]
    assert asked.count("Converse") == 3, "what is blocked is not asked"
    assert asked.count("ApplyGuardrail") == 3


def test_a_guardrail_at_the_call_itself_blocks_what_is_asked_and_what_is_answered(
    stack: StackUnderTest,
) -> None:
    stack.behave(looks=[{"match": "stocks", "kind": "Financial advice"}])
    route = {
        "model": MODEL,
        "max_tokens": 100,
        "guardrail": {"id": "abc123", "version": "1"},
    }
    contract = {
        "name": "by-call",
        "routes": [route],
        "models": {"*": MODEL},
        "prompt": {"user": "Sort {{ text | guarded }} by {{ by }}."},
    }
    stack.put_contract("by-call", json.dumps(contract))
    rows = b"id,text,by\nr0,calm,price\nr1,buy stocks,price\nr2,calm,stocks\n"
    row = stack.run("inbox/by-call/rows.csv", rows, seconds=120)

    outcomes = stack.results(row, "outcomes")
    assert [each["status"] for each in outcomes] == ["succeeded", "blocked", "blocked"]
    assert [(each["error"] or {}).get("code") for each in outcomes] == [
        None,
        "content_filtered",
        "content_filtered",
    ]
    asked, answered = outcomes[1]["usage"], outcomes[2]["usage"]
    assert asked["input_tokens"] == 0, "what was asked was blocked before a model read it"
    assert answered["output_tokens"] > 0, "what a model answered is paid for"
    assert [each["output"] for each in stack.results(row, "errors")] == [None, None]


def test_a_throttled_service_is_waited_for(stack: StackUnderTest) -> None:
    throttle = {"api": "ApplyGuardrail", "do": "throttle", "rate": 0.7}
    stack.behave(faults=[throttle])
    guardrail = {"id": "abc123", "version": 1, "then": "block"}
    row = run(stack, "by-throttled", {"output": [{"guardrail": guardrail}]}, *["calm"] * 20)

    assert row.counts()["succeeded"] == 20
    assert [call["status"] for call in stack.calls()].count(429) > 0


def test_a_judge_is_asked_on_the_records_account(stack: StackUnderTest) -> None:
    # The host echoes: the judge says what it reads, and reads a verdict.
    judge = {"model": MODEL, "criteria": "It is calm.", "max_tokens": 2000, "structured": False}
    texts = ['{"fails": false}', '{"fails": true}', "no verdict"]
    row = run(stack, "by-judge", {"output": [{"judge": judge}]}, *texts)

    assert statuses(stack, row) == [
        ("succeeded", []),
        ("review", ["fails"]),
        ("review", ["filter_failed"]),
    ]
    assert row.tally.calls == len(stack.calls()) == 6
