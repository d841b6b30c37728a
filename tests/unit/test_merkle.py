"""Merkle trees: on the vectors of RFC 6962's reference code, against an independent implementation, and by law."""

from hashlib import sha256

import pytest
from aics_tlog import tree as independent
from hypothesis import given, settings
from hypothesis import strategies as st

from batchwright.merkle import (
    EMPTY_ROOT,
    HASH,
    Tree,
    consistency_proof,
    includes,
    inclusion_proof,
    leaf_hash,
    with_leaf,
)

# From certificate-transparency's merkle_tree_test: the eight leaves, and the root after each.
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = st.integers(1, 3_000)


class Kept:
    """A tree whose levels are kept."""

    def __init__(self, leaves: list[bytes], step: int = 1_000) -> None:
        self.tree = Tree()
        self.levels: list[bytearray] = []
        for first in range(0, len(leaves), step):
            for level, new in enumerate(self.tree.append(b"".join(leaves[first : first + step]))):
                if level == len(self.levels):
                    self.levels.append(bytearray())
                self.levels[level] += new

    def tiles(self, level: int, first: int, count: int) -> bytes:
        found = bytes(self.levels[level][first * HASH : (first + count) * HASH])
        assert len(found) == count * HASH, "only what is kept is read"
        return found


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4)) for number in range(count)]


def root_of(hashes: list[bytes]) -> bytes:
    tree = Tree()
    tree.append(b"".join(hashes))
    return tree.root()


def test_the_vectors_of_rfc_6962() -> None:
    tree = Tree()
    assert tree.root() == EMPTY_ROOT == sha256(b"").digest()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        tree.append(leaf_hash(leaf))
        assert tree.root().hex() == root


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537])
def test_the_root_is_the_independent_one_around_full_tiles(count: int) -> None:
    theirs = independent.MerkleTree(number.to_bytes(4) for number in range(count))
    assert root_of(leaves(count)) == theirs.root()


@given(SIZES, st.lists(st.integers(1, 700), max_size=6))
@settings(max_examples=50)
def test_a_tree_is_the_same_however_it_grows_and_rests(count: int, steps: list[int]) -> None:
    every = leaves(count)
    tree, place = Tree(), 0
    for step in [*steps, count]:
        tree.append(b"".join(every[place : place + step]))
        place += step
        tree = Tree(tree.size, tree.edge)
    assert tree.size == count
    assert tree.root() == root_of(every)


@given(SIZES, st.data())
@settings(max_examples=60)
def test_every_leaf_has_a_proof_that_the_independent_verifier_takes(
    count: int, data: st.DataObject
) -> None:
    every = leaves(count)
    kept = Kept(every)
    place = data.draw(st.integers(0, count - 1))
    proof = inclusion_proof(kept.tiles, place, count)
    root = kept.tree.root()
    assert includes(every[place], place, count, proof, root)
    assert independent.verify_inclusion(every[place], place, count, proof, root)


@given(SIZES, st.data())
@settings(max_examples=60)
def test_a_tree_that_grew_has_a_proof_that_the_independent_verifier_takes(
    count: int, data: st.DataObject
) -> None:
    every = leaves(count)
    kept = Kept(every)
    earlier = data.draw(st.integers(1, count))
    proof = consistency_proof(kept.tiles, earlier, count)
    before, root = root_of(every[:earlier]), kept.tree.root()
    assert independent.verify_consistency(earlier, count, before, root, proof)


@given(st.integers(1, 300), st.data())
@settings(max_examples=100)
def test_no_proof_shows_what_is_not_so(count: int, data: st.DataObject) -> None:
    every = leaves(count)
    kept = Kept(every)
    place = data.draw(st.integers(0, count - 1))
    proof = inclusion_proof(kept.tiles, place, count)
    root = kept.tree.root()
    other = leaf_hash(b"other")
    assert not includes(other, place, count, proof, root)
    assert not includes(every[place], place, count, [*proof, other], root)
    assert not includes(every[place], place, count, proof, other)
    if proof:
        changed = data.draw(st.integers(0, len(proof) - 1))
        assert not includes(
            every[place], place, count, [*proof[:changed], other, *proof[changed + 1 :]], root
        )
        assert not includes(every[place], place, count, proof[:-1], root)
    elsewhere = data.draw(st.integers(-1, count + 1))
    if elsewhere != place:
        assert not includes(every[place], elsewhere, count, proof, root)


@given(SIZES)
@settings(max_examples=50)
def test_a_tree_grows_from_its_peaks_as_from_its_tiles(count: int) -> None:
    every = leaves(count)
    kept = Kept(every[:-1])
    peaks = with_leaf(kept.tree.peaks(), count - 1, every[-1])
    kept.tree.append(every[-1])
    assert peaks == kept.tree.peaks()


def test_proofs_of_what_never_was_are_refused() -> None:
    kept = Kept(leaves(3))
    with pytest.raises(ValueError, match="no leaf 3"):
        inclusion_proof(kept.tiles, 3, 3)
    with pytest.raises(ValueError, match="never had 4"):
        consistency_proof(kept.tiles, 4, 3)
