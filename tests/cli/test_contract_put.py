"""Contract put: what does not read does not get in."""

from pathlib import Path

import pytest

from batchwright.contractfile import read_contract
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL

GOOD = f"# kept as it was written\nname: triage\nroutes: [{{model: '{MODEL}'}}]\n"


def test_a_contract_is_put_as_it_was_written_under_the_name_that_it_says(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    file = tmp_path / "draft-2.yaml"
    file.write_text(GOOD)

    said = batchwright("contract", "put", file, "--json")

    assert said.code == 0
    assert said.json == {
        "contract": "triage",
        "digest": read_contract(GOOD.encode(), name="triage").digest(),
        "address": "s3://box/contracts/triage.yaml",
    }
    assert cloud.objects.read("contracts/triage.yaml") == GOOD.encode()


def test_people_are_told_its_name_and_digest(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    assert cloud
    file = tmp_path / "triage.yaml"
    file.write_text(GOOD)

    said = batchwright("contract", "put", file)

    assert said.code == 0
    assert read_contract(GOOD.encode(), name="triage").digest() in said.out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: triage\nroutes: []\n", "routes"),
        ("routes: [{model: x}]\n", "name"),
        ("name: [not, closed\n", "line 2"),
        ("just words\n", "contract 'triage'"),
        ("", "contract 'triage'"),
        ("name: ../../etc\nroutes: [{model: x}]\n", "name"),
        (GOOD + "budgets: {}\n", "budgets"),
        (GOOD + "# " + "x" * 300_000, "larger than"),
        (GOOD + "prompt: {user: '{{ text'}\n", "prompt.user"),
    ],
)
def test_a_contract_that_does_not_read_is_refused_in_one_line(
    cloud: Cloud, batchwright: Command, tmp_path: Path, text: str, fault: str
) -> None:
    file = tmp_path / "triage.yaml"
    file.write_text(text)

    said = batchwright("contract", "put", file, "--json")

    assert said.code == 4
    assert said.out == ""
    assert fault in said.err
    assert said.err.count("\n") == 1
    assert [*cloud.objects.keys("")] == []


def test_a_list_of_terms_that_lies_beside_a_contract_is_taken_in(
    cloud: Cloud, batchwright: Command, tmp_path: Path
) -> None:
    file = tmp_path / "guarded.yaml"
    file.write_text(
        "name: guarded\nroutes: [{model: 'us.amazon.nova-lite-v1:0'}]\n"
        "filters: {output: [{terms: {file: terms.txt, then: block}}]}\n"
    )
    (tmp_path / "terms.txt").write_text("nightjar # a code name\nproject heron\n")

    assert batchwright("contract", "check", file).code == 0
    assert batchwright("contract", "put", file).code == 0
    stored = cloud.objects.read("contracts/guarded.yaml").decode()
    assert "nightjar" in stored
    assert "terms.txt" not in stored
    assert batchwright("contract", "diff", file).code == 0
    (tmp_path / "terms.txt").unlink()
    assert batchwright("contract", "put", file).code == 2
