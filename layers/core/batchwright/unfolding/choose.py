"""Which inputs are unfolded before they are planned, and how: what they hold decides, and not their names."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from batchwright.document import Document
from batchwright.errors import Refused
from batchwright.job import Job, Pin
from batchwright.lines import BYTE_ORDER_MARK
from batchwright.places import JOBS, file_name
from batchwright.ports import Objects
from batchwright.unfolding.compressed import is_compressed, unpacked
from batchwright.unfolding.document import is_document, pieces
from batchwright.unfolding.parquet import is_parquet, parquet_rows
from batchwright.unfolding.ranged import RangedFile
from batchwright.unfolding.requests import is_requests_body, requests

HEAD = 64 * 1024
# How a line of JSON begins, also one that breaks off; templates and RTF begin with a brace, too.
OBJECT = re.compile(rb'\s*\{[ \t]*["}]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolding:
    """How one input is unfolded."""

    pieces: Callable[[int], Iterator[bytes]]
    """Yields the unfolded bytes in pieces, without the first so many."""
    dialect: str | None = None
    """What the lines then are, where they do not tell."""


def unfolding_of(job: Job, pin: Pin, first: bytes, objects: Objects) -> Unfolding | None:
    """Return how a job's input is unfolded, ``None`` where it is a run of lines as it is.

    ``first`` is the input's first block. Raises :class:`Refused` where it is of a kind that is not read.
    """
    if pin.key.startswith(JOBS):
        return None  # records that came in a message are lines already
    packed = is_compressed(first)

    def blocks() -> Iterator[bytes]:
        whole = chain([first], further(objects, pin, len(first)))
        return unpacked(whole) if packed else whole

    head = _head(blocks()) if packed else first[:HEAD]
    if is_parquet(head) and job.dialect in {None, "parquet"}:
        return _of_parquet(pin, objects, packed=packed)
    if is_requests_body(head) and job.dialect in {None, "anthropic"}:
        return Unfolding(pieces=lambda skip: _skipped(requests(blocks()), skip))
    if _is_document(head, job, pin):
        terms = job.terms.document or Document()
        name = file_name(pin.key)
        return Unfolding(
            pieces=lambda skip: _skipped(pieces(blocks(), name, terms), skip), dialect="document"
        )
    return Unfolding(pieces=lambda skip: _skipped(blocks(), skip)) if packed else None


def further(objects: Objects, pin: Pin, start: int) -> Iterator[bytes]:
    """Yield an input's blocks from ``start`` on; nothing is read before the first is asked for."""
    yield from objects.blocks(pin, start=start)


def _is_document(head: bytes, job: Job, pin: Pin) -> bool:
    """Whether a file is a document: under a contract for such, but not where its lines tell that they are requests."""
    if job.dialect is not None:
        return job.dialect == "document"
    name = file_name(pin.key).removesuffix(".gz").removesuffix(".zst")
    return is_document(name, job.terms) and not OBJECT.match(head.removeprefix(BYTE_ORDER_MARK))


def _of_parquet(pin: Pin, objects: Objects, *, packed: bool) -> Unfolding:
    if packed:
        raise Refused("corrupt_input", "Parquet is packed inside; drop the file as it was before")
    file = RangedFile(pin.size, lambda start, end: objects.read_pinned(pin, span=(start, end)))
    return Unfolding(pieces=lambda skip: parquet_rows(file, skip), dialect="parquet")


def _head(blocks: Iterator[bytes]) -> bytes:
    head = b""
    for block in blocks:
        head += block
        if len(head) >= HEAD:
            break
    return head


def _skipped(pieces: Iterator[bytes], skip: int) -> Iterator[bytes]:
    return islice(pieces, skip, None)
