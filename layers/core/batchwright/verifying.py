"""Verify: hold a job's files to its receipt, its receipt to the ledger, and the ledger to its signed checkpoints.

Everything is read once, as a stream. What differs is told by file, line and record. Whoever changes an answer and some
of the digests behind it is caught at the first that was left as it is, down to the signature.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import orjson
from msgspec import DecodeError

from batchwright.checkpoint import (
    Checkpoint,
    CheckpointInvalid,
    PublicKey,
    Verifies,
    read_checkpoint,
)
from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.holding import ERRORS, OUTPUT, Difference, File, Leaves, Results
from batchwright.leaf import Salt, canonical, leaf_of
from batchwright.merkle import HASH, Tree, includes, leaf_hash
from batchwright.outcome import DECODER, Ending, Outcome
from batchwright.reviewed import Reviewed

OUTCOMES, RECEIPT, SEAL, SALT = "outcomes.jsonl", "receipt.json", "seal.json", "salt.txt"
# Leaves are added to the tree so many bytes at a time: one by one costs more than the rest of it.
AT_ONCE = 1024 * HASH


class Files(Protocol):
    """A job's result files."""

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes, in blocks; raises :class:`Missing`."""
        ...


type Seen = Callable[[int], None]
"""Hears how many bytes were read."""


type RecordLines = Callable[[str | None], Iterable[bytes]]
"""Yields the line of every record of a file, which was read as the dialect that it is told."""


class JobRun(NamedTuple):
    """One run of a job."""

    job_id: str
    redrive: int


class Verifier:
    """Verifies one job; :meth:`differences` can be read once."""

    def __init__(
        self,
        files: Files,
        *,
        key: PublicKey | None,
        verifies: Verifies,
        seen: Seen = lambda _: None,
        run: JobRun | None = None,
    ) -> None:
        """``key`` is whose signatures are trusted; without one, that which lies with the files.

        ``run`` is whose files they are to be, where that is known.
        """
        self._files = files
        self._key = key
        self._verifies = verifies
        self._seen = seen
        self._run = run
        self.records = 0
        self.checkpoint: Checkpoint | None = None
        """The signed checkpoint that covers the job's end, where it is good."""

    def differences(self, record_lines: RecordLines | None = None) -> Iterator[Difference]:
        """Yield what is not as it was sealed; ``record_lines`` are the input's, where it is at hand."""
        try:
            content = self._whole(RECEIPT)
            receipt = orjson.loads(content)
            tree = receipt["tree"]
        except Missing:
            yield Difference(
                file=RECEIPT, reason="it is missing: nothing can be verified without it"
            )
            return
        except (orjson.JSONDecodeError, KeyError, TypeError):
            yield Difference(file=RECEIPT, reason="it is no receipt")
            return
        try:
            yield from self._whose(receipt)
            if tree is not None:
                yield from self._records(receipt, tree, record_lines)
            yield from self._sealed(content, receipt, tree)
        except (AttributeError, KeyError, TypeError, ValueError):
            yield Difference(file=RECEIPT, reason="it is no receipt that can be followed")

    def _whose(self, receipt: dict[str, Any]) -> Iterator[Difference]:
        redrive = receipt["redrive"]
        told = JobRun(receipt["job_id"], redrive["number"] if redrive else 0)
        if self._run in (None, told):
            return
        if told.job_id != self._run.job_id:
            reason = f"it is of job {told.job_id}: the files of another job lie here"
        else:
            reason = f"it is of run {told.redrive}, and the job's newest is {self._run.redrive}"
        yield Difference(file=RECEIPT, reason=reason)

    def _records(
        self, receipt: dict[str, Any], told: dict[str, Any], record_lines: RecordLines | None
    ) -> Iterator[Difference]:
        salt = self._salt()
        if salt is None:
            yield Difference(file=SALT, reason="it is missing: the leaves cannot be made again")
        results, leaves = Results(self.blocks, receipt), Leaves(self.blocks, told["levels"])
        reviewed = Reviewed(self.blocks, receipt)
        outcomes = File(self.blocks, OUTCOMES, receipt["files"][OUTCOMES]["pieces"])
        inputs = iter(record_lines(receipt.get("dialect"))) if record_lines is not None else None
        tree, counts = Tree(), Counter[str]()
        expected, pending, job_id = 0, bytearray(), receipt["job_id"]
        for number, facts in enumerate(outcomes.lines(), 1):
            try:
                outcome = DECODER.decode(facts)
                told_leaf = bytes.fromhex(outcome.leaf or "")
                made = leaf_of(job_id, outcome, salt, facts) if salt else told_leaf
            except (DecodeError, ValueError, OverflowError):
                yield Difference(
                    file=OUTCOMES, line=number, reason="it is no outcome: it was changed"
                )
                expected += 1
                pending += bytes(HASH)
                continue
            if outcome.index != expected:
                yield _out_of_order(outcome, number, expected)
            expected = max(expected, outcome.index + 1)
            counts[outcome.status.value] += 1
            yield from results.match(outcome)
            yield from reviewed.match(outcome)
            if inputs is not None:
                yield from _input_of(outcome, inputs)
            if made != told_leaf:
                yield _of(outcome, number, "it is not what its leaf commits to: it was changed")
            if leaves.at(outcome.index) not in (None, made):
                yield _of(outcome, number, "the tree has another leaf for this record")
            pending += made
            if len(pending) >= AT_ONCE:
                tree.append(bytes(pending))
                pending.clear()
        tree.append(bytes(pending))
        self.records = tree.size
        yield from outcomes.differences()
        yield from results.differences()
        yield from reviewed.differences()
        yield from leaves.differences()
        yield from self._others(receipt["files"])
        yield from _beyond(inputs)
        yield from _sums(receipt, tree, counts, told)

    def _others(self, files: dict[str, Any]) -> Iterator[Difference]:
        """Hold what has no line for each record to the receipt."""
        for name in sorted(files.keys() - {OUTCOMES, OUTPUT, ERRORS}):
            file = File(self.blocks, name, files[name]["pieces"])
            for _ in file.lines():
                pass  # to its end
            yield from file.differences()

    def _sealed(
        self, content: bytes, receipt: dict[str, Any], tree: dict[str, Any] | None
    ) -> Iterator[Difference]:
        try:
            seal = orjson.loads(self._whole(SEAL))
            entry, note, number = seal["entry"], seal["checkpoint"], int(seal["number"])
            proof = [bytes.fromhex(each) for each in seal["proof"]]
            key = self._key or PublicKey.read(seal["public_key"])
        except Missing:
            yield Difference(
                file=SEAL, reason="it is missing: nothing shows that the receipt is the sealed one"
            )
            return
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            yield Difference(file=SEAL, reason="it is no seal")
            return
        root = tree["root"] if tree else None
        for name, wanted, what in (
            (
                "receipt",
                digest(content),
                "the receipt is not the one in the ledger: it was changed",
            ),
            ("job", receipt.get("job_id"), "the ledger's entry is of another job"),
            ("root", root, "the ledger's entry has another root"),
        ):
            if entry.get(name) != wanted:
                yield Difference(file=SEAL, reason=what)
        if note is None:
            yield Difference(file=SEAL, reason=f"no checkpoint was signed: {seal['unsigned']}")
            return
        try:
            checkpoint = read_checkpoint(note, key, self._verifies)
        except CheckpointInvalid as fault:
            yield Difference(file=SEAL, reason=f"its checkpoint does not hold: {fault}")
            return
        if (seal["size"], seal["public_key"]) != (checkpoint.size, str(key)):
            yield Difference(file=SEAL, reason="its size or its key is not the checkpoint's")
        leaf = leaf_hash(canonical(entry))
        if not includes(leaf, number, checkpoint.size, proof, checkpoint.root):
            yield Difference(
                file=SEAL, reason="the signed checkpoint does not cover this entry of the ledger"
            )
            return
        self.checkpoint = checkpoint

    def _salt(self) -> Salt | None:
        try:
            salt = self._whole(SALT).decode().strip()
            return Salt(salt) if len(bytes.fromhex(salt)) == HASH else None
        except (Missing, ValueError):
            return None

    def _whole(self, name: str) -> bytes:
        return b"".join(self.blocks(name))

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes, and tell how many they are."""
        for block in self._files.blocks(name):
            self._seen(len(block))
            yield block


def gone(job_id: str, name: str) -> Missing:
    """Return what is raised where a file of a job that has ended is not there."""
    return Missing(
        f"{name} of job {job_id} is no longer there: the job was forgotten, or its time is over"
        " (ResultRetentionDays)"
    )


def _out_of_order(outcome: Outcome, number: int, expected: int) -> Difference:
    index = outcome.index
    if index < expected:
        return _of(outcome, number, f"it is record {index}, which stood before: doubled or moved")
    missing = f"{expected}" if index == expected + 1 else f"{expected} to {index - 1}"
    reason = f"record {missing} is missing before it"
    return Difference(file=OUTCOMES, line=number, reason=reason)


def _sums(
    receipt: dict[str, Any], tree: Tree, counts: Counter[str], told: dict[str, Any]
) -> Iterator[Difference]:
    if tree.size != told["size"]:
        reason = f"{told['size']} records were sealed, {tree.size} are here"
        yield Difference(file=OUTCOMES, reason=reason)
    if tree.root().hex() != told["root"]:
        yield Difference(file=RECEIPT, reason="its root is not that of the records that are here")
    if any(receipt["counts"][ending.value] != counts[ending.value] for ending in Ending):
        yield Difference(file=RECEIPT, reason="its counts are not those of the outcomes")


def _of(outcome: Outcome, number: int, reason: str) -> Difference:
    return Difference(file=OUTCOMES, line=number, record_id=outcome.record_id, reason=reason)


def _input_of(outcome: Outcome, inputs: Iterator[bytes]) -> Iterator[Difference]:
    line = next(inputs, None)
    if line is None:
        reason = "its line is missing"
    elif outcome.input_digest in (None, digest(line)):
        return
    else:
        reason = "it is not the line that was asked: it was changed or moved"
    yield Difference(file="input", line=outcome.line, record_id=outcome.record_id, reason=reason)


def _beyond(inputs: Iterator[bytes] | None) -> Iterator[Difference]:
    """Tell the lines of the input that no record has."""
    if more := sum(1 for _ in inputs or ()):
        what = (
            "a line that no record has: it was"
            if more == 1
            else f"{more} lines that no record has: they were"
        )
        yield Difference(file="input", reason=f"behind its last record stands {what} added")
