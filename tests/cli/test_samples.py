"""The samples and the contracts that they run under; tests/system runs them all."""

import json

from batchwright.contractfile import read_contract
from tests.samples import BESIDE, DOCS, SAMPLES


def test_every_sample_and_every_contract_is_known() -> None:
    assert {file.name for file in (DOCS / "samples").iterdir()} == SAMPLES.keys()
    contracts = {file.stem for file in (DOCS / "contracts").iterdir()}
    run = {sample.contract for sample in SAMPLES.values()} | BESIDE.keys()
    assert contracts == run - {"default"}


def test_every_sample_stands_in_the_commands_page() -> None:
    page = (DOCS / "cli.md").read_text()

    assert [name for name in SAMPLES if f"`{name}`" not in page] == []


def test_every_contract_reads() -> None:
    for file in (DOCS / "contracts").iterdir():
        read_contract(file.read_bytes(), name=file.stem)


def test_the_mails_of_the_demo_are_many_and_various() -> None:
    lines = (DOCS / "samples" / "support-mails.jsonl").read_text().splitlines()
    texts = [json.loads(line)["body"]["messages"][-1]["content"] for line in lines]

    assert len(set(texts)) == len(texts) >= 20
    assert all(len(text) < 150 for text in texts)
