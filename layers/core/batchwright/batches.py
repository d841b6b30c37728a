"""What Bedrock's batch inference takes, and how a job's chunks are divided into batches of that.

(docs.aws.amazon.com/general/latest/gr/bedrock.html, docs.aws.amazon.com/bedrock/latest/userguide/batch-inference.html;
read in November 2026.)
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

from batchwright.chunk import Chunk
from batchwright.contract import Contract

# A batch of fewer records is refused, and so is one of more.
FEWEST_RECORDS = 100
BATCH_RECORDS = 50_000
# A file may have 1 GB; what is staged is only reckoned beforehand, so that there is room.
BATCH_BYTES = 800_000_000
# Jobs of one model that may wait or run at once, where the account's quota is not asked for.
BATCHES_AT_ONCE = 20
# An assumption, since AWS promises nothing below the time-out: so long a batch takes from its start to its answers.
BATCH_LIKELY = timedelta(hours=6)
# What stands around a record's texts when it is staged: its id, its settings, Converse's own words.
AROUND_A_RECORD = 600


class Size(NamedTuple):
    """How much a chunk brings to a batch."""

    records: int
    bytes: int


def staged_size(chunk: Chunk, contract: Contract) -> Size:
    """Return what a chunk has when it is staged, the bytes as far as they can be reckoned without reading it.

    What the contract adds, it adds to every record; a row's texts are in its bytes.
    """
    each = AROUND_A_RECORD
    if contract.prompt is not None:
        each += len((contract.prompt.system or "").encode()) + len(contract.prompt.user.encode())
    if contract.output_config is not None:
        each += len(str(contract.output_config).encode())
    written = chunk.span.end - chunk.span.start
    return Size(chunk.records, written + chunk.records * each)


def balanced(
    sizes: Sequence[Size],
    *,
    fewest: int = FEWEST_RECORDS,
    most: int = BATCH_RECORDS,
    largest: int = BATCH_BYTES,
) -> list[int] | None:
    """Divide chunks into batches: return how many chunks each takes, in order, none of them too small or too large.

    Where the last would be small, the last two share their records. ``None`` where no division will do.

    >>> balanced([Size(1000, 1)] * 102)
    [50, 26, 26]
    >>> balanced([Size(99, 1)]) is None
    True
    """
    bounds = _Bounds(sizes, fewest, most, largest)
    cuts = _cuts(bounds, len(sizes))
    if cuts is None:
        return None
    if len(cuts) > 2:  # noqa: PLR2004 - two batches have three cuts
        cuts[-2] = _middle(bounds, cuts[-3], cuts[-1])
    return [end - start for start, end in pairwise(cuts)]


class _Bounds:
    """Where batches may begin and end, by what the chunks before hold."""

    def __init__(self, sizes: Sequence[Size], fewest: int, most: int, largest: int) -> None:
        self.records = [0, *accumulate(size.records for size in sizes)]
        self._bytes = [0, *accumulate(size.bytes for size in sizes)]
        self._fewest, self._most, self._largest = fewest, most, largest

    def ends(self, start: int) -> tuple[int, int]:
        """Return the first and the last place where a batch may end that begins at ``start``."""
        first = bisect_left(self.records, self.records[start] + self._fewest)
        by_records = bisect_right(self.records, self.records[start] + self._most)
        by_bytes = bisect_right(self._bytes, self._bytes[start] + self._largest)
        return max(first, start + 1), min(by_records, by_bytes) - 1

    def hold(self, start: int, end: int) -> bool:
        """Whether the chunks between two places make a batch."""
        first, last = self.ends(start)
        return first <= end <= last


def _cuts(bounds: _Bounds, end: int) -> list[int] | None:
    """Return where to cut, both ends included, each batch as large as the ones after it allow."""
    after: dict[int, int] = {}
    hopeful = [end]  # the places from which the rest can be divided, the last first
    nearest = 0
    for start in reversed(range(end)):
        first, last = bounds.ends(start)
        while nearest < len(hopeful) and hopeful[nearest] > last:
            nearest += 1
        if nearest < len(hopeful) and hopeful[nearest] >= first:
            after[start] = hopeful[nearest]
            hopeful.append(start)
    if 0 not in after:
        return None
    cuts = [0]
    while cuts[-1] < end:
        cuts.append(after[cuts[-1]])
    return cuts


def _middle(bounds: _Bounds, start: int, end: int) -> int:
    """Return the place between two where the records before and after are about as many."""
    records = bounds.records
    places = [
        place
        for place in range(start + 1, end)
        if bounds.hold(start, place) and bounds.hold(place, end)
    ]
    return min(places, key=lambda place: abs(records[start] + records[end] - 2 * records[place]))
