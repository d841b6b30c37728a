"""The schema of contracts that editors use is the one of the code, and the examples fit it."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml

from batchwright.contract import Contract
from batchwright.contractfaults import PATTERNS
from batchwright.contractschema import contract_schema
from tests.fakes import MODEL

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = DOCS / "contract.schema.json"
EXAMPLES = sorted(DOCS.glob("contracts/*.yaml"))
HEADER = "# yaml-language-server: $schema=../contract.schema.json\n"


@pytest.fixture(scope="module")
def fits() -> Any:
    return jsonschema_rs.validator_for(contract_schema())


def test_the_schema_that_is_published_is_the_one_of_the_code() -> None:
    assert orjson.loads(SCHEMA.read_bytes()) == contract_schema(), (
        "write it again: batchwright contract schema > docs/contract.schema.json"
    )


def test_every_field_of_a_contract_is_in_the_schema_with_what_it_means() -> None:
    schema = contract_schema()
    fields = schema["properties"]

    assert fields.keys() == Contract.model_fields.keys()
    for name, field in fields.items():
        described = field.get("description") or schema["$defs"][field["$ref"].rpartition("/")[2]]
        assert described, name


def test_every_pattern_has_words_that_tell_what_it_wants() -> None:
    assert patterns_in(contract_schema()) == PATTERNS.keys()


def patterns_in(node: Any) -> set[str]:
    match node:
        case {"pattern": str(pattern)}:
            return {pattern}
        case {"patternProperties": dict(members)}:
            return {*members}.union(*map(patterns_in, members.values()))
        case dict():
            return set().union(*map(patterns_in, node.values()))
        case list():
            return set().union(*map(patterns_in, node))
    return set()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_fits_the_schema_and_names_it(example: Path, fits: Any) -> None:
    text = example.read_text()

    assert text.startswith(HEADER)
    assert [str(fault) for fault in fits.iter_errors(yaml.safe_load(text))] == []


def contract(**said: Any) -> dict[str, Any]:
    return {"name": "triage", "routes": [{"model": MODEL}], **said}


@pytest.mark.parametrize(
    "said",
    [
        {"filters": {"output": [{"length": {"max_chars": 5}}]}},
        {"filters": {"output": [{"length": {"max_chars": 5, "then": "review"}}]}},
        {"filters": {"output": [{"length": "review"}]}},
        {"budget": {"usd": 5}, "deadline": "90m", "fallback": []},
    ],
)
def test_what_a_contract_may_say_fits(said: dict[str, Any], fits: Any) -> None:
    assert fits.is_valid(contract(**said))


@pytest.mark.parametrize(
    "said",
    [
        {"filters": {"output": [{"lenght": {"max_chars": 5}}]}},
        {"filters": {"output": [{"length": {"max_chars": 5, "then": "redact"}}]}},
        {"filters": {"output": [{"length": "redact"}]}},
        {"filters": {"output": [{}]}},
        {"filter": {}},
        {"deadline": "soon"},
        {"budget": None},
        {"strict": "no"},
        {"routes": []},
    ],
)
def test_what_it_may_not_say_does_not_fit(said: dict[str, Any], fits: Any) -> None:
    assert not fits.is_valid(contract(**said))
