"""Columns of Arrow as JSON: a type tells how its values come there, whatever is nested in it.

Dates and times are ISO 8601 (in UTC where they have a zone), decimals are text, bytes are Base64; what these and JSON
cannot say (NaN, infinity, the year 12000) is null.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
from pyarrow import types

type Form = Callable[[Any], Any]

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the zone, where there is one, is written behind
DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
AS_THEY_ARE = (
    types.is_null,
    types.is_boolean,
    types.is_integer,
    types.is_float16,
    types.is_float64,
    types.is_string,
    types.is_large_string,
    types.is_string_view,
)
BYTES = (
    types.is_binary,
    types.is_large_binary,
    types.is_binary_view,
    types.is_fixed_size_binary,
)
LISTS = (
    types.is_list,
    types.is_large_list,
    types.is_fixed_size_list,
    types.is_list_view,
    types.is_large_list_view,
)


class Unsupported(Exception):
    """A type whose values have no agreed form in JSON."""


class Way(NamedTuple):
    """How values come to JSON: Arrow casts a column, then Python forms each value that is not null."""

    cast: pa.DataType
    form: Form | None = None


def way_of(kind: pa.DataType) -> Way:  # noqa: PLR0911 - one answer a type
    """Return how values of a type come to JSON; raises :class:`Unsupported`."""
    if isinstance(kind, pa.BaseExtensionType):
        return _of_extension(kind)
    if _is(kind, AS_THEY_ARE):
        return Way(kind)
    if _is(kind, BYTES):
        return Way(kind, _base64)
    if types.is_float32(kind):
        return Way(pa.string(), float)  # 0.1, and not 0.10000000149011612
    if types.is_decimal(kind):
        return Way(kind, "{:f}".format)
    if types.is_temporal(kind):
        return _of_time(kind)
    if types.is_dictionary(kind):
        return way_of(kind.value_type)
    return _of_nested(kind)


def json_lines(batch: pa.RecordBatch, ways: list[Way]) -> Iterator[bytes]:
    """Yield the rows of a batch, each as one line of JSON."""
    names = batch.schema.names
    columns = [_cells(column, way) for column, way in zip(batch.columns, ways, strict=True)]
    for cells in zip(*columns, strict=True):
        yield orjson.dumps(dict(zip(names, cells, strict=True)), option=orjson.OPT_APPEND_NEWLINE)


def _cells(column: pa.Array, way: Way) -> list[Any]:
    cells = (column if column.type == way.cast else column.cast(way.cast)).to_pylist()
    return cells if way.form is None else _formed(cells, way.form)


def _formed(values: Iterable[Any], form: Form) -> list[Any]:
    return [None if value is None else form(value) for value in values]


def _is(kind: pa.DataType, tests: Iterable[Callable[[pa.DataType], bool]]) -> bool:
    return any(test(kind) for test in tests)


def _of_extension(kind: Any) -> Way:
    match kind.extension_name:
        case "arrow.uuid":
            return Way(kind, str)
        case "arrow.json" | "arrow.bool8":
            return Way(kind)
    return way_of(kind.storage_type)


def _of_time(kind: Any) -> Way:
    if types.is_date32(kind):
        return Way(pa.int32(), _date)
    if types.is_timestamp(kind):
        return Way(pa.int64(), partial(_instant, DIGITS[kind.unit], "Z" if kind.tz else ""))
    if types.is_time(kind):
        width = pa.int32() if types.is_time32(kind) else pa.int64()
        return Way(width, partial(_clock, DIGITS[kind.unit]))
    if types.is_duration(kind):
        return Way(pa.int64(), partial(_duration, DIGITS[kind.unit]))
    raise Unsupported(str(kind))


def _of_nested(kind: Any) -> Way:
    if _is(kind, LISTS):
        inner = way_of(kind.value_type)
        form = partial(_formed, form=inner.form) if inner.form else None
        return Way(pa.list_(inner.cast), form)
    if types.is_struct(kind):
        return _of_struct([kind.field(place) for place in range(kind.num_fields)])
    if types.is_map(kind):
        return _of_map(way_of(kind.key_type), way_of(kind.item_type))
    raise Unsupported(str(kind))


def _of_struct(fields: list[pa.Field]) -> Way:
    ways = {field.name: way_of(field.type) for field in fields}
    if len(ways) < len(fields):
        raise Unsupported("a struct with two members of one name")
    forms = {name: way.form for name, way in ways.items() if way.form}
    cast = pa.struct([(name, way.cast) for name, way in ways.items()])
    return Way(cast, partial(_members, forms=forms) if forms else None)


def _of_map(keys: Way, items: Way) -> Way:
    """Return an object where the keys are text, else a list of pairs."""
    gathered = dict if types.is_string(keys.cast) and keys.form is None else list
    pairs = partial(_pairs, key=keys.form or _same, item=items.form or _same)
    return Way(pa.map_(keys.cast, items.cast), lambda cell: gathered(pairs(cell)))


def _members(cell: dict[str, Any], forms: dict[str, Form]) -> dict[str, Any]:
    formed = {name: form(cell[name]) for name, form in forms.items() if cell[name] is not None}
    return {**cell, **formed}


def _pairs(cell: list[tuple[Any, Any]], key: Form, item: Form) -> Iterator[tuple[Any, Any]]:
    return ((key(name), None if value is None else item(value)) for name, value in cell)


def _same(value: Any) -> Any:
    return value


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _date(days: int) -> str | None:
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return None


def _instant(digits: int, zone: str, ticks: int) -> str | None:
    seconds, ticks = divmod(ticks, 10**digits)
    try:
        return f"{(EPOCH + timedelta(seconds=seconds)).isoformat()}{_fraction(ticks, digits)}{zone}"
    except OverflowError:
        return None


def _clock(digits: int, ticks: int) -> str:
    seconds, ticks = divmod(ticks, 10**digits)
    return f"{(EPOCH + timedelta(seconds=seconds)).time().isoformat()}{_fraction(ticks, digits)}"


def _duration(digits: int, ticks: int) -> str:
    seconds, rest = divmod(abs(ticks), 10**digits)
    return f"{'-' if ticks < 0 else ''}PT{seconds}{_fraction(rest, digits)}S"


def _fraction(ticks: int, digits: int) -> str:
    return f".{ticks:0{digits}d}" if ticks else ""
