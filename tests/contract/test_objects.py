"""What a bucket must do: the same for the ones in memory and on disk and the one in S3."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from batchwright.aws.s3 import BLOCK, BODY_TRIES, PART, S3Objects, part_size
from batchwright.cli.local import LocalObjects
from batchwright.errors import (
    AccessDenied,
    AlreadyExists,
    KeyDenied,
    Missing,
    Unavailable,
    UploadGone,
)
from batchwright.job import Pin
from batchwright.ports import Changeable, Erasable, Objects, Upload
from batchwright.uploads import whole
from tests.bench.disk import DiskObjects
from tests.fakes import MemoryObjects

HEAD_ALONE = {"ChecksumMode": "ENABLED"}
WITH_VERSIONS = ["in memory", "on disk", "in S3"]


@pytest.fixture(params=[*WITH_VERSIONS, "beside a local file"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "beside a local file":
        return LocalObjects(tmp_path / "file.jsonl", tmp_path, lambda *_: None)
    return bucket(request, tmp_path)


@pytest.fixture(params=WITH_VERSIONS)
def versioned(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return bucket(request, tmp_path)


def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "in memory":
        return MemoryObjects("box")
    if request.param == "on disk":
        return DiskObjects(tmp_path / "box")
    request.getfixturevalue("aws")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="box")
    s3.put_bucket_versioning(Bucket="box", VersioningConfiguration={"Status": "Enabled"})
    return S3Objects(s3, "box")


def test_what_was_written_is_read(objects: Objects) -> None:
    objects.write("a/b c+%é", b"0123456789")

    assert objects.read("a/b c+%é") == b"0123456789"
    assert objects.read("a/b c+%é", span=(2, 5)) == b"234"
    assert objects.read("a/b c+%é", span=(3, 3)) == b""
    assert objects.pin("a/b c+%é").size == 10


def test_what_is_not_there_is_missing(objects: Objects) -> None:
    with pytest.raises(Missing):
        objects.read("a")
    with pytest.raises(Missing):
        objects.pin("a")


def test_a_pin_reads_its_version_after_it_was_overwritten(versioned: Objects) -> None:
    versioned.write("a", b"old")
    pin = versioned.pin("a")
    versioned.write("a", b"newer")

    assert versioned.read_pinned(pin, span=(0, 3)) == b"old"
    assert b"".join(versioned.blocks(pin)) == b"old"
    assert versioned.pin("a", pin.version_id) == pin
    assert versioned.pin("a").size == 5


def test_a_version_that_never_was_is_missing(versioned: Objects) -> None:
    versioned.write("a", b"old")
    gone = versioned.pin("a").model_copy(update={"version_id": "9" * 8})

    with pytest.raises(Missing):
        versioned.read_pinned(gone, span=(0, 1))
    with pytest.raises(Missing):
        list(versioned.blocks(gone))


def test_the_tag_tells_contents_apart_and_nothing_else(versioned: Objects) -> None:
    versioned.write("a", b"same")
    versioned.write("b", b"same")
    versioned.write("c", b"different")

    tags = [versioned.pin(key).tag for key in "abc"]

    assert tags[0] == tags[1] != tags[2]


def test_an_object_is_created_once(objects: Objects) -> None:
    objects.create("a", b"first")

    with pytest.raises(AlreadyExists):
        objects.create("a", b"second")
    assert objects.read("a") == b"first"


@pytest.mark.parametrize(
    ("code", "kind", "told"),
    [
        ("InvalidArgument", Missing, "InvalidArgument"),  # a version's id that can be nobody's
        ("InvalidRequest", Missing, "InvalidRequest"),  # under a key of its owner's
        ("KeyTooLongError", Missing, "KeyTooLongError"),
        ("NoSuchKey", Missing, "NoSuchKey"),
        ("ExpiredToken", ClientError, "ExpiredToken"),
        ("SomethingNew", ClientError, "SomethingNew"),
        (None, Unavailable, "400"),
    ],
)
def test_a_head_that_is_refused_without_a_word_is_told_by_what_a_read_is_told(
    code: str | None, kind: type[Exception], told: str
) -> None:
    client = boto3.client("s3", region_name="us-east-1")
    asked = {"Bucket": "box", "Key": "a", "VersionId": "v"}
    with Stubber(client) as s3:
        s3.add_client_error(
            "head_object", "400", http_status_code=400, expected_params=asked | HEAD_ALONE
        )
        if code:
            s3.add_client_error("get_object", code, http_status_code=400, expected_params=asked)
        else:
            s3.add_response("get_object", {"Body": BytesIO(b"here")}, asked)

        with pytest.raises(kind, match=told):
            S3Objects(client, "box").pin("a", "v")


def test_a_read_that_breaks_begins_again_at_its_block() -> None:
    client = boto3.client("s3", region_name="us-east-1")
    pin = Pin(bucket="box", key="a", version_id="v", etag="e", size=BLOCK + 3, tag="t")
    asked = [("bytes=0-4194303", b"x" * BLOCK), *[("bytes=4194304-4194306", b"end")] * BODY_TRIES]
    with Stubber(client) as s3:
        for number, (span, content) in enumerate(asked):
            broken = 0 < number < len(asked) - 1
            body = StreamingBody(BytesIO(content[: 1 if broken else None]), len(content))
            wanted = {"Bucket": "box", "Key": "a", "VersionId": "v", "Range": span}
            s3.add_response("get_object", {"Body": body}, wanted)

        assert b"".join(S3Objects(client, "box").blocks(pin)) == b"x" * BLOCK + b"end"

        s3.assert_no_pending_responses()


def test_a_read_that_breaks_each_time_is_told() -> None:
    client = boto3.client("s3", region_name="us-east-1")
    with Stubber(client) as s3:
        for _ in range(BODY_TRIES):
            s3.add_response("get_object", {"Body": StreamingBody(BytesIO(b"1"), 3)})

        with pytest.raises(Unavailable, match="read of a: IncompleteReadError"):
            S3Objects(client, "box").read("a")

        s3.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("alone", "kind"),
    [
        ({"SSEKMSKeyId": "arn:aws:kms:us-east-1:1:key/theirs"}, KeyDenied),
        ({}, AccessDenied),
        (None, AccessDenied),
    ],
    ids=["only its key is denied", "it has no key", "nothing may be seen of it"],
)
def test_an_object_whose_key_may_not_be_used_is_told_from_one_that_may_not_be_seen(
    alone: dict[str, Any] | None, kind: type[AccessDenied]
) -> None:
    client = boto3.client("s3", region_name="us-east-1")
    asked = {"Bucket": "box", "Key": "a"}
    with Stubber(client) as s3:
        for expected in (asked | HEAD_ALONE, asked):
            if expected == asked and alone is not None:
                s3.add_response("head_object", alone, asked)
            else:
                s3.add_client_error(
                    "head_object", "403", http_status_code=403, expected_params=expected
                )

        with pytest.raises(AccessDenied) as caught:
            S3Objects(client, "box").pin("a")

    assert type(caught.value) is kind
    assert getattr(caught.value, "key", None) == (alone or {}).get("SSEKMSKeyId")


@pytest.mark.parametrize("place", ["in memory", "in S3"])
def test_an_object_is_written_over_what_was_seen_and_nothing_else(
    place: str, request: pytest.FixtureRequest
) -> None:
    box: Changeable = MemoryObjects("box")
    if place == "in S3":
        request.getfixturevalue("aws")
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="box")
        box = S3Objects(s3, "box")

    box.swap("a", b"first", None)
    seen = box.pin("a")
    with pytest.raises(AlreadyExists):
        box.swap("a", b"another first", None)
    box.swap("a", b"second", seen)
    with pytest.raises(AlreadyExists):
        box.swap("a", b"another second", seen)

    assert box.read("a") == b"second"


def test_an_upload_of_any_size_appears_whole(objects: Objects) -> None:
    block = b"x" * 1_000_000
    with whole(objects.begin("large")) as upload:
        for _ in range(20):
            upload.write(block)
    with whole(objects.begin("small")) as upload:
        upload.write(b"y")
    with whole(objects.begin("empty")):
        pass

    assert objects.read("large") == block * 20
    assert objects.read("small") == b"y"
    assert objects.read("empty") == b""


@pytest.mark.parametrize("size", [10, PART + 1])
def test_an_upload_that_fails_leaves_nothing(objects: Objects, size: int) -> None:
    def broken() -> None:
        with whole(objects.begin("a")) as upload:
            upload.write(b"x" * size)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()

    with pytest.raises(Missing):
        objects.read("a")


@pytest.mark.parametrize("sizes", [(0, 10), (10, 10), (6_000_000, 10), (9_000_000, 9_000_000)])
def test_a_paused_upload_goes_on_where_it_was(objects: Objects, sizes: tuple[int, int]) -> None:
    first, second = (letter * size for letter, size in zip((b"a", b"b"), sizes, strict=True))
    begun = objects.begin("k")
    begun.write(first)
    paused = json.loads(json.dumps(begun.pause()))
    with pytest.raises(Missing):
        objects.read("k")

    resumed = objects.resume("k", paused)
    resumed.write(second)
    paused_again = json.loads(json.dumps(resumed.pause()))
    objects.resume("k", paused_again).finish()

    assert objects.read("k") == first + second


@pytest.mark.parametrize("size", [10, 9_000_000])
def test_a_pause_is_resumed_again_after_a_run_that_died(objects: Objects, size: int) -> None:
    begun = objects.begin("k")
    begun.write(b"a" * size)
    paused = begun.pause()
    died = objects.resume("k", paused)
    died.write(b"lost" * size)
    died.pause()

    again = objects.resume("k", paused)
    again.write(b"b" * size)
    again.finish()

    assert objects.read("k") == b"a" * size + b"b" * size


def test_a_pause_says_little_however_much_was_written(objects: Objects) -> None:
    upload = objects.begin("k")
    upload.write(b"a" * 8_000_000)
    upload.write(b"b" * 7_000_000)

    assert len(json.dumps(upload.pause())) < 7_100_000


def test_a_paused_upload_may_also_go_on(objects: Objects) -> None:
    upload = objects.begin("k")
    upload.write(b"a" * 6_000_000)
    upload.pause()
    upload.write(b"b")
    upload.finish()

    assert objects.read("k") == b"a" * 6_000_000 + b"b"


def test_parts_grow_until_ten_thousand_of_them_hold_17_tebibytes() -> None:
    sent = 0
    sizes = []
    for _ in range(10_000):
        sizes.append(part_size(sent))
        sent += sizes[-1]

    assert sent > 17 * 2**40
    assert sizes[:1000] == [PART] * 1000
    assert max(sizes) == 5 * 2**30


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("size", [0, PART])
@pytest.mark.parametrize("code", ["NoSuchUpload", "InvalidPart"])
def test_an_upload_that_s3_knows_no_more_is_gone(size: int, code: str) -> None:
    s3 = boto3.client("s3")
    paused = {"upload_id": "u", "sent": 0, "parts": [], "held": ""}
    with Stubber(s3) as stub:  # moto answers 500 here
        verb = "upload_part" if size else "complete_multipart_upload"
        stub.add_client_error(verb, code, http_status_code=404)

        with pytest.raises(UploadGone):
            _finished(S3Objects(s3, "box").resume("k", paused), size)


WRITES: dict[str, Callable[[S3Objects, str], None]] = {
    "written": lambda box, key: box.write(key, b"{}"),
    "created": lambda box, key: box.create(key, b"{}"),
    "swapped": lambda box, key: box.swap(key, b"{}", None),
    "uploaded whole": lambda box, key: _finished(box.begin(key), 2),
    "uploaded in parts": lambda box, key: _finished(box.begin(key), PART),
}


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("way", WRITES)
@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("results/j/report.html", "text/html; charset=utf-8"),
        ("results/j/receipt.json", "application/json"),
        ("ledger/public-key.txt", "text/plain; charset=utf-8"),
        ("results/j/output.jsonl", "binary/octet-stream"),
        ("results/j/tree/0", "binary/octet-stream"),
    ],
)
def test_a_browser_is_told_what_it_may_show(way: str, key: str, content_type: str) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="box")

    WRITES[way](S3Objects(s3, "box"), key)

    assert s3.head_object(Bucket="box", Key=key)["ContentType"] == content_type


@pytest.mark.parametrize("fake", ["in memory", "on disk"])
def test_the_fakes_uploads_are_gone_when_they_were_finished_or_aborted(
    fake: str, tmp_path: Path
) -> None:
    objects: Objects = MemoryObjects() if fake == "in memory" else DiskObjects(tmp_path)
    finished, aborted = objects.begin("f"), objects.begin("a")
    pauses = [upload.pause() for upload in (finished, aborted)]
    finished.finish()
    aborted.abort()

    for paused in pauses:
        with pytest.raises(UploadGone):
            _finished(objects.resume("k", paused), 0)


def _finished(upload: Upload, size: int) -> None:
    upload.write(b"x" * size)
    upload.finish()


def test_an_upload_replaces_what_stood_there(objects: Objects) -> None:
    objects.write("a", b"old")

    with whole(objects.begin("a")) as upload:
        upload.write(b"new")

    assert objects.read("a") == b"new"


def test_keys_are_listed_in_order_by_their_beginning(objects: Objects) -> None:
    for key in ("b/2", "b/1", "a", "b10/1"):
        objects.write(key, b"")

    assert list(objects.keys("b/")) == ["b/1", "b/2"]
    assert list(objects.keys("b/", after="b/1")) == ["b/2"]


@pytest.fixture(params=["in memory", "in S3"])
def erasable(request: pytest.FixtureRequest, tmp_path: Path) -> Erasable:
    found = bucket(request, tmp_path)
    assert isinstance(found, MemoryObjects | S3Objects)
    return found


def test_every_version_is_erased_and_leaves_no_mark(erasable: Erasable) -> None:
    for key, content in (("a/1", b"old"), ("a/1", b"new"), ("a/2", b"x"), ("b/1", b"kept")):
        erasable.write(key, content)
    found = [*erasable.every_version("a/")]
    assert sorted(key for key, _ in found) == ["a/1", "a/1", "a/2"]

    assert erasable.erase(found) == 3
    assert erasable.erase(found) == 3, "once more is the same"

    assert [*erasable.every_version("")] == [*erasable.every_version("b/")]
    assert [*erasable.keys("")] == ["b/1"]


def test_a_version_is_erased_from_under_a_newer_one(erasable: Erasable) -> None:
    erasable.write("a", b"old")
    old = erasable.pin("a")
    erasable.write("a", b"new")

    erasable.erase([("a", old.version_id)])

    assert erasable.read("a") == b"new"
    with pytest.raises(Missing):
        erasable.read_pinned(old, span=(0, 3))


def test_what_s3_does_not_delete_is_told() -> None:
    client = boto3.client("s3", region_name="us-east-1")
    with Stubber(client) as s3:
        s3.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": "AccessDenied"}]})
        with pytest.raises(Missing, match="1 objects could not be deleted"):
            S3Objects(client, "box").erase([("a", "1")])
