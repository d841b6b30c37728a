"""The ledger: one append-only log a stack, in which every end of a job, release and deletion is an entry.

The log is a Merkle tree, too: an entry's place in it can be proved, and that it only grew. Whoever may write to the
table could rewrite all of it; what stands against that are signed checkpoints that left their reach (docs/audit.md).
"""

from dataclasses import dataclass
from typing import Any, Literal

from batchwright.digest import digest
from batchwright.job import Job, JobRow
from batchwright.leaf import canonical
from batchwright.merkle import Tree, leaf_hash
from batchwright.receipt import TreeFiles

type Kind = Literal["close", "redrive", "release", "reject", "forget"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what happened to which job, when, and the facts that prove it; never whose, never what it says."""

    kind: Kind
    job_id: str
    at: str
    """ISO 8601, in UTC."""
    facts: dict[str, Any]

    @property
    def once(self) -> str:
        """What an entry is that must not be made twice: the same kind, job and facts."""
        told = {"facts": self.facts, "job": self.job_id, "kind": self.kind}
        return digest(canonical(told))

    def content(self) -> bytes:
        """Return the content of its leaf, in canonical form (RFC 8785)."""
        return canonical({"at": self.at, "job": self.job_id, "kind": self.kind, **self.facts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """An entry in its place, with the proof that it stands there in the log as it was then."""

    number: int
    """Its place, from 0."""
    content: bytes
    root: bytes
    """The log's root with it as the last entry."""
    proof: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """How many entries the log had with it."""
        return self.number + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far the log has come, and the right edge of its tree."""

    size: int = 0
    edge: tuple[bytes, ...] = ()

    def with_entry(self, content: bytes) -> "tuple[Head, Appended]":
        """Return the head with one entry more, and the entry in its place."""
        tree = Tree(self.size, self.edge)
        proof = tuple(reversed(tree.peaks()))
        tree.append(leaf_hash(content))
        appended = Appended(number=self.size, content=content, root=tree.root(), proof=proof)
        return Head(size=tree.size, edge=tuple(tree.edge)), appended


def closed(job: Job, row: JobRow, tree: TreeFiles | None, receipt: bytes) -> Entry:
    """Return the entry of a job's end; ``receipt`` are the receipt's bytes as they stand."""
    return Entry(
        "close",
        job.job_id,
        row.updated_at,
        {
            "contract": job.contract_digest,
            "receipt": digest(receipt),
            "records": tree.size if tree else 0,
            "redrive": row.redrives,
            "root": tree.root if tree else None,
            "status": row.status.value,
        },
    )
