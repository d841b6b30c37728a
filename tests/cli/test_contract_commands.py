"""Contract check, show, diff and schema."""

import json
from pathlib import Path

import pytest

from batchwright.contractfile import read_contract
from batchwright.contractschema import contract_schema
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL

NEW = "somebody.new-model"
GOOD = f"# kept\nname: triage\nroutes: [{{model: '{MODEL}', max_tokens: 9}}]\n"
SAME = f"routes:\n  - max_tokens: 9\n    model: {MODEL}\nname: triage\n"
DIGEST = read_contract(GOOD.encode(), name="triage").digest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A contract that reads."""
    file = tmp_path / "triage.yaml"
    file.write_text(GOOD)
    return file


def test_a_contract_is_checked_without_aws(
    nowhere: pytest.MonkeyPatch, batchwright: Command, file: Path
) -> None:
    assert nowhere

    said = batchwright("contract", "check", file, "--json")

    assert said.code == 0
    assert said.json == {"contract": "triage", "digest": DIGEST, "faults": [], "warnings": []}


def test_every_fault_is_told_with_path_and_line(batchwright: Command, file: Path) -> None:
    file.write_text(f"{GOOD}budgets: 1\ndeadlin: 24h\n")

    said = batchwright("contract", "check", file)
    told = batchwright("contract", "check", file, "--json").json

    assert said.code == 4
    assert said.out.splitlines() == [
        "fault      budgets: there is no such field; did you mean budget? (line 4)",
        "fault      deadlin: there is no such field; did you mean deadline? (line 5)",
    ]
    assert [fault["line"] for fault in told["faults"]] == [4, 5]
    assert told["contract"] is None


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("routes: [{model: some.model, max_tokens: 1}]", "routes.0.model: the price"),
        (
            "routes: [{model: some.model, max_tokens: 1}]\nbudget: {usd: 1}",
            "its files are refused while there is a budget",
        ),
        (f"routes: [{{model: '{MODEL}'}}]", "routes.0: without max_tokens 2,048"),
        (f"{GOOD}lane: auto\ndeadline: 6h", "deadline: a batch is likely to take 6 h"),
        (
            f"{GOOD.replace(MODEL, NEW)}lane: bedrock_batch",
            f"lane: '{NEW}' is not among the models",
        ),
        (f"{GOOD}models: {{a: b.c}}", "models.a: no route asks 'b.c'"),
        (
            f"{GOOD}filters: {{input: [{{length: {{max_chars: 1, then: pass}}}}]}}",
            "filters.input: every filter has `then: pass`",
        ),
        (f"{GOOD}prompt: {{system: '{{{{ a }}}}', user: x}}", "prompt.system: what a row says"),
        (
            (
                f"routes: [{{model: '{MODEL}', max_tokens: 1}}, {{model: '{MODEL}', tier: flex}}]\n"
                "fallback: [denied]"
            ),
            "routes.1: it asks the same model as the first route",
        ),
        (
            (
                f"routes: [{{model: '{MODEL}', max_tokens: 1}}, {{model: '{MODEL}', tier: flex}}]\n"
                "fallback: [denied]"
            ),
            "fallback: without `unavailable`",
        ),
    ],
)
def test_what_is_doubtful_is_a_warning(
    batchwright: Command, file: Path, text: str, warned: str
) -> None:
    file.write_text(text if text.startswith("#") else f"name: triage\n{text}")

    said = batchwright("contract", "check", file)

    assert said.code == 0
    assert f"{warned}" in said.out
    assert said.out.startswith("warning ")


@pytest.mark.parametrize("command", ["check", "put", "diff"])
def test_a_contract_that_is_nested_without_end_is_at_fault(
    cloud: Cloud, batchwright: Command, file: Path, command: str
) -> None:
    assert cloud
    file.write_text("a: " + "[" * 3000)

    said = batchwright("contract", command, file)

    assert said.code == 4
    assert "it is not YAML that can be read" in said.out + said.err


def test_a_list_of_terms_that_is_no_text_is_named(
    nowhere: pytest.MonkeyPatch, batchwright: Command, file: Path
) -> None:
    assert nowhere
    file.write_text(f"{GOOD}filters: {{output: [{{terms: {{file: bin.txt, then: review}}}}]}}\n")
    (file.parent / "bin.txt").write_bytes(b"\xff\xfe\x00")

    said = batchwright("contract", "check", file)

    assert said.code == 2
    assert said.err == f"batchwright: {file.parent}/bin.txt: it is no text in UTF-8\n"


def test_a_contract_is_shown_as_it_was_put(cloud: Cloud, batchwright: Command, file: Path) -> None:
    assert cloud
    batchwright("contract", "put", file)

    said = batchwright("contract", "show", "triage")
    told = batchwright("contract", "show", "triage", "--json").json

    assert (said.code, said.out) == (0, GOOD)
    assert told == {
        "contract": "triage",
        "digest": DIGEST,
        "address": "s3://box/contracts/triage.yaml",
        "text": GOOD,
        "faults": [],
    }


def test_a_contract_that_does_not_read_is_shown_with_its_faults(
    cloud: Cloud, batchwright: Command
) -> None:
    cloud.put_contract("triage", f"{GOOD}budgets: 1")

    said = batchwright("contract", "show", "triage")
    told = batchwright("contract", "show", "triage", "--json")

    assert said.code == told.code == 4
    assert said.out == f"{GOOD}budgets: 1\n"
    assert (
        said.err == "batchwright: budgets: there is no such field; did you mean budget? (line 4)\n"
    )
    assert told.json["digest"] is None


@pytest.mark.parametrize("name", ["nobody", "../jobs/x", ""])
def test_a_contract_that_is_not_there_is_told(
    cloud: Cloud, batchwright: Command, name: str
) -> None:
    assert cloud

    said = batchwright("contract", "show", name)

    assert said.code == 4
    assert f"there is no contract {name!r} in the stack" in said.err


def test_the_built_in_contract_is_shown_where_none_was_put(
    cloud: Cloud, batchwright: Command
) -> None:
    said = batchwright("contract", "show", "default")

    assert said.code == 0
    shown = read_contract(said.out.encode(), name="default")
    assert shown.routes[0].model == cloud.models[0]


def test_layout_and_order_make_no_difference(
    cloud: Cloud, batchwright: Command, file: Path
) -> None:
    cloud.put_contract("triage", SAME)

    said = batchwright("contract", "diff", file)
    told = batchwright("contract", "diff", file, "--json").json

    assert said.code == 0
    assert told == {
        "contract": "triage",
        "same": True,
        "digest": DIGEST,
        "stored_digest": DIGEST,
        "diff": [],
    }


def test_the_order_of_the_answers_properties_makes_one(
    cloud: Cloud, batchwright: Command, file: Path
) -> None:
    asks = "response: {schema: {properties: {%s: {}, %s: {}}}}\n"
    file.write_text(GOOD + asks % ("why", "answer"))
    cloud.put_contract("triage", GOOD + asks % ("answer", "why"))

    told = batchwright("contract", "diff", file, "--json").json

    assert told["same"] is False
    assert told["digest"] != told["stored_digest"]
    changed = [line for line in told["diff"][2:] if line[0] in "+-"]
    assert changed == ["+      why: {}", "-      why: {}"]


def test_a_difference_is_shown_with_both_digests(
    cloud: Cloud, batchwright: Command, file: Path
) -> None:
    cloud.put_contract("triage", SAME.replace("9", "12"))

    said = batchwright("contract", "diff", file)

    assert said.code == 3
    assert "-- max_tokens: 12\n+- max_tokens: 9\n" in said.out
    assert DIGEST in said.out
    assert "--- s3://box/contracts/triage.yaml" in said.out


def test_a_contract_that_was_never_put_differs_from_nothing(
    cloud: Cloud, batchwright: Command, file: Path
) -> None:
    assert cloud

    said = batchwright("contract", "diff", file)

    assert said.code == 4
    assert "batchwright contract put" in said.err


def test_a_stored_contract_that_does_not_read_is_told(
    cloud: Cloud, batchwright: Command, file: Path
) -> None:
    cloud.put_contract("triage", "name: triage")

    said = batchwright("contract", "diff", file)

    assert said.code == 4
    assert "routes: this is needed" in said.err


def test_the_schema_is_printed(batchwright: Command) -> None:
    assert json.loads(batchwright("contract", "schema").out) == contract_schema()
    assert batchwright("contract", "schema", "--json").json == contract_schema()
