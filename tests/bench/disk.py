"""A bucket that is a folder, so that a bench of gigabytes costs neither memory nor moto."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import file_digest
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

from batchwright.errors import AlreadyExists, Missing, UploadGone
from batchwright.job import Pin

BLOCK = 4 * 1024 * 1024


class DiskObjects:
    """Every version of an object is a file of its own; a link that has the key's name leads to the newest."""

    def __init__(self, root: Path) -> None:
        self.bucket = root.name
        self._keys, self._versions, self._uploads = (
            root / name for name in ("keys", "versions", "uploads")
        )
        for folder in (self._keys, self._versions, self._uploads):
            folder.mkdir(parents=True, exist_ok=True)

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        with _told(key):
            version = version_id or self._link(key).readlink().name
            size = (self._versions / version).stat().st_size
        tag = _digest(self._versions / version)
        return Pin(bucket=self.bucket, key=key, version_id=version, etag=tag, size=size, tag=tag)

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        return _read(self._link(key), key, span)

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        return _read(self._versions / str(pin.version_id), pin.key, span)

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        for place in range(start, pin.size, BLOCK):
            yield self.read_pinned(pin, span=(place, min(place + BLOCK, pin.size)))

    def write(self, key: str, content: bytes) -> None:
        self._lead(key, self._kept(content))

    def create(self, key: str, content: bytes) -> None:
        try:
            self._link(key).symlink_to(self._kept(content))
        except FileExistsError:
            raise AlreadyExists(key) from None

    def begin(self, key: str) -> "DiskUpload":
        part = self._uploads / uuid4().hex
        part.touch()
        return DiskUpload(self, key, part)

    def resume(self, key: str, paused: dict[str, Any]) -> "DiskUpload":
        part = self._uploads / paused["upload_id"]
        if part.exists():
            os.truncate(part, paused["size"])
        return DiskUpload(self, key, part)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        keys = (unquote(link.name) for link in self._keys.iterdir())
        yield from sorted(key for key in keys if key.startswith(prefix) and key > after)

    def take(self, key: str, part: Path) -> None:
        """Make a finished upload the newest version."""
        self._lead(key, part.rename(self._versions / part.name))

    def _kept(self, content: bytes) -> Path:
        version = self._versions / uuid4().hex
        version.write_bytes(content)
        return version

    def _lead(self, key: str, version: Path) -> None:
        link = self._uploads / uuid4().hex
        link.symlink_to(version)
        link.replace(self._link(key))

    def _link(self, key: str) -> Path:
        return self._keys / quote(key, safe="")


class DiskUpload:
    """A file that grows."""

    def __init__(self, objects: DiskObjects, key: str, part: Path) -> None:
        self._objects = objects
        self._key = key
        self._part = part

    def write(self, block: bytes) -> None:
        self._there()
        with self._part.open("ab") as opened:
            opened.write(block)

    def finish(self) -> None:
        self._there()
        self._objects.take(self._key, self._part)

    def abort(self) -> None:
        self._part.unlink(missing_ok=True)

    def pause(self) -> dict[str, Any]:
        return {"upload_id": self._part.name, "size": self._part.stat().st_size}

    def _there(self) -> None:
        if not self._part.exists():
            raise UploadGone(f"the upload of {self._key} is not there")


@contextmanager
def _told(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"{key} is not there") from None


def _read(path: Path, key: str, span: tuple[int, int] | None) -> bytes:
    with _told(key), path.open("rb", buffering=0) as opened:
        if span is None:
            return opened.read()
        opened.seek(span[0])
        return opened.read(span[1] - span[0])


@cache
def _digest(version: Path) -> str:
    with version.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()
