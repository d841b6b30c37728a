"""Parquet: a table with the types of the source's schema, or with those that its cells allow."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batchwright.cli.tables import Kind, Layout, Row, json_of
from batchwright.errors import Missing
from batchwright.job import Job, Pin
from batchwright.places import job_key
from batchwright.ports import Objects

MAGIC = b"PAR1"
TAIL = 8  # the length of the footer, and the magic
# Cells are turned into Arrow's columns after so many rows or bytes of lines; Arrow needs a fraction of their memory.
BATCH_ROWS = 10_000
BATCH_BYTES = 4_000_000
ROW_GROUP_BYTES = 32_000_000
# What a column can be whose cells are of these kinds and no others; anything else is JSON text.
TYPES: tuple[tuple[set[Kind], pa.DataType], ...] = (
    ({Kind.STRING}, pa.string()),
    ({Kind.BOOL}, pa.bool_()),
    ({Kind.INT, Kind.LONG}, pa.int64()),
    ({Kind.INT, Kind.FLOAT}, pa.float64()),
)
BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
UNFIT = (pa.ArrowException, AttributeError, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Column:
    """A column's name and type, and how its cells are brought to it."""

    name: str
    type: pa.DataType
    array: Callable[[list[Any], pa.DataType], pa.Array]


def write_parquet(
    layout: Layout, rows: Iterable[Row], place: Path, schema: pa.Schema | None
) -> None:
    """Write a table in row groups; where there is a ``schema``, ``rows`` are read once before to try it."""
    columns = _columns(layout, rows, schema or pa.schema([]))
    wanted = pa.schema([(column.name, column.type) for column in columns])
    with pq.ParquetWriter(place, wanted) as writer:
        for group in _row_groups(columns, layout, rows, wanted):
            writer.write_table(pa.Table.from_batches(group, wanted))


def schema_of(job_id: str, objects: Objects) -> pa.Schema | None:
    """Return the schema of a job's input, if that is a Parquet file and still there."""
    try:
        job = Job.model_validate_json(objects.read(job_key(job_id)))
        return _schema_in(job.input, objects) if job.input else None
    except Missing:
        return None


def cast(cells: list[Any], wanted: pa.DataType) -> pa.Array:
    """Bring cells as JSON holds them back to a type; raises one of ``UNFIT``."""
    if pa.types.is_time(wanted):
        # Arrow reads no time of day alone.
        cells = [None if cell is None else f"1970-01-01T{cell}" for cell in cells]
        return pa.array(cells, pa.string()).cast(pa.timestamp(wanted.unit)).cast(wanted)
    if pa.types.is_struct(wanted):
        return _cast_struct(cells, wanted)
    try:
        return pa.array(cells).cast(wanted)
    except UNFIT:
        return pa.array(cells, wanted)  # maps and decimals want to know the type from the start


def _cast_struct(cells: list[Any], wanted: pa.DataType) -> pa.Array:
    """Cast member by member: Arrow takes the members of a struct that is null for empty strings."""
    fields = [wanted.field(number) for number in range(wanted.num_fields)]
    members = [
        cast([None if cell is None else cell.get(field.name) for cell in cells], field.type)
        for field in fields
    ]
    absent = pa.array([cell is None for cell in cells])
    return pa.StructArray.from_arrays(members, fields=fields, mask=absent)


def _schema_in(pin: Pin, objects: Objects) -> pa.Schema | None:
    """Read a file's footer and nothing else; what begins with Parquet's magic also ends with it."""
    if pin.size < TAIL:
        return None
    tail = objects.read_pinned(pin, span=(pin.size - TAIL, pin.size))
    start = pin.size - TAIL - int.from_bytes(tail[: -len(MAGIC)], "little")
    if not tail.endswith(MAGIC) or start < 0:
        return None
    try:
        return pq.read_schema(pa.BufferReader(objects.read_pinned(pin, span=(start, pin.size))))
    except (pa.ArrowException, OSError):
        return None


def _columns(layout: Layout, rows: Iterable[Row], schema: pa.Schema) -> list[Column]:
    wished = {
        name: schema.field(name).type
        for name in layout.sources
        if schema.get_field_index(name) >= 0
    }
    fitting = _fitting(wished, rows)
    return [
        Column(name, fitting[name], cast)
        if name in fitting
        else _inferred(name, kinds, TYPES[:1] if name in wished else TYPES)
        for name, kinds in zip(layout.names(), layout.kinds(), strict=True)
    ]


def _inferred(
    name: str, kinds: set[Kind], types: Iterable[tuple[set[Kind], pa.DataType]]
) -> Column:
    """Return a column of the first type that has room for its cells, else of JSON text."""
    for held, wanted in types:
        if kinds <= held:
            return Column(name, wanted, pa.array)
    return Column(name, pa.string(), _json)


def _json(cells: list[Any], wanted: pa.DataType) -> pa.Array:
    return pa.array([None if cell is None else json_of(cell) for cell in cells], wanted)


def _fitting(wished: dict[str, pa.DataType], rows: Iterable[Row]) -> dict[str, pa.DataType]:
    """Return the types that every cell of their columns can be brought to."""
    fitting = {name: wanted for name, wanted in wished.items() if not _opaque(wanted)}
    for batch in _batches(rows) if fitting else ():
        for name, wanted in [*fitting.items()]:
            try:
                cast([row.source.get(name) for row in batch], wanted)
            except UNFIT:
                del fitting[name]
    return fitting


def _opaque(wanted: pa.DataType) -> bool:
    """Whether a type is somebody's own or holds bytes, which are no text."""
    if isinstance(wanted, pa.BaseExtensionType):
        return True
    if pa.types.is_dictionary(wanted):
        return _opaque(wanted.value_type)
    inner = (wanted.field(number).type for number in range(wanted.num_fields))
    return any(is_bytes(wanted) for is_bytes in BYTES) or any(map(_opaque, inner))


def _row_groups(
    columns: list[Column], layout: Layout, rows: Iterable[Row], schema: pa.Schema
) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    for batch in _batches(rows):
        cells = zip(*map(layout.cells, batch), strict=True)
        arrays = [
            column.array([*held], column.type) for column, held in zip(columns, cells, strict=True)
        ]
        group.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        if sum(part.nbytes for part in group) >= ROW_GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.size
        if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
