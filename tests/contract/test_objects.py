"""What a bucket must do: the same for the one in memory and the one in S3."""

import boto3
import pytest

from batchwright.aws.s3 import PART, S3Objects
from batchwright.errors import AlreadyExists, Missing
from batchwright.ports import Objects
from tests.fakes import MemoryObjects


@pytest.fixture(params=["in memory", "in S3"])
def objects(request: pytest.FixtureRequest) -> Objects:
    if request.param == "in memory":
        return MemoryObjects("box")
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


def test_a_pin_reads_its_version_after_it_was_overwritten(objects: Objects) -> None:
    objects.write("a", b"old")
    pin = objects.pin("a")
    objects.write("a", b"newer")

    assert objects.read_pinned(pin, span=(0, 3)) == b"old"
    assert b"".join(objects.blocks(pin)) == b"old"
    assert objects.pin("a", pin.version_id) == pin
    assert objects.pin("a").size == 5


def test_a_version_that_never_was_is_missing(objects: Objects) -> None:
    objects.write("a", b"old")
    gone = objects.pin("a").model_copy(update={"version_id": "9" * 8})

    with pytest.raises(Missing):
        objects.read_pinned(gone, span=(0, 1))
    with pytest.raises(Missing):
        list(objects.blocks(gone))


def test_the_tag_tells_contents_apart_and_nothing_else(objects: Objects) -> None:
    objects.write("a", b"same")
    objects.write("b", b"same")
    objects.write("c", b"different")

    tags = [objects.pin(key).tag for key in "abc"]

    assert tags[0] == tags[1] != tags[2]


def test_an_object_is_created_once(objects: Objects) -> None:
    objects.create("a", b"first")

    with pytest.raises(AlreadyExists):
        objects.create("a", b"second")
    assert objects.read("a") == b"first"


def test_an_upload_of_any_size_appears_whole(objects: Objects) -> None:
    block = b"x" * 1_000_000
    with objects.upload("large") as upload:
        for _ in range(20):
            upload.write(block)
    with objects.upload("small") as upload:
        upload.write(b"y")
    with objects.upload("empty"):
        pass

    assert objects.read("large") == block * 20
    assert objects.read("small") == b"y"
    assert objects.read("empty") == b""


@pytest.mark.parametrize("size", [10, PART + 1])
def test_an_upload_that_fails_leaves_nothing(objects: Objects, size: int) -> None:
    def broken() -> None:
        with objects.upload("a") as upload:
            upload.write(b"x" * size)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()

    with pytest.raises(Missing):
        objects.read("a")


def test_an_upload_replaces_what_stood_there(objects: Objects) -> None:
    objects.write("a", b"old")

    with objects.upload("a") as upload:
        upload.write(b"new")

    assert objects.read("a") == b"new"


def test_keys_are_listed_in_order_by_their_beginning(objects: Objects) -> None:
    for key in ("b/2", "b/1", "a", "b10/1"):
        objects.write(key, b"")

    assert list(objects.keys("b/")) == ["b/1", "b/2"]
