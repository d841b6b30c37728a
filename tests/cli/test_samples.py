"""The samples run as they lie there, and ask only for what Bedrock's structured output takes."""

import json
from pathlib import Path

import pytest

from batchwright.completion import Completion
from batchwright.contract import read_contract
from batchwright.request import Request
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.emulator.host.wire.schema import read_schema
from tests.fakes import ScriptedEngine, echo

DOCS = Path(__file__).parents[2] / "docs"
SAMPLES = {
    "support-mails.jsonl": "support-triage",
    "products.csv": "product-tags",
    "questions.converse.jsonl": "default",
}


def test_every_sample_and_every_contract_is_tried_here() -> None:
    assert {file.name for file in (DOCS / "samples").iterdir()} == SAMPLES.keys()
    contracts = {file.stem for file in (DOCS / "contracts").iterdir()}
    assert contracts == set(SAMPLES.values()) - {"default"}


def test_every_contract_reads() -> None:
    for file in (DOCS / "contracts").iterdir():
        read_contract(file.read_bytes(), name=file.stem)


@pytest.mark.parametrize(("sample", "contract"), SAMPLES.items())
def test_a_sample_runs_under_its_contract(
    cloud: Cloud, batchwright: Command, sample: str, contract: str
) -> None:
    def bound(request: Request, call: int) -> Completion:
        if form := request.body.get("outputConfig"):
            read_schema(form["textFormat"]["structure"]["jsonSchema"]["schema"])
        return echo(request, call)

    cloud.engine = ScriptedEngine(bound)
    if contract != "default":
        batchwright("contract", "put", DOCS / "contracts" / f"{contract}.yaml")

    batchwright("submit", DOCS / "samples" / sample, "--contract", contract)
    (row,) = cloud.run()

    assert row.problems == 0
    assert row.total == len(cloud.engine.calls) >= 4
    assert all((request.max_tokens or 0) <= 64 for request in cloud.engine.calls)


def test_the_mails_of_the_demo_are_many_and_various() -> None:
    lines = (DOCS / "samples" / "support-mails.jsonl").read_text().splitlines()
    texts = [json.loads(line)["body"]["messages"][-1]["content"] for line in lines]

    assert len(set(texts)) == len(texts) >= 20
    assert all(len(text) < 150 for text in texts)
