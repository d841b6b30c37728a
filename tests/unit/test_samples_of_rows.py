"""The sample tables are the same products in four kinds of file; the sample document is cut as its contract says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchwright.contract import Contract
from batchwright.contractfile import read_contract
from batchwright.dialects.dialect import Dialect
from batchwright.dialects.document import Document, DocumentJoin
from batchwright.dialects.jsonrows import JsonRows
from batchwright.dialects.table import Table
from batchwright.lines import Line
from batchwright.record import Record
from batchwright.unfolding.document import is_document, pieces
from batchwright.unfolding.parquet import is_parquet, parquet_rows
from tests.fakes import texts_of

DOCS = Path(__file__).parents[2] / "docs"


def contract(name: str) -> Contract:
    return read_contract((DOCS / f"contracts/{name}.yaml").read_bytes(), name=name)


def content(name: str) -> bytes:
    return (DOCS / "samples" / name).read_bytes()


def records(dialect: Dialect, whole: bytes) -> Iterator[Record]:
    found = dialect.framing([whole])
    if dialect.header:
        next(found)
    return map(dialect.read, found)


def of_text(name: str) -> list[Record]:
    whole = content(name)
    table = Table.of_header(whole.splitlines()[0], 1, contract("product-tags"))
    assert name.endswith(table.name)
    return [*records(table, whole)]


def of_objects() -> list[Record]:
    whole = content("products.rows.jsonl")
    fields = json.loads(whole.splitlines()[0])
    return [*records(JsonRows.of_first(fields, 1, contract("product-tags")), whole)]


def of_parquet() -> list[Record]:
    assert is_parquet(content("products.parquet"))
    with (DOCS / "samples/products.parquet").open("rb") as file:
        unfolded = b"".join(parquet_rows(file))
    return [*records(JsonRows(contract("product-tags"), "parquet"), unfolded)]


def test_the_products_ask_the_same_in_every_kind_of_table() -> None:
    tables = [of_text("products.csv"), of_text("products.tsv"), of_objects(), of_parquet()]

    asked = [
        [(each.record_id, each.shape.user, each.shape.system) for each in table] for table in tables
    ]
    assert asked[0][0][:2] == (
        "CM-100",
        "Filter coffee machine: Brews ten cups, keeps them warm for two hours, switches itself off.",
    )
    assert len(asked[0]) == 6
    assert asked == [asked[0]] * 4


def test_the_handbook_is_cut_into_a_few_pieces() -> None:
    terms = contract("summarise")
    assert terms.document is not None
    assert is_document("handbook.md", terms)

    cut = b"".join(pieces([content("handbook.md")], "handbook.md", terms.document))

    found = [*records(Document(terms), cut)]
    assert 4 <= len(found) <= 6
    assert [record.record_id for record in found][:2] == ["handbook.md#1", "handbook.md#2"]
    assert all(record.input_tokens < 300 for record in found)


def test_the_summaries_are_joined_in_order() -> None:
    dialect = DocumentJoin(contract("summarise"))
    parts = ["It opens.", "It closes."]
    group = {"id": "handbook.md", "name": "handbook.md", "parts": parts, "missing": 0}
    content = json.dumps(group).encode()

    (asked,) = texts_of(dialect.request(dialect.read(Line(1, 0, len(content), content))))

    assert "the parts of handbook.md" in asked
    assert asked.index("1. It opens.") < asked.index("2. It closes.")


@pytest.mark.parametrize("name", ["product-tags", "summarise"])
def test_a_contract_of_the_samples_asks_for_short_answers(name: str) -> None:
    assert all((route.max_tokens or 0) <= 200 for route in contract(name).routes)
