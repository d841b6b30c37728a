"""gzip (RFC 1952) and Zstandard (RFC 8878), unpacked as they stream by, within limits that no bomb passes."""

import zlib
from collections.abc import Callable, Iterable, Iterator

from backports import zstd

from batchwright.errors import Refused

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
BLOCK = 1024 * 1024
LARGEST_UNPACKED = 100_000_000_000
# Batch files repeat themselves and shrink to a fiftieth, seldom more; 97 KB of gzip that hold 100 MB are an attack.
STEEPEST = 250
ALWAYS_ALLOWED = 64 * 1024 * 1024


class _Gunzip:
    """zlib keeps what it could not take yet where zstd keeps it inside; this makes them alike."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


type _Unpacker = _Gunzip | zstd.ZstdDecompressor

KINDS: dict[bytes, Callable[[], _Unpacker]] = {
    GZIP: _Gunzip,
    ZSTD: zstd.ZstdDecompressor,
}


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is gzip or Zstandard; its name does not matter."""
    return head.startswith((GZIP, ZSTD))


def unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is packed, a megabyte at most at a time.

    Raises :class:`Refused`: ``corrupt_input`` where it is cut or broken, ``too_large`` where it grows past reason.
    """
    packed = unfolded = 0
    for size, piece in _pieces(blocks):
        packed, unfolded = size, unfolded + len(piece)
        if unfolded > LARGEST_UNPACKED:
            raise Refused("too_large", f"it holds more than {LARGEST_UNPACKED:,} bytes")
        if unfolded > ALWAYS_ALLOWED and unfolded > STEEPEST * packed:
            raise Refused("too_large", f"it unpacks to more than {STEEPEST} times its size")
        yield piece


def _pieces(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield pieces with how many packed bytes were read for them; members may follow each other."""
    unpacker: _Unpacker | None = None
    kind, rest, size = b"", b"", 0
    for block in blocks:
        size += len(block)
        rest += block
        if not kind and len(rest) < len(ZSTD):
            continue
        while rest or (unpacker and not unpacker.needs_input and not unpacker.eof):
            if unpacker is None:
                kind = kind or (GZIP if rest.startswith(GZIP) else ZSTD)
                unpacker = KINDS[kind]()
            piece, rest = _unpack(unpacker, rest)
            if piece:
                yield size, piece
            if unpacker.eof:
                rest = unpacker.unused_data.lstrip(b"\x00")
                unpacker = None
    if unpacker is not None:
        raise Refused("corrupt_input", "the compressed file is cut off")


def _unpack(unpacker: _Unpacker, rest: bytes) -> tuple[bytes, bytes]:
    try:
        return unpacker.decompress(rest, BLOCK), b""
    except (zlib.error, zstd.ZstdError, EOFError):
        raise Refused("corrupt_input", "the compressed file is broken") from None
