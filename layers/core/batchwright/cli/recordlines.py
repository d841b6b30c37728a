"""The records of an input file here, a line each, as a job reads them: packed or not, a table, a body, Parquet."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from batchwright.cli.faults import Code, Halt
from batchwright.dialects import DOCUMENTS
from batchwright.errors import Refused
from batchwright.lines import SEPARATORS, Framing, lines, rows
from batchwright.unfolding.choose import HEAD
from batchwright.unfolding.compressed import is_compressed, unpacked
from batchwright.unfolding.parquet import is_parquet, parquet_rows
from batchwright.unfolding.requests import is_requests_body, requests

BLOCK = 1 << 20


def record_lines(file: Path, dialect: str | None) -> Iterator[bytes]:
    """Yield the line of every record; an empty one where it is too long to be read.

    ``dialect`` is what the job has read it as: only its contract knew a table's separator, and what is a document.
    Raises :class:`Halt` where the records do not follow from the file alone, or it is broken.
    """
    if dialect is None:
        told = f"{file}: the receipt is of a version that did not tell what the input was read as"
        raise Halt(told, Code.REFUSED)
    if dialect in DOCUMENTS:
        told = f"{file}: a document is cut into records by its job's contract, so it cannot be held to the outcomes"
        raise Halt(told, Code.REFUSED)
    try:
        yield from _records(file, dialect)
    except Refused as fault:
        raise Halt(f"{file}: {fault}", Code.REFUSED) from None


def _records(file: Path, dialect: str) -> Iterator[bytes]:
    head = next(_blocks(file), b"")[:HEAD]
    if dialect == "parquet" and is_parquet(head):
        with file.open("rb") as opened:
            yield from _contents(lines, parquet_rows(opened))
    elif dialect == "anthropic" and is_requests_body(head):
        yield from _contents(lines, requests(_blocks(file)))
    elif dialect in SEPARATORS:
        found = _contents(partial(rows, separator=SEPARATORS[dialect]), _blocks(file))
        next(found, None)  # the header
        yield from found
    else:
        yield from _contents(lines, _blocks(file))


def _blocks(file: Path) -> Iterator[bytes]:
    """Yield a file's bytes, unpacked."""
    with file.open("rb") as opened:
        blocks = iter(partial(opened.read, BLOCK), b"")
        first = next(blocks, b"")
        packed = is_compressed(first)
        opened.seek(0)
        yield from unpacked(blocks) if packed else blocks


def _contents(framing: Framing, blocks: Iterator[bytes]) -> Iterator[bytes]:
    return (line.content or b"" for line in framing(blocks) if not line.blank)
