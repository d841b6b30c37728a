"""Parquet: every row as one line of JSON, in memory that does not grow with the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from typing import Any, BinaryIO

from batchwright.errors import LONGEST_NAME_SHOWN, Refused

# The second is a file whose footer is encrypted: it is opened, and told.
MAGICS = (b"PAR1", b"PARE")
# What is decoded at once, and what is read ahead of that for all columns together.
BATCH_ROWS = 256
BATCH_BYTES = 4_000_000
BUFFERS = 32 * 1024 * 1024
LARGEST_BUFFER = 4 * 1024 * 1024
SMALLEST_BUFFER = 64 * 1024


def is_parquet(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is Parquet; its name does not matter."""
    return head.startswith(MAGICS)


def parquet_rows(file: BinaryIO | RawIOBase, skip: int = 0) -> Iterator[bytes]:
    """Yield the rows of a seekable file after the first ``skip``; row groups among those are not decoded.

    Raises :class:`Refused`: ``corrupt_input`` where it is broken, encrypted, or has types without a form in JSON;
    ``invalid_header`` where its columns have no names of their own.
    """
    with _readable("the Parquet file is cut off, broken or encrypted"):
        table = _opened(file)
        ways = _ways(table.schema_arrow)
    for number in range(table.num_row_groups):
        group = table.metadata.row_group(number)
        if skip >= group.num_rows:
            skip -= group.num_rows
            continue
        with _readable(f"row group {number} of the Parquet file is broken or encrypted"):
            yield from _rows_of(table, number, ways, skip)
        skip = 0


def _opened(file: BinaryIO | RawIOBase) -> Any:
    from pyarrow import parquet  # noqa: PLC0415 - an extra, and 150 MB that only planning a Parquet file needs

    metadata = parquet.read_metadata(file)
    buffer = BUFFERS // max(1, metadata.num_columns)
    return parquet.ParquetFile(
        file,
        metadata=metadata,
        buffer_size=max(SMALLEST_BUFFER, min(buffer, LARGEST_BUFFER)),
        pre_buffer=False,  # else whole row groups are fetched, and those may be of any size
        page_checksum_verification=True,
    )


def _ways(schema: Any) -> list[Any]:
    from batchwright.unfolding.arrow import Unsupported, way_of  # noqa: PLC0415 - as above

    names = schema.names
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise Refused("invalid_header", "every column needs a name of its own")
    ways = []
    for column in schema:
        try:
            ways.append(way_of(column.type))
        except Unsupported as fault:
            name = column.name[:LONGEST_NAME_SHOWN]
            raise Refused(
                "corrupt_input", f"column {name!r} is of a type that is not supported: {fault}"
            ) from None
    return ways


def _rows_of(table: Any, number: int, ways: list[Any], skip: int) -> Iterator[bytes]:
    from batchwright.unfolding.arrow import json_lines  # noqa: PLC0415 - as above

    group = table.metadata.row_group(number)
    size = max(1, group.total_byte_size // max(1, group.num_rows))
    batches = table.iter_batches(
        batch_size=max(1, min(BATCH_ROWS, BATCH_BYTES // size)),
        row_groups=[number],
        use_threads=False,  # a batch in memory, and not one a column and thread
    )
    for batch in batches:
        if skip < batch.num_rows:
            yield from json_lines(batch.slice(skip), ways)
        skip = max(0, skip - batch.num_rows)


@contextmanager
def _readable(told: str) -> Iterator[None]:
    """Turn what Arrow says of a file, in words that may quote it, into a refusal."""
    from pyarrow import ArrowException  # noqa: PLC0415 - as above

    try:
        yield
    except (ArrowException, OSError, UnicodeDecodeError):
        raise Refused("corrupt_input", told) from None
