"""What filters found, as metrics: by filter and kind, and never what it was."""

import json
from typing import Any

import pytest

from batchwright.aws.metrics import MOST_KINDS, measure, metrics
from batchwright.finding import Finding, Noted, Notes, Stage, Verdict
from batchwright.workplace import Report


def found(filter_name: str, kind: str, stage: Stage = Stage.OUTPUT) -> Noted:
    finding = Finding(kind=kind)
    return Noted(stage=stage, filter=filter_name, finding=finding, verdict=Verdict.REDACT)


def measured(report: Report, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    measure(report)
    metrics.clear_metrics()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def report_of(*notes: Notes) -> Report:
    report = Report()
    for each in notes:
        report.look_back(each)
    return report


def test_findings_are_counted_by_stage_filter_and_kind(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "stack")
    two = Notes()
    two.add(Verdict.REDACT, [found("pii", "email"), found("pii", "email"), found("pii", "card")])
    one = Notes()
    one.add(Verdict.REVIEW, [found("length", "too_long", Stage.INPUT)])

    lines = measured(report_of(two, one), capsys)

    told = {(line["stage"], line["filter"], line["kind"]): line["Findings"] for line in lines}
    assert told == {
        ("output", "pii", "email"): [2],
        ("output", "pii", "card"): [1],
        ("input", "length", "too_long"): [1],
    }
    (described,) = lines[0]["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Batchwright"
    assert {*described["Dimensions"][0]} == {"service", "stage", "filter", "kind"}
    assert {line["service"] for line in lines} == {"stack"}


def test_verdicts_are_counted_by_record(capsys: pytest.CaptureFixture[str]) -> None:
    notes = [Notes() for _ in range(3)]
    notes[0].add(Verdict.PASS, [])
    notes[1].add(Verdict.PASS, [])
    notes[1].add(Verdict.BLOCK, [])

    measure(report_of(*notes))

    told: dict[str, Any] = {**metrics.serialize_metric_set()}
    metrics.clear_metrics()
    assert capsys.readouterr().out == ""
    counted = {verdict.value: told[f"Verdicts{verdict.value.title()}"] for verdict in Verdict}
    assert counted == {"pass": [1.0], "redact": [0.0], "review": [0.0], "block": [1.0]}


def test_kinds_that_contracts_invent_do_not_become_metrics_without_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notes = Notes()
    many = [found("regex", f"rule-{number}") for number in range(500)]
    notes.add(
        Verdict.PASS, [*many, *many[:10], found("regex", "No Word"), found("regex", "k" * 99)]
    )

    lines = measured(report_of(notes), capsys)

    kinds = {line["kind"]: line["Findings"] for line in lines}
    assert len(kinds) == MOST_KINDS + 1
    assert kinds["rule-3"] == [2]
    assert sum(count for (count,) in kinds.values()) == 512
