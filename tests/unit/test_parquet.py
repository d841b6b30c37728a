import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.errors import AccessDenied, Refused
from batchwright.unfolding.arrow import Unsupported, way_of
from batchwright.unfolding.parquet import _ways, is_parquet, parquet_rows
from batchwright.unfolding.ranged import RangedFile

VIENNA = pa.timestamp("us", "Europe/Vienna")
AT = 1_785_499_200_000_000
UUID = "0f0e0d0c-0b0a-0908-0706-050403020100"
# A type, what a column of it holds, and what stands in the row.
TYPED: tuple[tuple[pa.DataType, Any, Any], ...] = (
    (pa.int8(), -7, -7),
    (pa.uint64(), 2**64 - 1, 2**64 - 1),
    (pa.bool_(), True, True),
    (pa.string(), 'two\nlines\u2028 "q"', 'two\nlines\u2028 "q"'),
    (pa.large_string(), "007", "007"),
    (pa.string_view(), "x", "x"),
    (pa.float32(), 0.1, 0.1),
    (pa.float64(), 0.1, 0.1),
    (pa.float64(), float("nan"), None),
    (pa.float32(), float("-inf"), None),
    (pa.decimal128(12, 2), Decimal("1234567890.10"), "1234567890.10"),
    (pa.decimal128(20, 10), Decimal(0), "0.0000000000"),
    (pa.binary(), b"\x00\x01", "AAE="),
    (pa.binary(2), b"\x00\x01", "AAE="),
    (pa.date32(), 20_666, "2026-08-01"),
    (pa.date32(), 2**30, None),
    (pa.timestamp("us"), AT, "2026-07-31T12:00:00"),
    (pa.timestamp("ns"), AT * 1000 + 1, "2026-07-31T12:00:00.000000001"),
    (pa.timestamp("ms", "UTC"), AT // 1000 + 7, "2026-07-31T12:00:00.007Z"),
    (VIENNA, AT, "2026-07-31T12:00:00Z"),
    (pa.timestamp("us"), 2**62, None),
    (pa.time32("ms"), 45_000_007, "12:30:00.007"),
    (pa.time64("ns"), 1, "00:00:00.000000001"),
    (pa.duration("ms"), -1500, "-PT1.500S"),
    (pa.uuid(), bytes(range(16))[::-1], UUID),
    (pa.json_(), '{"a":1}', '{"a":1}'),
    (pa.dictionary(pa.int32(), pa.string()), "red", "red"),
    (pa.list_(pa.date32()), [20_666, None], ["2026-08-01", None]),
    (pa.list_(pa.float32(), 2), [0.5, 0.1], [0.5, 0.1]),
    (pa.struct([("a", pa.decimal128(5, 1)), ("b", pa.string()), ("c", pa.date32())]),
     {"a": Decimal("1.5"), "b": "x", "c": None}, {"a": "1.5", "b": "x", "c": None}),
    (pa.map_(pa.string(), pa.timestamp("s")), [("k", AT // 10**6), ("n", None)],
     {"k": "2026-07-31T12:00:00", "n": None}),
    (pa.map_(pa.int64(), pa.string()), [(1, "x")], [[1, "x"]]),
    (pa.list_(pa.map_(pa.string(), pa.list_(pa.binary()))), [[("k", [b"\x00\x01"])]], [{"k": ["AAE="]}]),
)  # fmt: skip


def file_of(table: pa.Table, **how: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, **how)
    return file


def numbered(rows: int, **how: Any) -> io.BytesIO:
    return file_of(pa.table({"n": range(rows), "text": [f"row {n}" for n in range(rows)]}), **how)


def read(file: Any, skip: int = 0) -> list[Any]:
    return [json.loads(line) for line in parquet_rows(file, skip)]


@pytest.mark.parametrize(("kind", "held", "shown"), TYPED, ids=lambda value: str(value)[:40])
def test_every_type_has_its_form_in_json_and_null_is_null(
    kind: pa.DataType, held: Any, shown: Any
) -> None:
    column = pa.array([held, None], kind)

    assert read(file_of(pa.table({"cell": column}))) == [{"cell": shown}, {"cell": None}]


def test_a_row_is_one_line() -> None:
    (line,) = parquet_rows(file_of(pa.table({"b": ["two\nlines"], "a": [1]})))

    assert line == b'{"b":"two\\nlines","a":1}\n'


@pytest.mark.parametrize("kind", [pa.month_day_nano_interval(), pa.dense_union([])])
def test_a_type_without_a_form_refuses_the_file_by_its_column(kind: pa.DataType) -> None:
    with pytest.raises(Refused, match="'when'") as caught:
        _ways(pa.schema([("id", pa.int64()), ("when", pa.list_(kind))]))

    assert caught.value.code == "corrupt_input"


def test_a_struct_with_two_members_of_one_name_has_no_form() -> None:
    with pytest.raises(Unsupported):
        way_of(pa.struct([("a", pa.int64()), ("a", pa.int64())]))


@pytest.mark.parametrize("names", [["a", "a"], ["a", " "]])
def test_every_column_needs_a_name_of_its_own(names: list[str]) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)

    with pytest.raises(Refused) as caught:
        read(file_of(table))

    assert caught.value.code == "invalid_header"


@settings(deadline=None)
@given(rows=st.integers(0, 60), group=st.integers(1, 25), skip=st.integers(0, 70))
def test_rows_are_skipped_wherever_the_row_groups_begin(rows: int, group: int, skip: int) -> None:
    found = read(numbered(rows, row_group_size=group), skip)

    assert [row["n"] for row in found] == [*range(rows)][skip:]


def test_a_batch_that_is_skipped_in_part_gives_the_rest() -> None:
    assert [row["n"] for row in read(numbered(1000), 700)] == [*range(700, 1000)]


def test_row_groups_that_are_skipped_are_not_read() -> None:
    content = numbered(200_000, row_group_size=10_000, compression="none").getvalue()
    asked: list[int] = []

    def get(start: int, end: int) -> bytes:
        asked.append(end - start)
        return content[start:end]

    (last,) = read(RangedFile(len(content), get), 199_999)

    assert last["n"] == 199_999
    assert sum(asked) < len(content) / 10


def test_a_row_group_is_read_in_small_parts_and_only_once() -> None:
    noise = [bytes([n % 251]) * 7 + n.to_bytes(4) * 250 for n in range(40_000)]
    table = pa.table({"n": range(40_000), "noise": noise})
    content = file_of(table, compression="none", use_dictionary=False).getvalue()
    asked: list[int] = []

    def get(start: int, end: int) -> bytes:
        asked.append(end - start)
        return content[start:end]

    rows = len([*parquet_rows(RangedFile(len(content), get))])

    assert rows == 40_000
    assert len(content) > 40_000_000
    assert max(asked) <= 5_000_000
    assert sum(asked) < 1.1 * len(content)


def damaged() -> Iterator[bytes]:
    content = numbered(50).getvalue()
    yield b""
    yield b"PAR1"
    yield content[:-3]
    yield content[:4] + b"PARE"
    yield content[:-4] + b"PARE"
    yield content[:30] + b"\xff" * 60 + content[90:]
    yield content[:-100] + b"\xff" * 60 + content[-40:]


@pytest.mark.parametrize("content", [*damaged()], ids=str)
def test_a_broken_or_encrypted_file_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="broken or encrypted") as caught:
        read(io.BytesIO(content))

    assert caught.value.code == "corrupt_input"


def test_text_that_is_not_utf_8_is_refused_and_not_quoted() -> None:
    text = pa.array([b"canary", b"\xff canary"], pa.binary()).view(pa.string())

    with pytest.raises(Refused) as caught:
        read(file_of(pa.table({"text": text})))

    assert caught.value.code == "corrupt_input"
    assert "canary" not in str(caught.value)


@settings(deadline=None)
@given(place=st.integers(0, 10_000), change=st.integers(1, 255))
def test_a_byte_that_flipped_raises_nothing_else(place: int, change: int) -> None:
    content = bytearray(numbered(5).getvalue())
    content[place % len(content)] ^= change

    try:
        rows = read(io.BytesIO(bytes(content)))
    except Refused:
        return
    assert len(rows) <= 5


def test_what_befalls_the_reading_is_not_the_files_fault() -> None:
    def denied(_start: int, _end: int) -> bytes:
        raise AccessDenied("the object may not be read")

    with pytest.raises(AccessDenied):
        read(RangedFile(1000, denied))


def test_parquet_is_told_by_its_first_bytes() -> None:
    assert is_parquet(numbered(1).getvalue()[:64])
    assert is_parquet(b"PARE")
    assert not is_parquet(b"part,name")
