"""Traces hold what AWS itself writes of a call, and of that no word of a record (law 7).

Tracing is on. Lambda and Step Functions then tell X-Ray the names and times of functions and states, and of a function
that failed its exception: class, message, and places in the code (docs.aws.amazon.com/xray/latest/devguide/
xray-api-segmentdocuments.html, "exceptions"). Only who loads a tracer could add annotations, metadata, or the
parameters of calls to AWS; we load none.
"""

import ast
from pathlib import Path

import pytest

from tests.house.cloudformation import ROOT, read

FUNCTIONS = sorted(ROOT.glob("functions/*.py"))
SOURCES = [*FUNCTIONS, *ROOT.glob("layers/core/batchwright/**/*.py")]
TRACERS = ("aws_xray_sdk", "aws-xray-sdk", "opentelemetry", "ddtrace", "Tracer")


def test_tracing_is_on() -> None:
    template = read()
    assert template["Globals"]["Function"]["Tracing"] == "Active"
    machine = template["Resources"]["JobStateMachine"]["Properties"]
    assert machine["Tracing"] == {"Enabled": True}


def test_nothing_of_ours_writes_to_a_trace() -> None:
    told = {path.name: path.read_text() for path in SOURCES}
    told |= {path.parent.name: path.read_text() for path in ROOT.glob("layers/*/requirements.txt")}
    assert len(told) > 100
    assert [name for name, text in told.items() if any(each in text for each in TRACERS)] == []


@pytest.mark.parametrize("path", FUNCTIONS, ids=lambda path: path.stem)
def test_what_leaves_a_handler_went_through_quiet_last(path: Path) -> None:
    handlers = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "handler"
    ]
    assert [ast.unparse(each.decorator_list[-1]) for each in handlers] in (["quiet"], [])
    assert handlers or path.stem == "__init__"
