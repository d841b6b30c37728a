"""Audit: hold a whole ledger to the signed checkpoints that were published of it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from batchwright.checkpoint import CheckpointInvalid, PublicKey, Verifies, read_checkpoint
from batchwright.holding import Difference
from batchwright.leaf import canonical
from batchwright.merkle import EMPTY_ROOT, Tree, leaf_hash
from batchwright.places import file_name
from batchwright.verifying import SEAL


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
                yield from _in_its_place(name, checkpoint.size)
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


def _in_its_place(name: str, size: int) -> Iterator[Difference]:
    """Hold a checkpoint to its file's name, where that is a size, as it is of those that the stack keeps."""
    own = file_name(name)
    if own.isdecimal() and int(own) != size:
        reason = f"it is the checkpoint of {size} entries, put where that of {int(own)} belongs"
        yield Difference(file=name, reason=reason)


def sealed_in(entries: Iterable[bytes], entry: dict[str, Any]) -> Iterator[Difference]:
    """Hold a seal's entry to a ledger: it must stand there, and be the last end of its job."""
    job_id, content = entry["job"], canonical(entry)
    there, later = False, None
    for each in entries:
        if each == content:
            there, later = True, None
        elif there and (told := orjson.loads(each))["job"] == job_id and told["kind"] == "close":
            later = told
    if not there:
        yield Difference(file=SEAL, reason="its entry is not in the ledger")
    elif later is not None:
        reason = (
            f"the ledger tells of a later end of this job, at {later['at']} (run {later['redrive']}):"
            " these are the files of an earlier one"
        )
        yield Difference(file=SEAL, reason=reason)
