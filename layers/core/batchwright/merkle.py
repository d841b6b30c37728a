"""Merkle trees as in RFC 9162 (and RFC 6962 before it), with SHA-256, kept as tiles.

A tile is a run of 256 hashes of one level. Level 0 holds the leaves' hashes; an entry of the next level is the root of
256 entries of the one before, which is kept when all of them are there. So three short files, one a level, hold a tree
of sixteen million leaves, and any proof needs a few reads of some kilobytes (c2sp.org/tlog-tiles has the same tiles).
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

HASH = 32
HEIGHT = 8
WIDTH = 1 << HEIGHT
EMPTY_ROOT = sha256().digest()

type Tiles = Callable[[int, int, int], bytes]
"""Reads entries of a level: (level, the first one's place, how many), one after the other."""


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf's content."""
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node with two children."""
    return sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows; it remembers as much as its right edge, some kilobytes, however many leaves it has."""

    def __init__(self, size: int = 0, edge: Iterable[bytes] = ()) -> None:
        """Begin empty, or go on from an earlier ``size`` and :attr:`edge`."""
        self.size = size
        self._edge = [bytearray(level) for level in edge]

    @property
    def edge(self) -> list[bytes]:
        """The entries of each level's last tile, as far as it is not full."""
        return [bytes(level) for level in self._edge]

    def append(self, hashes: bytes) -> list[bytes]:
        """Add leaves, given by their hashes one after the other; return what is new on each level."""
        new: list[bytes] = []
        level = 0
        self.size += len(hashes) // HASH
        while hashes:
            new.append(hashes)
            if level == len(self._edge):
                self._edge.append(bytearray())
            edge = self._edge[level]
            edge += hashes
            full = len(edge) // (WIDTH * HASH) * WIDTH * HASH
            hashes = b"".join(
                _root_of_full(bytes(edge[place : place + WIDTH * HASH]))
                for place in range(0, full, WIDTH * HASH)
            )
            del edge[:full]
            level += 1
        return new

    def peaks(self) -> list[bytes]:
        """Return the roots of the full subtrees that the tree is made of, the largest first.

        In the other order they are the next leaf's inclusion proof.
        """
        return [
            peak
            for level in reversed(self._edge)
            for peak in _peaks_of(bytes(level), 0, len(level) // HASH)
        ]

    def root(self) -> bytes:
        """Return the hash of the whole tree."""
        return joined(self.peaks())


def with_leaf(peaks: list[bytes], size: int, leaf: bytes) -> list[bytes]:
    """Return the peaks of a tree of ``size`` leaves with one leaf more, given by its hash."""
    *rest, root = *peaks, leaf
    while size & 1:
        size >>= 1
        root = node_hash(rest.pop(), root)
    return [*rest, root]


def joined(peaks: list[bytes]) -> bytes:
    """Return the root over full subtrees, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    *rest, root = peaks
    for peak in reversed(rest):
        root = node_hash(peak, root)
    return root


def inclusion_proof(tiles: Tiles, place: int, size: int) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root of a tree (RFC 9162, section 2.1.3.1)."""
    if not 0 <= place < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {place}")
    proof = []
    first, behind = 0, size
    while behind - first > 1:
        middle = first + _half(behind - first)
        if place < middle:
            proof.append(_range_root(tiles, middle, behind))
            behind = middle
        else:
            proof.append(_range_root(tiles, first, middle))
            first = middle
    return proof[::-1]


def consistency_proof(tiles: Tiles, earlier: int, size: int) -> list[bytes]:
    """Return the hashes that show that a tree only grew since it had ``earlier`` leaves (section 2.1.4.1)."""
    if not 0 <= earlier <= size:
        raise ValueError(f"a tree of {size} leaves never had {earlier}")
    if earlier in {0, size}:
        return []
    proof = []
    first, behind = 0, size
    while earlier != behind:
        middle = first + _half(behind - first)
        if earlier <= middle:
            proof.append(_range_root(tiles, middle, behind))
            behind = middle
        else:
            proof.append(_range_root(tiles, first, middle))
            first = middle
    if first:
        proof.append(_range_root(tiles, first, behind))
    return proof[::-1]


def includes(leaf: bytes, place: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Whether a proof shows that a leaf, given by its hash, stands in a tree (section 2.1.3.2)."""
    if not 0 <= place < size:
        return False
    node, last = place, size - 1
    found = leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def _half(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(tiles: Tiles, first: int, behind: int) -> bytes:
    """Return the hash over leaves ``first`` up to, not including, ``behind``, which begin where a subtree does."""
    peaks = []
    while first < behind:
        height = (behind - first).bit_length() - 1
        peaks.append(_subtree(tiles, height, first >> height))
        first += 1 << height
    return joined(peaks)


def _subtree(tiles: Tiles, height: int, place: int) -> bytes:
    """Return the root of a full subtree: an entry of a level, or made from up to 128 of them."""
    level, above = divmod(height, HEIGHT)
    count = 1 << above
    return _root_of_full(tiles(level, place * count, count))


def _peaks_of(entries: bytes, first: int, behind: int) -> Iterator[bytes]:
    while first < behind:
        count = 1 << (behind - first).bit_length() - 1
        yield _root_of_full(entries[first * HASH : (first + count) * HASH])
        first += count


def _root_of_full(entries: bytes) -> bytes:
    """Return the root over a power of two of entries."""
    while len(entries) > HASH:
        pairs = range(0, len(entries), 2 * HASH)
        entries = b"".join([sha256(b"\x01" + entries[at : at + 2 * HASH]).digest() for at in pairs])
    return entries
