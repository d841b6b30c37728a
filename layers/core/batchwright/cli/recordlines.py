"""The records of an input file here, a line each, as a job reads them: packed or not, a table, a body, Parquet."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from batchwright.cli.faults import Code, Halt
from batchwright.errors import Refused
from batchwright.lines import BYTE_ORDER_MARK, Framing, lines, rows
from batchwright.unfolding.choose import HEAD
from batchwright.unfolding.compressed import is_compressed, unpacked
from batchwright.unfolding.document import SUFFIXES
from batchwright.unfolding.parquet import is_parquet, parquet_rows
from batchwright.unfolding.requests import is_requests_body, requests

BLOCK = 1 << 20
PACKED = (".gz", ".zst")


def record_lines(file: Path) -> Iterator[bytes]:
    """Yield the line of every record; an empty one where it is too long to be read.

    Raises :class:`Halt` where the records do not follow from the file alone, or it is broken.
    """
    name = file.name.lower()
    for ending in PACKED:
        name = name.removesuffix(ending)
    if name.endswith(SUFFIXES):
        told = f"{file}: a document is cut into records by its job's contract, so it cannot be held to the outcomes"
        raise Halt(told, Code.REFUSED)
    try:
        yield from _records(file, tabs=name.endswith(".tsv"))
    except Refused as fault:
        raise Halt(f"{file}: {fault}", Code.REFUSED) from None


def _records(file: Path, *, tabs: bool) -> Iterator[bytes]:
    head = next(_blocks(file), b"")[:HEAD]
    if is_parquet(head):
        with file.open("rb") as opened:
            yield from _contents(lines, parquet_rows(opened))
    elif is_requests_body(head):
        yield from _contents(lines, requests(_blocks(file)))
    elif head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{"):
        yield from _contents(lines, _blocks(file))
    else:
        found = _contents(partial(rows, separator=b"\t" if tabs else b","), _blocks(file))
        next(found, None)  # the header
        yield from found


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
