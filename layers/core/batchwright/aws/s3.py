"""The bucket."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, IncompleteReadError, ResponseStreamingError

from batchwright.aws.faults import code_of, told
from batchwright.errors import KeyDenied, Missing, Unavailable
from batchwright.job import Pin
from batchwright.places import INBOX, UPLOADS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, ObjectIdentifierTypeDef

BLOCK = 4 * 1024 * 1024
# botocore tries again until an answer begins; one that breaks off later is ours.
BODY_TRIES = 3
# S3 takes 10,000 parts of 5 MiB to 5 GiB, the last may be smaller
# (docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
SMALLEST_PART = 5 * 1024 * 1024
LARGEST_PART = 5 * 1024 * 1024 * 1024
PART = 8 * 1024 * 1024
CHECKSUMS = (
    "ChecksumSHA256",
    "ChecksumCRC64NVME",
    "ChecksumSHA1",
    "ChecksumCRC32C",
    "ChecksumCRC32",
)
NO_WORD = "400"
FORBIDDEN = "403"
# A version's id that can be none, and an object under a key of its owner's.
NOBODYS = {"InvalidArgument", "InvalidRequest"}
# S3 says 409 where two conditional writes of one key meet; which of them wins is known at the next try.
CONFLICT_TRIES = 5
# What browsers show when a person follows a link to it. The rest is downloaded: it may be of any size.
SHOWN = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}


class S3Objects:
    """One bucket in S3."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """``client`` retries what is safe to retry; a lost reply to a conditional write comes back as a 412."""
        self._s3 = client
        self.bucket = bucket

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        """Return the object's version as it stands."""
        found = self.head(key, version_id)
        etag = found["ETag"].strip('"')
        checksums = (f"{name}:{found[name]}" for name in CHECKSUMS if found.get(name))
        return Pin(
            bucket=self.bucket,
            key=key,
            version_id=found.get("VersionId") or version_id,
            etag=etag,
            size=found["ContentLength"],
            tag=next(checksums, etag),
        )

    def head(self, key: str, version_id: str | None = None) -> dict[str, Any]:
        """Return what S3 knows of an object; raises :class:`Missing`."""
        asked: Any = {"Bucket": self.bucket, "Key": key, **_version(version_id)}
        with told(f"head of {_named(key)}"):
            try:
                return dict(self._s3.head_object(**asked, ChecksumMode="ENABLED"))
            except ClientError as fault:
                if code_of(fault) == NO_WORD:
                    self._read_in_vain(asked)
                if code_of(fault) == FORBIDDEN:
                    self._look_without_key(asked)
                raise

    def _read_in_vain(self, asked: Any) -> None:
        """Raise why a HEAD was refused, which has no body to say it: a read's answer has one."""
        try:
            self._s3.get_object(**asked)["Body"].close()
        except ClientError as fault:
            if code_of(fault) in NOBODYS:
                raise Missing(
                    f"read of {_named(asked['Key'])}: AWS says {code_of(fault)}"
                ) from None
            raise

    def _look_without_key(self, asked: Any) -> None:
        """Raise :class:`KeyDenied` where only an object's checksum may not be seen, which wants the object's key.

        (docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html)
        """
        try:
            key = self._s3.head_object(**asked).get("SSEKMSKeyId")
        except ClientError:
            return
        if key:
            raise KeyDenied(f"head of {_named(asked['Key'])}: its key may not be used", key=key)

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        """Return an object, or a part of it."""
        if span and span[0] == span[1]:
            return b""
        with told(f"read of {_named(key)}"):
            return self._body(Bucket=self.bucket, Key=key, **_range(span))

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        """Return bytes of one version."""
        if span[0] == span[1]:
            return b""
        with told(f"read of {_named(pin.key)}"):
            return self._body(
                Bucket=pin.bucket, Key=pin.key, **_range(span), **_version(pin.version_id)
            )

    def _body(self, **asked: Any) -> bytes:
        for _ in range(BODY_TRIES - 1):
            with suppress(IncompleteReadError, ResponseStreamingError):
                return self._s3.get_object(**asked)["Body"].read()
        return self._s3.get_object(**asked)["Body"].read()

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        """Yield one version's bytes, a request a block: a read that breaks starts over at its block."""
        for place in range(start, pin.size, BLOCK):
            yield self.read_pinned(pin, span=(place, min(place + BLOCK, pin.size)))

    def write(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        with told(f"write of {key}"):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, **_shown(key))

    def create(self, key: str, content: bytes) -> None:
        """Write an object that must not exist yet."""
        self._put_if(key, content, IfNoneMatch="*")

    def swap(self, key: str, content: bytes, seen: Pin | None) -> None:
        """Write an object over the version that was seen, or over none; a lost reply comes back as a 412, too."""
        if seen is None:
            self._put_if(key, content, IfNoneMatch="*")
        else:
            self._put_if(key, content, IfMatch=seen.etag)

    def _put_if(self, key: str, content: bytes, **condition: Any) -> None:
        given = {**_shown(key), **condition}
        for last in (*[False] * (CONFLICT_TRIES - 1), True):
            try:
                with told(f"write of {key}"):
                    self._s3.put_object(Bucket=self.bucket, Key=key, Body=content, **given)
            except Unavailable as fault:
                if last or "ConditionalRequestConflict" not in str(fault):
                    raise
            else:
                return

    def begin(self, key: str) -> "S3Upload":
        """Write an object of any size."""
        return S3Upload(self._s3, self.bucket, key)

    def resume(self, key: str, paused: dict[str, Any]) -> "S3Upload":
        """Go on with an upload; parts sent after the pause are sent again under the same numbers."""
        upload = S3Upload(self._s3, self.bucket, key)
        upload.take_up(paused)
        return upload

    def every_version(self, prefix: str) -> Iterator[tuple[str, str | None]]:
        """Yield every version and every delete marker under a prefix."""
        with told(f"listing of the versions under {prefix}"):
            pages = self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            for page in pages:
                for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                    yield found["Key"], found["VersionId"]

    def erase(self, versions: Sequence[tuple[str, str | None]]) -> int:
        """Delete up to a thousand versions."""
        every: list[ObjectIdentifierTypeDef] = [
            {"Key": key, "VersionId": version} if version else {"Key": key}
            for key, version in versions
        ]
        with told("deletion of a job's objects"):
            answer = self._s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": every, "Quiet": True}
            )
        if failed := answer.get("Errors"):
            code = failed[0].get("Code")
            raise Missing(
                f"{len(failed)} objects could not be deleted ({code}); forget the job once more"
            )
        return len(every)

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, from behind ``after`` on."""
        query: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix}
        if after:
            query["StartAfter"] = after
        with told(f"listing of {prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(**query):
                for found in page.get("Contents", ()):
                    yield found["Key"]


class S3Upload:
    """A multipart upload that begins with the first full part; what is smaller is written whole.

    It holds one part and one block in memory, twice while the part is sent.
    """

    def __init__(self, client: "S3Client", bucket: str, key: str) -> None:
        """Nothing is sent yet."""
        self._s3 = client
        self._place: Any = {"Bucket": bucket, "Key": key}
        self._shown = _shown(key)
        self._held: list[bytes] = []
        self._size = 0
        self._sent = 0
        self._id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []

    def take_up(self, paused: dict[str, Any]) -> None:
        """Be where another upload was when it was paused."""
        self._id, self._sent = paused["upload_id"], paused["sent"]
        self._parts = [*paused["parts"]]
        self._held = [b64decode(paused["held"])]
        self._size = len(self._held[0])

    def write(self, block: bytes) -> None:
        """Add bytes."""
        self._held.append(block)
        self._size += len(block)
        if self._size >= part_size(self._sent):
            self._send()

    def pause(self) -> dict[str, Any]:
        """Return where it stands; what can be a part is sent first."""
        if self._size >= SMALLEST_PART:
            self._send()
        return {
            "upload_id": self._id,
            "sent": self._sent,
            "parts": [*self._parts],
            "held": b64encode(b"".join(self._held)).decode(),
        }

    def finish(self) -> None:
        """Make the object appear."""
        with told(f"upload of {self._place['Key']}"):
            if self._id is None:
                self._s3.put_object(**self._place, Body=b"".join(self._held), **self._shown)
                return
            if self._size:
                self._send()
            self._s3.complete_multipart_upload(
                **self._place, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._id is not None:
            with told(f"abort of {self._place['Key']}"):
                self._s3.abort_multipart_upload(**self._place, UploadId=self._id)

    def _send(self) -> None:
        with told(f"upload of {self._place['Key']}"):
            if self._id is None:
                self._id = self._s3.create_multipart_upload(
                    **self._place, ChecksumAlgorithm="CRC32", **self._shown
                )["UploadId"]
            number = len(self._parts) + 1
            sent = self._s3.upload_part(
                **self._place, UploadId=self._id, PartNumber=number, Body=b"".join(self._held)
            )
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": sent["ETag"]}
        if checksum := sent.get("ChecksumCRC32"):
            # botocore sends one with every part; S3 then wants to hear them all again at the end.
            part["ChecksumCRC32"] = checksum
        self._parts.append(part)
        self._sent += self._size
        self._held, self._size = [], 0


def part_size(sent: int) -> int:
    """Return how large the next part is: 8 MiB, or a thousandth of what was sent where that is more.

    So an object of 100 GB needs 100 MB of memory, and 10,000 parts hold 17 TiB.
    """
    return min(max(PART, sent // 1000), LARGEST_PART)


def _named(key: str) -> str:
    """Return a key for an error's text; those that users chose are theirs."""
    return "an input" if key.startswith((INBOX, UPLOADS)) else key


def _shown(key: str) -> Any:
    shown = SHOWN.get(PurePosixPath(key).suffix)
    return {"ContentType": shown} if shown else {}


def _version(version_id: str | None) -> Any:
    return {"VersionId": version_id} if version_id else {}


def _range(span: tuple[int, int] | None) -> Any:
    return {"Range": f"bytes={span[0]}-{span[1] - 1}"} if span else {}
