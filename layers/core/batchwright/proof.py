"""A record's proof: what it was, and the way from its leaf to a signed checkpoint, for whoever has nothing else."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
from msgspec import DecodeError

from batchwright.errors import LogBroken, Missing
from batchwright.leaf import Salt, envelope_of, without_leaf
from batchwright.lines import lines
from batchwright.merkle import (
    HASH,
    Tiles,
    Tree,
    consistency_proof,
    includes,
    inclusion_proof,
    leaf_hash,
)
from batchwright.outcome import DECODER, Outcome

type ReadSpan = Callable[[str, int, int], bytes]
"""Reads a part of a file by its name, its first byte and the one behind its last; raises :class:`Missing`."""


def outcome_of(record_id: str, blocks: Iterator[bytes]) -> tuple[Outcome, bytes]:
    """Find a record's outcome in ``outcomes.jsonl``, and its line; raises :class:`Missing`."""
    told = orjson.dumps(record_id.encode(errors="replace").decode())  # nobody has half a character
    for line in lines(blocks):
        if line.content and told in line.content:
            try:
                outcome = DECODER.decode(line.content)
            except DecodeError:
                continue
            if outcome.record_id == record_id:
                return outcome, line.content
    raise Missing(f"the job has no record {record_id!r}")


def proof_of(
    outcome: Outcome,
    line: bytes,
    receipt: dict[str, Any],
    seal: dict[str, Any],
    salt: Salt,
    tiles: Tiles,
    *,
    opened: bool,
) -> dict[str, Any]:
    """Return a record's proof; ``line`` is its outcome's.

    ``opened`` adds what shows that a certain text is the one that it commits to. Raises :class:`LogBroken` where the
    outcome is not the one in the tree, or the job's end was not signed.
    """
    if seal["checkpoint"] is None:
        raise LogBroken(f"no checkpoint of its end was signed: {seal['unsigned']}")
    tree, own = receipt["tree"], salt.of(outcome.index)
    proof = inclusion_proof(tiles, outcome.index, tree["size"])
    facts = without_leaf(line, outcome.leaf)
    leaf, root = tiles(0, outcome.index, 1), bytes.fromhex(tree["root"])
    if leaf.hex() != outcome.leaf or not includes(leaf, outcome.index, tree["size"], proof, root):
        raise LogBroken(
            f"record {outcome.record_id!r} is not in the tree as its outcome tells it: batchwright verify says more"
        )
    found = {
        "envelope": envelope_of(receipt["job_id"], outcome, own, facts),
        "index": outcome.index,
        "size": tree["size"],
        "proof": [each.hex() for each in proof],
        "root": tree["root"],
        "ledger": seal,
    }
    if opened:
        found["opening"] = {
            "salt": own.hex(),
            "input_digest": outcome.input_digest,
            "output_digest": outcome.output_digest,
            "request_digest": outcome.request_digest,
            "facts": facts.decode(),
            "record_id": outcome.record_id,
        }
    return found


def consistency_of(entries: Iterable[bytes], earlier: int, later: int) -> dict[str, Any]:
    """Return the proof that the ledger only grew between two of its sizes; ``entries`` are all of it, in order.

    Raises :class:`Missing` where it never had so many.
    """
    grown, levels = Tree(), [bytearray()]
    roots = {0: grown.root()}
    for content in entries:
        for level, new in enumerate(grown.append(leaf_hash(content))):
            if level == len(levels):
                levels.append(bytearray())
            levels[level] += new
        if grown.size in {earlier, later}:
            roots[grown.size] = grown.root()
        if grown.size == later:
            break
    if earlier > later or later not in roots:
        raise Missing(
            f"the ledger has {grown.size} entries: say two sizes of it, the smaller first"
        )

    def tiles(level: int, first: int, count: int) -> bytes:
        return bytes(levels[level][first * HASH : (first + count) * HASH])

    return {
        "earlier": {"size": earlier, "root": roots[earlier].hex()},
        "later": {"size": later, "root": roots[later].hex()},
        "proof": [each.hex() for each in consistency_proof(tiles, earlier, later)],
    }


def tiles_of(read: ReadSpan) -> Tiles:
    """Return a tree's tiles, read from the files of its levels."""

    def tiles(level: int, first: int, count: int) -> bytes:
        found = read(f"tree/{level}", first * HASH, (first + count) * HASH)
        if len(found) != count * HASH:
            raise LogBroken(f"tree/{level} is shorter than the receipt says")
        return found

    return tiles
