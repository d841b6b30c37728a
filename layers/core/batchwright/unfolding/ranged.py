"""An object in S3 as a file: seekable, read by ranges, never held as a whole."""

import io
from collections.abc import Callable
from typing import Any

# What is read in one go where a reader goes on from where it was; a jump reads what is asked for and little more.
AHEAD = 4 * 1024 * 1024
LEAST = 64 * 1024

type ReadRange = Callable[[int, int], bytes]


class RangedFile(io.RawIOBase):
    """A file of ``size`` bytes; ``read`` fetches those from one offset up to another."""

    def __init__(self, size: int, read: ReadRange) -> None:
        """It stands at its beginning, and nothing is fetched yet."""
        super().__init__()
        self._size = size
        self._read = read
        self._place = 0
        self._start = 0
        self._held = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere, from the beginning, from here or from the end."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError("a place before the file's beginning")
        self._place = origin + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, less at the file's end."""
        view = memoryview(buffer).cast("B")
        found = self._bytes(min(len(view), max(0, self._size - self._place)))
        view[: len(found)] = found
        self._place += len(found)
        return len(found)

    def _bytes(self, wanted: int) -> bytes:
        offset = self._place - self._start
        if wanted and not 0 <= offset <= len(self._held) - wanted:
            self._fetch(offset, wanted)
            offset = 0
        return self._held[offset : offset + wanted] if wanted else b""

    def _fetch(self, offset: int, wanted: int) -> None:
        """Hold the bytes from here on; what is held of them already is not read again."""
        goes_on = 0 <= offset <= len(self._held)
        known = self._held[offset:] if goes_on else b""
        end = min(self._place + max(wanted, AHEAD if goes_on else LEAST), self._size)
        self._held = known + self._read(self._place + len(known), end)
        self._start = self._place
