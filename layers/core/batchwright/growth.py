"""Growth: whether the ledger has only grown since it was last signed.

An entry's row has the roots of the subtrees before it. So the last entry that a checkpoint covers, and those that came
since, must lead to that checkpoint's root, and to the one that is to be signed: every entry is read again once, at the
next end of a job, however large the ledger is. What stands before the checkpoint ``verify --ledger`` reads.
"""

from batchwright.checkpoint import CheckpointInvalid, unverified
from batchwright.ledger import Appended
from batchwright.merkle import joined, leaf_hash, with_leaf
from batchwright.places import CHECKPOINTS, file_name, signed_checkpoint_key
from batchwright.ports import Ledger, Objects

# So many entries back the last checkpoint is looked for at first; then ten times as many.
NEAR = 1000


def broken(last: Appended, ledger: Ledger, objects: Objects) -> str | None:
    """Return what is not as it was signed, so that the root with ``last`` may not be; ``None`` if nothing."""
    earlier, later = _nearest(last.size, objects)
    roots = {last.size: last.root}
    for size in filter(None, (earlier, later)):
        try:
            told = unverified(objects.read(signed_checkpoint_key(size)).decode())
        except (CheckpointInvalid, UnicodeDecodeError):
            return f"the checkpoint of {size} entries is none"
        if told.size != size or roots.setdefault(size, told.root) != told.root:
            return f"the checkpoint of {size} entries tells of another ledger"
    return _followed(max(earlier - 1, 0), roots, ledger)


def _nearest(size: int, objects: Objects) -> tuple[int, int | None]:
    """Return how many entries the last checkpoint of at most ``size`` covers, and the first of more.

    There are some of more where other jobs have ended meanwhile; or where somebody has cut entries off.
    """
    reach, earlier, later = NEAR, 0, None
    while True:
        for key in objects.keys(CHECKPOINTS, after=signed_checkpoint_key(max(size - reach, 0))):
            name = file_name(key)
            if name.isdecimal() and int(name) > size:
                later = int(name)
                break
            earlier = int(name) if name.isdecimal() else earlier
        if earlier or reach >= size:
            return earlier, later
        reach *= 10


def _followed(size: int, roots: dict[int, bytes], ledger: Ledger) -> str | None:
    """Follow the entries from one on, and hold them to the roots that they must lead to."""
    peaks: list[bytes] | None = None
    for row in ledger.entries(since=size):
        if peaks is None:
            peaks = [*reversed(row.proof)]
        if row.number != size or len(peaks) != size.bit_count():
            break
        peaks = with_leaf(peaks, size, leaf_hash(row.content))
        size += 1
        if roots.get(size) not in (None, joined(peaks)):
            return f"entry {size - 1}, or one before it, is not what it was"
        if size == max(roots):
            return None
    return f"entry {size} is missing, or not what it was"
