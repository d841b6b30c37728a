"""Audit: hold a whole ledger to the signed checkpoints that were published of it."""

from collections.abc import Iterable, Iterator, Mapping

from batchwright.checkpoint import CheckpointInvalid, PublicKey, Verifies, read_checkpoint
from batchwright.holding import Difference
from batchwright.merkle import EMPTY_ROOT, Tree, leaf_hash

ENTRIES = "ledger"


class Audit:
    """Audits one ledger; :meth:`differences` can be read once."""

    def __init__(
        self, checkpoints: Mapping[str, str], *, key: PublicKey, verifies: Verifies
    ) -> None:
        """``checkpoints`` are signed notes by the names that differences shall tell."""
        self._checkpoints = checkpoints
        self._key = key
        self._verifies = verifies
        self.entries = 0
        self.covered = 0
        """How many entries the largest checkpoint that holds covers; those behind it nobody has signed yet."""

    def differences(self, entries: Iterable[bytes]) -> Iterator[Difference]:
        """Yield what is not as it was signed; ``entries`` are the contents, in order."""
        told: dict[int, list[tuple[str, bytes]]] = {}
        for name, note in self._checkpoints.items():
            try:
                checkpoint = read_checkpoint(note, self._key, self._verifies)
            except CheckpointInvalid as fault:
                yield Difference(file=name, reason=f"it does not hold: {fault}")
            else:
                told.setdefault(checkpoint.size, []).append((name, checkpoint.root))
        tree = Tree()
        yield from self._held_to(told.pop(0, []), EMPTY_ROOT, 0)
        for content in entries:
            tree.append(leaf_hash(content))
            if tree.size in told:
                yield from self._held_to(told.pop(tree.size), tree.root(), tree.size)
        self.entries = tree.size
        for size, names in sorted(told.items()):
            for name, _ in names:
                lost = f"{tree.size} to {size - 1}" if size - 1 > tree.size else f"{tree.size}"
                yield Difference(
                    file=name, reason=f"the ledger lacks entry {lost}, which it covers"
                )

    def _held_to(
        self, told: list[tuple[str, bytes]], root: bytes, size: int
    ) -> Iterator[Difference]:
        for name, signed in told:
            if signed == root:
                self.covered = max(self.covered, size)
            else:
                since = f" behind entry {self.covered - 1}" if self.covered else ""
                reason = f"the first {size} entries are not those that were signed: one{since} was changed"
                yield Difference(file=name, reason=reason)
