"""Parquet: the types of the source come back, and nothing is lost where they cannot."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.cli import parquetfile
from batchwright.cli.parquetfile import schema_of, write_parquet
from batchwright.cli.tables import Row, survey
from batchwright.job import Job, JobRow, Status
from batchwright.places import job_key, result_key
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import NOON, MemoryObjects

BERLIN = pa.timestamp("us", "Europe/Berlin")
# A type, a value as it is read back, and as a row of the results holds it.
TYPED: tuple[tuple[pa.DataType, Any, Any], ...] = (
    (pa.date32(), date(2026, 1, 31), "2026-01-31"),
    (pa.timestamp("us"), datetime.fromisoformat("2026-01-31T12:00"), "2026-01-31T12:00:00.000000"),
    (pa.timestamp("ms", "UTC"), datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z"),
    (BERLIN, datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T13:00:00+01:00"),
    (pa.time64("us"), time(12, 30, 0, 7), "12:30:00.000007"),
    (pa.decimal128(12, 2), Decimal("1234567890.10"), "1234567890.10"),
    (pa.decimal128(12, 2), Decimal("5.00"), 5),
    (pa.int8(), -7, -7),
    (pa.uint64(), 2**64 - 1, 2**64 - 1),
    (pa.float32(), 0.5, 0.5),
    (pa.bool_(), False, False),
    (pa.string(), "=1+1", "=1+1"),
    (pa.large_string(), "007", "007"),
    (pa.list_(pa.date32()), [date(2026, 1, 31), None], ["2026-01-31", None]),
    (pa.struct([("a", pa.decimal128(5, 1)), ("b", pa.string())]),
     {"a": Decimal("1.5"), "b": None}, {"a": "1.5", "b": None}),
    (pa.map_(pa.string(), pa.int64()), [("k", 1)], {"k": 1}),
    (pa.dictionary(pa.int32(), pa.string()), "red", "red"),
)  # fmt: skip
SCALAR: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "string": st.text(),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parquet") / "results.parquet"


def read_back(rows: list[Row], place: Path, schema: pa.Schema | None = None) -> pa.Table:
    write_parquet(survey(rows), rows, place, schema)
    return pq.read_table(place)


def of(*cells: Any) -> list[Row]:
    return [Row(source={"cell": cell}, status="failed") for cell in cells]


@pytest.mark.parametrize(("wanted", "value", "held"), TYPED, ids=str)
def test_a_column_has_the_type_of_the_source_again(
    place: Path, wanted: pa.DataType, value: Any, held: Any
) -> None:
    unread = Row(source={}, status="failed")

    table = read_back([unread, *of(held, None)], place, pa.schema([("cell", wanted)]))

    assert table.schema.field("cell").type == wanted
    assert table.column("cell").to_pylist() == [None, value, None]


@pytest.mark.parametrize(
    ("wanted", "cells", "text"),
    [
        (pa.date32(), ["2026-01-31", "soon"], ["2026-01-31", "soon"]),
        (pa.decimal128(5, 1), ["1.5", "1.55"], ["1.5", "1.55"]),
        (pa.time32("s"), ["12:00:00", 5], ['"12:00:00"', "5"]),
        (pa.int64(), [1, 2**63], ["1", str(2**63)]),
        (pa.binary(), ["AAE=", None], ["AAE=", None]),
        (pa.list_(pa.binary()), [["AAE="]], ['["AAE="]']),
        (pa.dictionary(pa.int8(), pa.binary()), ["AAE="], ["AAE="]),
        (pa.uuid(), ["0f"], ["0f"]),
        (pa.struct([("a", pa.int64())]), [{"a": 1}, 5], ['{"a":1}', "5"]),
    ],
)
def test_a_column_is_text_where_one_cell_does_not_fit_its_type(
    place: Path, wanted: pa.DataType, cells: list[Any], text: list[str | None]
) -> None:
    table = read_back(of(*cells), place, pa.schema([("cell", wanted)]))

    assert table.schema.field("cell").type == pa.string()
    assert table.column("cell").to_pylist() == text


@pytest.mark.parametrize(
    ("cells", "wanted", "read"),
    [
        ([1, None, 2**63 - 1], "int64", [1, None, 2**63 - 1]),
        ([1, 1.5], "double", [1.0, 1.5]),
        ([True, False], "bool", [True, False]),
        (["007", "-5"], "string", ["007", "-5"]),
        ([None, None], "string", [None, None]),
        ([2**53 + 1, 0.5], "string", [str(2**53 + 1), "0.5"]),
        ([2**64, 1], "string", [str(2**64), "1"]),
        ([1, "1"], "string", ["1", '"1"']),
        ([True, 1], "string", ["true", "1"]),
        ([{"a": [1]}, [], None], "string", ['{"a":[1]}', "[]", None]),
    ],
)
def test_without_a_schema_a_column_has_the_type_of_all_its_cells(
    place: Path, cells: list[Any], wanted: str, read: list[Any]
) -> None:
    table = read_back(of(*cells), place)

    assert str(table.schema.field("cell").type) == wanted
    assert table.column("cell").to_pylist() == read


@pytest.mark.parametrize("wanted", SCALAR)
@given(draw=st.data())
def test_what_is_written_is_read_back(place: Path, wanted: str, draw: st.DataObject) -> None:
    cells = draw.draw(st.lists(SCALAR[wanted] | st.none(), min_size=1))

    assert read_back(of(*cells), place).column("cell").to_pylist() == cells


def test_a_table_is_written_in_row_groups(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquetfile, "BATCH_ROWS", 7)
    monkeypatch.setattr(parquetfile, "ROW_GROUP_BYTES", 1000)

    table = read_back(of(*range(100)), place)

    assert table.column("cell").to_pylist() == [*range(100)]
    assert pq.ParquetFile(place).num_row_groups > 2


def test_long_lines_fill_a_batch_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquetfile, "BATCH_BYTES", 10)
    rows = [Row(source={}, status="failed", size=size) for size in (4, 6, 11, 1)]

    assert [len(batch) for batch in parquetfile._batches(rows)] == [2, 1, 1]


@pytest.fixture
def parquet(tmp_path: Path) -> bytes:
    file = tmp_path / "source.parquet"
    pq.write_table(pa.table({"day": [date(2026, 1, 31)], "price": [Decimal("1.50")]}), file)
    return file.read_bytes()


def admitted(objects: MemoryObjects | Any, key: str, content: bytes) -> Job:
    objects.write(key, content)
    job = Job(
        job_id="job-1", created_at=NOON, input=objects.pin(key), contract_name="tags",
        contract=None, contract_digest=None, models=(),
    )  # fmt: skip
    objects.write(job_key("job-1"), job.model_dump_json().encode())
    return job


def test_the_schema_is_that_of_the_version_that_was_admitted(parquet: bytes) -> None:
    objects = MemoryObjects()
    admitted(objects, "inbox/tags/file", parquet)
    objects.write("inbox/tags/file", b"something else")

    assert schema_of("job-1", objects) == pa.schema(
        [("day", pa.date32()), ("price", pa.decimal128(3, 2))]
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda _: b"sku,title\n1,PAR1",
        lambda content: content[:-50] + b"\xff" * 42 + content[-8:],
        lambda content: content[:-8] + b"\xff\xff\xff\xff" + content[-4:],
    ],
    ids=["empty", "CSV", "a broken footer", "a footer longer than the file"],
)
def test_an_input_that_is_no_parquet_has_no_schema(
    parquet: bytes, spoil: Callable[[bytes], bytes]
) -> None:
    objects = MemoryObjects()
    admitted(objects, "inbox/tags/file.parquet", spoil(parquet))

    assert schema_of("job-1", objects) is None


def test_an_input_or_a_job_that_was_deleted_has_no_schema(parquet: bytes) -> None:
    objects = MemoryObjects()
    admitted(objects, "inbox/tags/file.parquet", parquet)
    objects.versions["inbox/tags/file.parquet"] = [None]

    assert schema_of("job-1", objects) is None
    assert schema_of("job-2", objects) is None


def test_results_of_a_parquet_file_are_a_parquet_file_like_it(
    cloud: Cloud, batchwright: Command, parquet: bytes, tmp_path: Path
) -> None:
    job = admitted(cloud.objects, "inbox/tags/prices.parquet", parquet)
    row = {"day": "2026-01-31", "price": "1.50"}
    results = ended(cloud, job, {"id": "line-1", "row": row, "output": '{"dear": true}'})

    said = batchwright("results", "job-1", "-o", tmp_path, "--format", "parquet", "--json")

    assert results.keys() < said.json["results"].keys()
    assert pq.read_table(said.json["results"]["table"]).to_pylist() == [
        {
            "day": date(2026, 1, 31),
            "price": Decimal("1.50"),
            "batchwright_status": "succeeded",
            "batchwright_output": '{"dear": true}',
            "batchwright_error_code": None,
            "batchwright_error_message": None,
            "output.dear": True,
        }
    ]


def ended(cloud: Cloud, job: Job, line: dict[str, Any]) -> dict[str, str]:
    """Close a job by hand with one answer: what reads Parquet is not asked here."""
    files = {"output": [line], "errors": [], "outcomes": [{"index": 0, "status": "succeeded"}]}
    results = {name: result_key(job.job_id, f"{name}.jsonl") for name in files}
    for name, lines in files.items():
        cloud.objects.write(results[name], b"".join(orjson.dumps(line) + b"\n" for line in lines))
    results["receipt"] = result_key(job.job_id, "receipt.json")
    cloud.objects.write(results["receipt"], b'{"files": {}}')
    cloud.jobs.add(
        JobRow(
            job_id=job.job_id,
            status=Status.COMPLETED,
            created_at=NOON.isoformat(),
            updated_at="2026-11-22T12:00:00.000Z",
            contract=job.contract_name,
            total=1,
            results=results,
        )
    )
    return results
