"""Which ids occur more than once, in memory that no file outgrows.

A fingerprint of 64 bits an id, in buckets by its last bits: equal ids lie in one bucket, so each bucket is looked at by
itself. Two ids that only look alike (once in ten thousand files of ten million ids) are told apart by whoever then
compares the ids themselves.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from xxhash import xxh3_64_intdigest

BUCKETS = 256
WIDTH = 8
# 8 bytes each, so 64 MB; then they are put away.
MOST_HELD = 8_000_000

type Put = Callable[[int, bytes], None]
type Get = Callable[[int, tuple[int, int]], bytes]


class Ids:
    """The fingerprints of all ids seen so far."""

    def __init__(self, seed: int, stored: list[list[int]]) -> None:
        """``seed`` makes fingerprints differ from job to job.

        ``stored`` tells for each time that fingerprints were put away how many bytes of each bucket; it grows.
        """
        self.seed = seed
        self.stored = stored
        self._buckets = _empty()

    @property
    def held(self) -> int:
        """How many fingerprints are in memory."""
        return sum(map(len, self._buckets))

    def add(self, record_id: str) -> None:
        """Remember an id."""
        mark = xxh3_64_intdigest(record_id.encode(), self.seed)  # as fingerprint(), without a call
        self._buckets[mark % BUCKETS].append(mark)

    def put_away(self, put: Put) -> None:
        """Store what is held, as object ``len(stored)``, bucket after bucket."""
        if self.held:
            put(len(self.stored), b"".join(bucket.tobytes() for bucket in self._buckets))
            self.stored.append([len(bucket) * WIDTH for bucket in self._buckets])
            self._buckets = _empty()

    def repeated(self, get: Get) -> Iterator[int]:
        """Yield the fingerprints that occur more than once, each once; ``get`` reads a part of a stored object."""
        starts = [0] * len(self.stored)
        for number in range(BUCKETS):
            bucket = self._buckets[number]
            for each, sizes in enumerate(self.stored):
                end = starts[each] + sizes[number]
                bucket.frombytes(get(each, (starts[each], end)))
                starts[each] = end
            yield from _repeated(bucket)
            self._buckets[number] = array("Q")


def fingerprint(record_id: str, seed: int) -> int:
    """Return the fingerprint that :class:`Ids` has of an id."""
    return xxh3_64_intdigest(record_id.encode(), seed)


def _empty() -> list[Any]:
    return [array("Q") for _ in range(BUCKETS)]


def _repeated(bucket: Any) -> set[int]:
    if len(set(bucket)) == len(bucket):
        return set()
    return {mark for mark, count in Counter(bucket).items() if count > 1}
