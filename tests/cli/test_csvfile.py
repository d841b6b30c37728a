"""CSV: what is written is read back the same, but for what a spreadsheet would run."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.cli.csvfile import NUMBER, defused, write_csv
from batchwright.cli.tables import Row, survey, text_of

DANGEROUS = "=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20"
DROPPED = " \u00a0\u3000\ufeff\u200b\"'`"
TEXT = st.text() | st.text(st.sampled_from(DANGEROUS + DROPPED + "1.e;,cmd"))
CELL = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda cells: st.lists(cells, max_size=3) | st.dictionaries(TEXT, cells, max_size=3),
    max_leaves=4,
)
ROW = st.builds(
    Row,
    source=st.dictionaries(TEXT, CELL, max_size=4),
    status=st.sampled_from(["succeeded", "failed"]),
    output=TEXT | st.dictionaries(TEXT, CELL, max_size=3).map(text_of) | st.none(),
    error_code=TEXT | st.none(),
    error_message=TEXT | st.none(),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "results.csv"


def written(rows: list[Row], place: Path) -> list[list[str]]:
    write_csv(survey(rows), rows, place)
    with place.open(encoding="utf-8", newline="") as opened:
        return [*csv.reader(opened, strict=True)]


@given(rows=st.lists(ROW, max_size=4))
def test_no_cell_begins_as_a_formula_does_unless_it_is_a_plain_number(
    place: Path, rows: list[Row]
) -> None:
    for cells in written(rows, place):
        for cell in cells:
            assert NUMBER.fullmatch(cell) or not cell.lstrip(DROPPED[:-3]).startswith(
                tuple(DANGEROUS)
            )


@given(rows=st.lists(ROW, max_size=4))
def test_a_table_is_read_back_whole(place: Path, rows: list[Row]) -> None:
    layout = survey(rows)

    header, *lines = written(rows, place)

    assert header == [defused(name) for name in layout.names()]
    assert len(set(header)) == len(header)
    assert lines == [[defused(text_of(cell)) for cell in layout.cells(row)] for row in rows]


@given(text=TEXT)
def test_a_defused_cell_is_itself_or_itself_behind_an_apostrophe(text: str) -> None:
    assert defused(text) in {text, f"'{text}"}


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+cmd", "-a1", "@sum", "\tx", "\rx", "\nx", "\0x", "  =1", '"=1', "' -x", " -5", "-5\n",
     "\uff1d1", "\uff0b1", "\uff0d1", "\uff201", "\ufeff=1", "-5+3", "+-5", "--5", "-٣", "-"],
)  # fmt: skip
def test_what_would_run_gets_an_apostrophe(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+1.5e3", "-.5", "+1.", "-1E-7", "", "a=b", "1-2", "'tis"])
def test_what_would_not_run_stays(cell: str) -> None:
    assert defused(cell) == cell


def test_lines_end_as_rfc_4180_says_and_what_is_no_text_is_json(place: Path) -> None:
    source: dict[str, Any] = {
        "a": "x,\u00e9\n",
        "n": None,
        "b": True,
        "i": 2**70,
        "l": [1, {"k": "v"}],
    }
    write_csv(
        survey([Row(source=source, status="failed")]), [Row(source=source, status="failed")], place
    )

    assert place.read_bytes() == (
        b"a,n,b,i,l,batchwright_status,batchwright_output,batchwright_error_code,"
        b"batchwright_error_message\r\n"
        b'"x,\xc3\xa9\n",,true,1180591620717411303424,"[1,{""k"":""v""}]",failed,,,\r\n'
    )
