"""Results of a table job as one table: every row, in order, beside what became of it."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from copy import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from batchwright.cli import tables
from batchwright.cli.faults import Code, Halt
from batchwright.cli.tables import Joined, Layout, Row, survey
from batchwright.completion import Completion
from batchwright.errors import ContentFiltered
from batchwright.request import Request
from tests.cli.cloud import Cloud
from tests.cli.conftest import Command
from tests.fakes import MODEL, ScriptedEngine, echo, texts_of

CONTRACT = (
    f"name: tags\nroutes: [{{model: '{MODEL}'}}]\nprompt: {{id: sku, user: '{{{{ title }}}}'}}\n"
)
SOURCE = b"sku,title,output.kind\n1,lamp,-5\n2,withheld,=1+1\n3,too,many,cells\n4,chair,\n"


def answer(request: Request, text: str) -> Completion:
    return replace(echo(request), content=[{"text": text}])


def kinds(request: Request, _call: int) -> Completion:
    (text,) = texts_of(request)
    if text == "withheld":
        raise ContentFiltered("withheld")
    return answer(request, json.dumps({"kind": f"@{text}", "legs": len(text)}))


@pytest.fixture
def job(cloud: Cloud, batchwright: Command, tmp_path: Path) -> Callable[..., str]:
    """A table, run to its end."""

    def run(source: bytes = SOURCE, replies: Callable[[Request, int], Completion] = kinds) -> str:
        file = tmp_path / "products.csv"
        file.write_bytes(source)
        cloud.put_contract("tags", CONTRACT)
        cloud.engine = ScriptedEngine(replies)
        batchwright("submit", file, "--contract", "tags")
        (row,) = cloud.run()
        return row.job_id

    return run


def test_every_row_is_there_in_order_beside_its_answer_or_its_error(
    job: Callable[..., str], batchwright: Command, tmp_path: Path
) -> None:
    said = batchwright("results", job(), "-o", tmp_path / "out", "--format", "csv", "--json")

    assert said.code == 3
    assert said.json["results"]["table"] == str(tmp_path / "out" / "results.csv")
    assert Path(said.json["results"]["output"]).exists()
    with (tmp_path / "out" / "results.csv").open(encoding="utf-8", newline="") as opened:
        header, *lines = csv.reader(opened)
    assert header == [
        "sku", "title", "output.kind",
        "batchwright_status", "batchwright_output", "batchwright_error_code",
        "batchwright_error_message", "output.kind_", "output.legs",
    ]  # fmt: skip
    assert lines == [
        ["1", "lamp", "-5", "succeeded", '{"kind": "@lamp", "legs": 4}', "", "", "'@lamp", "4"],
        ["2", "withheld", "'=1+1", "blocked", "", "content_filtered", "withheld", "", ""],
        ["", "", "", "failed", "", "invalid_row",
         "the row at line 4 has 4 cells, the header has 3", "", ""],
        ["4", "chair", "", "succeeded", '{"kind": "@chair", "legs": 5}', "", "", "'@chair", "5"],
    ]  # fmt: skip


def test_the_same_table_as_parquet_is_as_it_came_and_typed(
    job: Callable[..., str], batchwright: Command, tmp_path: Path
) -> None:
    said = batchwright("results", job(), "-o", tmp_path / "out", "--format", "parquet", "--json")

    table = pq.read_table(said.json["results"]["table"])
    assert table.column("sku").to_pylist() == ["1", "2", None, "4"]
    assert table.column("output.kind").to_pylist() == ["-5", "=1+1", None, ""]
    assert table.column("output.kind_").to_pylist() == ["@lamp", None, None, "@chair"]
    assert table.column("output.legs").to_pylist() == [4, None, None, 5]
    assert str(table.schema.field("output.legs").type) == "int64"
    assert table.column("batchwright_status").to_pylist() == [
        "succeeded", "blocked", "failed", "succeeded",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_answers_that_are_not_all_json_objects_have_no_columns_for_members(
    job: Callable[..., str], batchwright: Command, tmp_path: Path, form: str
) -> None:
    def some(request: Request, call: int) -> Completion:
        return answer(request, "a lamp") if call == 1 else kinds(request, call)

    said = batchwright("results", job(replies=some), "-o", tmp_path, "--format", form, "--json")

    place = Path(said.json["results"]["table"])
    names = (
        pq.read_schema(place).names
        if form == "parquet"
        else place.read_text().split("\n")[0].strip().split(",")
    )
    assert names[-1] == "batchwright_error_message"


def test_without_the_option_no_table_is_written_or_told(
    job: Callable[..., str], batchwright: Command, tmp_path: Path
) -> None:
    said = batchwright("results", job(), "-o", tmp_path / "out", "--json")

    assert "table" not in said.json["results"]
    assert not [*(tmp_path / "out").glob("results.*")]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_other_jobs_have_no_table_and_it_is_said(
    cloud: Cloud, batchwright: Command, mails: Path, tmp_path: Path, form: str
) -> None:
    batchwright("submit", mails)
    (row,) = cloud.run()

    said = batchwright("results", row.job_id, "-o", tmp_path / "out", "--format", form, "--json")

    assert said.code == 2
    assert said.out == ""
    assert "is not of a table, and --format is for tables" in said.err
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "output.jsonl", "errors.jsonl", "outcomes.jsonl", "receipt.json", "report.html",
        "salt.txt", "seal.json", "tree",
    }  # fmt: skip


def test_a_refused_table_has_none(
    job: Callable[..., str], batchwright: Command, tmp_path: Path
) -> None:
    said = batchwright(
        "results", job(b"sku,name\n1,x\n"), "-o", tmp_path, "--format", "csv", "--json"
    )

    assert said.code == 4
    assert said.json["reason"]["code"] == "missing_column"
    assert said.json["results"]["table"] is None


def test_the_command_starts_without_pyarrow() -> None:
    script = "import sys, batchwright.cli.app; sys.exit('pyarrow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603 - our own words


def test_a_name_of_ours_that_a_source_column_has_gets_underscores() -> None:
    sources: dict[str, Any] = {"batchwright_status": 1, "batchwright_status_": 2, "output.a": 3}
    rows = [Row(source=sources, status="succeeded", output='{"a": 1, "a_": 2}')]

    assert survey(rows).names() == [
        *sources, "batchwright_status__", "batchwright_output", "batchwright_error_code",
        "batchwright_error_message", "output.a_", "output.a__",
    ]  # fmt: skip


def test_columns_come_in_the_order_in_which_they_first_occur() -> None:
    rows = [
        Row(source=source, status="failed") for source in ({"b": 1}, {}, {"a": 1, "b": 2}, {"c": 3})
    ]

    layout = survey(rows)

    assert [*layout.sources] == ["b", "a", "c"]
    assert [layout.cells(row)[:3] for row in rows] == [
        [1, None, None], [None, None, None], [2, 1, None], [None, None, 3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "output", ["", "plain", "[1]", "null", '{"a": NaN}', '{"a": "\\ud83d"}', "[" * 100_000]
)
def test_an_answer_that_is_no_json_object_leaves_the_members_out(output: str) -> None:
    rows = [
        Row(source={}, status="succeeded", output='{"a": 1}'),
        Row(source={}, status="succeeded", output=output),
    ]

    assert survey(rows).members == {}


def test_whole_numbers_of_any_size_stay_exact() -> None:
    row = Row(source={}, status="succeeded", output='{"id": 123456789012345678901234567890}')

    assert survey([row]).cells(row)[-1] == 123456789012345678901234567890


def test_members_beyond_number_are_left_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_COLUMNS", 2)

    layout = survey([Row(source={"a": 1}, status="succeeded", output='{"a": 1, "b": 2, "c": 3}')])

    assert layout == Layout(sources={"a": {tables.Kind.INT}}, members={})


def test_source_columns_beyond_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_COLUMNS", 2)

    with pytest.raises(Halt, match="more than 2 columns"):
        survey([Row(source={"a": 1, "b": 2, "c": 3}, status="failed")])


@pytest.mark.parametrize(("outcomes", "answers"), [(2, 1), (1, 2)])
def test_files_that_do_not_fit_together_are_refused(
    tmp_path: Path, outcomes: int, answers: int
) -> None:
    places = {name: str(tmp_path / name) for name in ("outcomes", "output", "errors")}
    Path(places["outcomes"]).write_bytes(b'{"status":"succeeded"}\n' * outcomes)
    Path(places["output"]).write_bytes(b'{"id":"1","row":{},"output":""}\n' * answers)
    Path(places["errors"]).write_bytes(b"")

    with pytest.raises(Halt, match="bring the results again") as halt:
        [*Joined("job-1", places)]

    assert halt.value.code is Code.REFUSED
