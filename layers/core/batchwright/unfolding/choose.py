"""Which inputs are unfolded before they are planned, and how."""

from collections.abc import Callable, Iterator

from batchwright.contract import Contract
from batchwright.job import Pin
from batchwright.ports import Objects
from batchwright.unfolding.compressed import is_compressed, unpacked

HEAD = 64 * 1024

type Unfold = Callable[[int], Iterator[bytes]]
"""Yields the unfolded bytes in pieces, without the first so many."""


def unfolder(pin: Pin, objects: Objects, contract: Contract) -> Unfold | None:
    """Return how an input is unfolded, ``None`` where it is a run of lines as it is.

    What it holds decides, and not its name.
    """
    head = objects.read_pinned(pin, span=(0, min(HEAD, pin.size)))
    if is_compressed(head):
        return lambda skip: _skipped(unpacked(objects.blocks(pin)), skip)
    return None


def _skipped(pieces: Iterator[bytes], skip: int) -> Iterator[bytes]:
    for _ in zip(range(skip), pieces):  # noqa: B905 - as many as there are
        pass
    return pieces
