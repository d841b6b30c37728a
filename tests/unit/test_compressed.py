import gzip
import os

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from batchwright.errors import Refused
from batchwright.unfolding.compressed import BLOCK, is_compressed, unpacked

PACKERS = {"gzip": gzip.compress, "zstd": zstd.compress}
packers = pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)


def blocks_of(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@packers
@given(content=st.binary(max_size=300), cut=st.integers(0, 300), size=st.integers(1, 40))
def test_what_was_packed_comes_back_whatever_the_blocks_and_the_members(
    pack: object, content: bytes, cut: int, size: int
) -> None:
    assert callable(pack)
    packed = pack(content[:cut]) + pack(content[cut:])

    assert is_compressed(packed)
    assert b"".join(unpacked(blocks_of(packed, size))) == content


@packers
def test_large_contents_come_in_pieces(pack: object) -> None:
    assert callable(pack)
    content = os.urandom(1000) * 20_000

    pieces = list(unpacked([pack(content)]))

    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= BLOCK


@packers
def test_a_file_that_is_cut_off_is_refused(pack: object) -> None:
    assert callable(pack)
    packed = pack(os.urandom(5000))

    with pytest.raises(Refused, match="cut off") as caught:
        list(unpacked([packed[:-10]]))

    assert caught.value.code == "corrupt_input"


def test_a_broken_file_is_refused() -> None:
    packed = bytearray(gzip.compress(os.urandom(5000)))
    packed[2000] ^= 1

    with pytest.raises(Refused, match="broken") as caught:
        list(unpacked([bytes(packed)]))

    assert caught.value.code == "corrupt_input"


@packers
def test_a_bomb_ends_early(pack: object) -> None:
    assert callable(pack)
    bomb = pack(b"x" * 150_000_000)

    unpacking = unpacked([bomb])

    allowed = sum(len(next(unpacking)) for _ in range(64))
    with pytest.raises(Refused, match="250 times") as caught:
        next(unpacking)

    assert caught.value.code == "too_large"
    assert allowed == 64 * BLOCK


@packers
def test_bytes_after_the_last_member_are_no_member(pack: object) -> None:
    assert callable(pack)

    assert b"".join(unpacked([pack(b"hello") + b"\x00" * 512])) == b"hello"
    with pytest.raises(Refused):
        list(unpacked([pack(b"hello") + b"garbage"]))


@packers
def test_a_file_that_is_honestly_large_ends_at_the_absolute_limit(
    pack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(pack)
    monkeypatch.setattr("batchwright.unfolding.compressed.LARGEST_UNPACKED", 3 * BLOCK)

    assert list(unpacked([pack(os.urandom(2 * BLOCK))]))
    with pytest.raises(Refused, match="holds more than") as caught:
        list(unpacked([pack(os.urandom(4 * BLOCK))]))

    assert caught.value.code == "too_large"
