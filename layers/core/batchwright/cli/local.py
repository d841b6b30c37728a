"""One local file as a bucket holds it, with the working files of its planning in a folder beside it."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote
from uuid import uuid4

from batchwright.cli.faults import Code, Halt
from batchwright.errors import AlreadyExists, Missing, UploadGone
from batchwright.job import Pin

INPUT = "input/"
LONGEST_NAME = 100
BLOCK = 4 * 1024 * 1024

type Seen = Callable[[int, int], None]
"""Is told how many bytes of how many are read."""


class LocalObjects:
    """The file under a key with its name, read in blocks and never whole; everything else is a file of the folder."""

    bucket = "here"

    def __init__(self, file: Path, folder: Path, seen: Seen) -> None:
        """``seen`` is told after every block."""
        self.input = f"{INPUT}{safe_name(file.name)}"
        """The file's key: as that of an upload, its suffix may tell what it is."""
        self._file = file
        self._seen = seen
        self._keys, self._parts = folder / "keys", folder / "parts"
        for each in (self._keys, self._parts):
            each.mkdir(exist_ok=True)

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        """Return the file as it stands; here nothing has versions."""
        with _told(key):
            stat = self._place(key).stat()
        tag = f"{stat.st_size}-{stat.st_mtime_ns}"
        return Pin(
            bucket=self.bucket,
            key=key,
            version_id=version_id,
            etag=tag,
            size=stat.st_size,
            tag=tag,
        )

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        """Return a file, or a part of it."""
        with _told(key), self._place(key).open("rb") as opened:
            if span is None:
                return opened.read()
            opened.seek(span[0])
            return opened.read(span[1] - span[0])

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        """Return a part of a file."""
        return self.read(pin.key, span=span)

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        """Yield a file's bytes up to the size that was pinned."""
        with _told(pin.key), self._place(pin.key).open("rb") as opened:
            opened.seek(start)
            for place in range(start, pin.size, BLOCK):
                end = min(place + BLOCK, pin.size)
                block = opened.read(end - place)
                self._seen(end, pin.size)
                yield block

    def write(self, key: str, content: bytes) -> None:
        """Write a working file whole."""
        self._place(key).write_bytes(content)

    def create(self, key: str, content: bytes) -> None:
        """Write a working file that must not exist yet."""
        try:
            with self._place(key).open("xb") as opened:
                opened.write(content)
        except FileExistsError:
            raise AlreadyExists(key) from None

    def begin(self, key: str) -> "LocalUpload":
        """Write a working file of any size."""
        part = self._parts / uuid4().hex
        part.touch()
        return LocalUpload(part, self._place(key))

    def resume(self, key: str, paused: dict[str, Any]) -> "LocalUpload":
        """Go on with a working file as it was when it was paused."""
        part = self._parts / paused["upload_id"]
        if part.exists():
            os.truncate(part, paused["size"])
        return LocalUpload(part, self._place(key))

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Yield the keys of the working files."""
        keys = sorted(unquote(place.name) for place in self._keys.iterdir())
        yield from (key for key in keys if key.startswith(prefix) and key > after)

    def _place(self, key: str) -> Path:
        return self._file if key == self.input else self._keys / quote(key, safe="")


class LocalUpload:
    """A working file that grows."""

    def __init__(self, part: Path, place: Path) -> None:
        """``part`` becomes ``place`` when it is whole."""
        self._part = part
        self._place = place
        self._opened: IO[bytes] | None = None

    def write(self, block: bytes) -> None:
        """Add bytes."""
        if self._opened is None:
            self._check()
            self._opened = self._part.open("ab")
        self._opened.write(block)

    def finish(self) -> None:
        """Make the file appear."""
        self._close()
        self._check()
        self._part.replace(self._place)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._close()
        self._part.unlink(missing_ok=True)

    def pause(self) -> dict[str, Any]:
        """Return what resuming needs."""
        self._close()
        return {"upload_id": self._part.name, "size": self._part.stat().st_size}

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _check(self) -> None:
        if not self._part.exists():
            raise UploadGone(f"the upload of {self._place.name} is not there")


def check_file(file: Path) -> None:
    """Raise :class:`Halt` for a pipe, and whatever else can be read only once."""
    if not file.is_file():
        raise Halt(f"{file} is no file that can be read twice; write it to disk first", Code.USAGE)


def safe_name(name: str) -> str:
    """Return a file's name with only what is harmless in a key and on a command line.

    >>> safe_name("Mails of März (2).jsonl"), safe_name("../..")
    ('Mails-of-M-rz-2-.jsonl', 'file')

    Of a name in another script its suffixes are left, which tell a document from a table.

    >>> safe_name("отчёт.md.gz")
    'file.md.gz'
    """
    harmless = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    named = re.sub(r"^[.-]*-(?=\.\w)", "file", harmless)
    return named.lstrip(".-")[-LONGEST_NAME:] or "file"


@contextmanager
def _told(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        if key.startswith(INPUT):
            raise  # it has a name of its own
        raise Missing(f"{key} is not there") from None
