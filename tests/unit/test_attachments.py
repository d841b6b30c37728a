import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from batchwright.attachments import LARGEST_REQUEST, MOST_HELD, Room
from batchwright.completion import Completion
from batchwright.errors import AccessDenied, Throttled, Unavailable
from batchwright.job import Pin
from batchwright.media import LARGEST_DOCUMENT, LARGEST_IMAGE, located, with_sources
from batchwright.request import Request
from batchwright.route import Route
from tests.fakes import MemoryObjects, ScriptedEngine, echo
from tests.laptop import Laptop, chat_line, converse_line, jsonl

CUP = "s3://box/uploads/canary.png"
KEY = "uploads/canary.png"
PNG = b"\x89PNG a cup"


def user(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, *parts]}]


def picture_line(custom_id: str, *addresses: str) -> dict[str, Any]:
    parts = ({"type": "image_url", "image_url": {"url": address}} for address in addresses)
    return chat_line(custom_id, "", messages=user(*parts))


def picture_file(count: int, *addresses: str) -> bytes:
    return jsonl([picture_line(f"r{number}", *addresses) for number in range(count)])


class WatchedBucket(MemoryObjects):
    """Counts what is read of objects that lines name."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.size = 0

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        content = super().read_pinned(pin, span=span)
        if pin.key.startswith("uploads/"):
            self.reads += 1
            self.size += len(content)
        return content


def sources_in(request: Request) -> list[bytes]:
    """The contents that a model is shown."""
    blocks = [block for message in request.body["messages"] for block in message["content"]]
    return [
        b64decode(block[kind]["source"]["bytes"])
        for block in blocks
        for kind in ("image", "document")
        if kind in block
    ]


@pytest.fixture
def bucket() -> WatchedBucket:
    objects = WatchedBucket()
    objects.write(KEY, PNG)
    return objects


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
def laptop(engine: ScriptedEngine, bucket: WatchedBucket) -> Laptop:
    return Laptop(engine=engine, objects=bucket, chunk_records=100)


def failure_of(laptop: Laptop, content: bytes) -> dict[str, Any]:
    """How the one record that fails is told."""
    job_id = laptop.drop(content)
    laptop.finish(job_id)
    (failed,) = laptop.results(job_id, "errors.jsonl")
    outcomes = laptop.results(job_id, "outcomes.jsonl")
    (error,) = [found["error"] for found in outcomes if found["error"]]
    assert "canary" not in str(failed) + str(outcomes)
    assert failed["error"].items() >= error.items()
    found: dict[str, Any] = error
    return found


def test_a_picture_reaches_the_model_as_its_bytes(laptop: Laptop, engine: ScriptedEngine) -> None:
    row = laptop.run(picture_file(1, CUP))

    assert row.counts()["succeeded"] == 1
    (request,) = engine.calls
    said, shown = request.body["messages"][0]["content"]
    assert said == {"text": "what is this?"}
    assert shown == {"image": {"format": "png", "source": {"bytes": b64encode(PNG).decode()}}}


def test_attachments_come_in_the_order_of_the_line(laptop: Laptop, engine: ScriptedEngine) -> None:
    laptop.objects.write("inbox/menu.pdf", b"a menu")
    menu = {"file_data": "s3://box/inbox/menu.pdf", "filename": "menu.pdf"}
    cup = {"type": "image_url", "image_url": {"url": CUP}}
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    messages = user({"type": "file", "file": menu}, inline, cup)

    laptop.run(jsonl([chat_line("a", "", messages=messages)]))

    assert sources_in(engine.calls[0]) == [b"a menu", b"hi", PNG]
    assert engine.calls[0].body["messages"][0]["content"][1]["document"]["name"] == "menu pdf"


def test_a_picture_in_a_tools_answer_is_fetched_too(laptop: Laptop, engine: ScriptedEngine) -> None:
    shown = {"image": {"format": "png", "source": {"s3Location": {"uri": CUP}}}}
    answer = {"toolUseId": "t", "content": [{"text": "seen"}, shown]}
    turns = [{"role": "user", "content": [{"toolResult": answer}, {"text": "what is this?"}]}]

    laptop.run(jsonl([converse_line("a", "", messages=turns)]))

    (result, _) = engine.calls[0].body["messages"][0]["content"]
    assert result["toolResult"]["content"][0] == {"text": "seen"}
    assert b64decode(result["toolResult"]["content"][1]["image"]["source"]["bytes"]) == PNG


@pytest.mark.parametrize(
    "block",
    [
        {"image": "canary"},
        {"image": {"format": "png", "source": "s3Location"}},
        {"image": {"format": "png", "source": {"s3Location": {}}}},
        {"document": {"source": {"s3Location": {"uri": 5}}}},
        {"toolResult": {"content": "image"}},
        {"toolResult": {"content": [5, None]}},
        {"toolResult": []},
        {"text": "two in one", "image": {"source": {"s3Location": {"uri": CUP}}}},
    ],
)
def test_a_block_of_another_shape_is_left_for_the_model_to_judge(
    block: dict[str, Any], laptop: Laptop, engine: ScriptedEngine
) -> None:
    turns = [{"role": "user", "content": [block, {"text": "?"}]}]

    laptop.run(jsonl([converse_line("a", "", messages=turns)]))

    assert engine.calls[0].body["messages"] == turns


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("s3://other/uploads/canary.png", "foreign_bucket"),
        ("s3://box/jobs/canary.png", "foreign_key"),
        ("s3://box/canary.png", "foreign_key"),
    ],
)
def test_an_address_that_can_never_be_fetched_is_a_problem_of_its_line(
    address: str, code: str, laptop: Laptop, bucket: WatchedBucket, engine: ScriptedEngine
) -> None:
    job_id = laptop.drop(jsonl([picture_line("a", CUP), picture_line("b", CUP, address)]))

    laptop.plan(job_id)

    (problem,) = laptop.problems(job_id)
    assert (problem["line"], problem["record_id"]) == (2, "b")
    assert (problem["code"], problem["param"]) == (code, "attachments[1]")
    assert problem["message"].startswith("attachments[1]: only ")
    assert "canary" not in str(problem)
    row = laptop.finish(job_id)
    assert (row.counts()["succeeded"], row.counts()["failed"]) == (1, 1)
    assert (len(engine.calls), bucket.reads) == (1, 1)


def test_what_is_no_address_is_a_problem_of_its_line(laptop: Laptop) -> None:
    source = {"s3Location": {"uri": "https://example.com/canary.png"}}
    turns = [{"role": "user", "content": [{"image": {"format": "png", "source": source}}]}]
    job_id = laptop.drop(jsonl([converse_line("a", "", messages=turns), converse_line("b", "?")]))

    laptop.plan(job_id)

    (problem,) = laptop.problems(job_id)
    assert (problem["code"], problem["param"]) == ("invalid_request", "attachments[0]")
    assert "canary" not in str(problem)


def test_a_picture_that_is_not_there_fails_its_record_alone(
    laptop: Laptop, engine: ScriptedEngine
) -> None:
    lines = [picture_line("a", CUP), picture_line("b", CUP, "s3://box/uploads/no-canary.png")]

    error = failure_of(laptop, jsonl(lines))

    assert error == {
        "code": "attachment_missing",
        "message": "attachments[1]: the object is not there",
        "param": "attachments[1]",
    }
    assert len(engine.calls) == 1


class LockedBucket(WatchedBucket):
    """Shows that objects are there and lets nobody read them, as with a key of somebody else."""

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        if pin.key.startswith("uploads/"):
            raise AccessDenied("read of an input: AWS says AccessDenied")
        return super().read_pinned(pin, span=span)


def test_a_picture_that_may_not_be_read_fails_its_record_and_stops_no_job(
    engine: ScriptedEngine,
) -> None:
    locked = LockedBucket()
    locked.write(KEY, PNG)
    laptop = Laptop(engine=engine, objects=locked)

    error = failure_of(laptop, jsonl([picture_line("a", CUP), chat_line("b", "hello")]))

    assert (error["code"], error["param"]) == ("attachment_no_permissions", "attachments[0]")
    assert len(engine.calls) == 1


@pytest.mark.parametrize(
    ("name", "size", "code"),
    [
        ("canary.png", LARGEST_IMAGE + 1, "attachment_too_large"),
        ("canary.pdf", LARGEST_DOCUMENT + 1, "attachment_too_large"),
        ("canary.png", 0, "invalid_request"),
    ],
)
def test_what_bedrock_would_not_take_is_not_even_read(
    name: str, size: int, code: str, laptop: Laptop, bucket: WatchedBucket, engine: ScriptedEngine
) -> None:
    bucket.write(f"uploads/{name}", b"x" * size)
    part = {"type": "image_url", "image_url": {"url": f"s3://box/uploads/{name}"}}
    if name.endswith("pdf"):
        file = {"file_data": f"s3://box/uploads/{name}", "filename": "it.pdf"}
        part = {"type": "file", "file": file}

    error = failure_of(laptop, jsonl([chat_line("a", "", messages=user(part))]))

    assert (error["code"], error["param"]) == (code, "attachments[0]")
    assert (bucket.reads, engine.calls) == (0, [])


def test_the_largest_picture_is_taken(
    laptop: Laptop, bucket: WatchedBucket, engine: ScriptedEngine
) -> None:
    bucket.write(KEY, b"x" * LARGEST_IMAGE)

    laptop.run(picture_file(1, CUP))

    assert [len(shown) for shown in sources_in(engine.calls[0])] == [LARGEST_IMAGE]


def test_pictures_that_are_too_large_together_are_not_read(
    laptop: Laptop, bucket: WatchedBucket, engine: ScriptedEngine
) -> None:
    bucket.write(KEY, b"x" * LARGEST_IMAGE)

    error = failure_of(laptop, picture_file(1, *[CUP] * 4))

    assert (error["code"], error["param"]) == ("attachment_too_large", "attachments")
    assert f"Bedrock takes {LARGEST_REQUEST:,}" in error["message"]
    assert (bucket.reads, engine.calls) == (0, [])


def test_a_record_that_is_asked_again_fetches_once(laptop: Laptop, bucket: WatchedBucket) -> None:
    def throttle_first(request: Request, call: int) -> Completion:
        if call == 0:
            raise Throttled("slow down")
        return echo(request)

    laptop.engine = engine = ScriptedEngine(throttle_first)

    laptop.run(picture_file(1, CUP))

    assert [sources_in(request) for request in engine.calls] == [[PNG], [PNG]]
    assert bucket.reads == 1


class BucketThatIsDown(WatchedBucket):
    """Does not answer for what lines name."""

    down = True

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        if self.down and key.startswith("uploads/"):
            raise Unavailable("head of an input: AWS says SlowDown")
        return super().pin(key, version_id)


async def test_a_bucket_that_is_down_is_waited_for_by_the_workflow(engine: ScriptedEngine) -> None:
    bucket = BucketThatIsDown()
    bucket.write(KEY, PNG)
    laptop = Laptop(engine=engine, objects=bucket)
    job_id = laptop.drop(picture_file(3, CUP))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)

    assert await laptop.invoke(chunk) == {"state": "paused", "seconds": 60}
    assert engine.calls == []
    bucket.down = False

    assert await laptop.invoke(chunk) == {"state": "done"}
    laptop.close(job_id)
    assert laptop.row(job_id).counts()["succeeded"] == 3


class NeverAnswers(ScriptedEngine):
    async def ask(self, request: Request, **_: object) -> Completion:
        self.calls.append(request)
        await asyncio.Event().wait()
        raise AssertionError


async def test_calls_that_were_made_are_told_of_a_record_whose_picture_is_gone_since(
    laptop: Laptop, bucket: WatchedBucket
) -> None:
    laptop.engine = NeverAnswers()
    job_id = laptop.drop(picture_file(1, CUP))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    assert await laptop.invoke(chunk, seconds=1.5) == {"state": "more"}
    bucket.delete(KEY)

    assert await laptop.invoke(chunk) == {"state": "done"}

    laptop.close(job_id)
    (outcome,) = laptop.results(job_id, "outcomes.jsonl")
    assert outcome["error"]["code"] == "attachment_missing"
    assert (outcome["attempts"], outcome["ambiguous_attempts"]) == (1, 1)


def test_the_request_digest_knows_the_content_and_not_where_it_lay(
    laptop: Laptop, bucket: WatchedBucket
) -> None:
    def digests() -> dict[str, str]:
        addresses = (CUP, "s3://box/uploads/other.png")
        lines = [picture_line(address, address) for address in addresses]
        job_id = laptop.drop(jsonl(lines), f"inbox/{bucket.reads}.jsonl")
        laptop.finish(job_id)
        outcomes = laptop.results(job_id, "outcomes.jsonl")
        return {found["record_id"]: found["request_digest"] for found in outcomes}

    bucket.write("uploads/other.png", PNG)
    first = digests()
    bucket.write(KEY, b"another cup")
    second = digests()

    cup, other = first.values()
    assert cup == other
    assert second[CUP] != cup
    assert list(second.values())[1] == other


class Holding(ScriptedEngine):
    """Counts the bytes that were read and are not yet answered for."""

    def __init__(self, bucket: WatchedBucket) -> None:
        super().__init__()
        self.bucket = bucket
        self.answered = 0
        self.most = 0

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        seen = -1
        while seen != self.bucket.reads:  # the others read meanwhile, as far as they may
            seen = self.bucket.reads
            await asyncio.sleep(0.1)
        self.most = max(self.most, self.bucket.size - self.answered)
        self.answered += sum(map(len, sources_in(request)))
        return await super().ask(request, route=route, timeout=timeout, metadata=metadata)


async def test_a_worker_holds_no_more_of_pictures_than_one_request_may_have(
    bucket: WatchedBucket,
) -> None:
    bucket.write(KEY, b"x" * (LARGEST_IMAGE // 2))
    engine = Holding(bucket)
    laptop = Laptop(engine=engine, objects=bucket, chunk_records=100)
    job_id = laptop.drop(picture_file(24, CUP, CUP))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)

    assert await laptop.invoke(chunk, in_flight=8) == {"state": "done"}

    assert bucket.size == 24 * LARGEST_IMAGE
    assert LARGEST_REQUEST // 2 < engine.most * 4 // 3 <= MOST_HELD


async def test_records_that_wait_for_room_when_the_job_stops_fetch_nothing(
    laptop: Laptop, bucket: WatchedBucket
) -> None:
    def deny(_request: Request, _call: int) -> Completion:
        raise AccessDenied("no access to the model")

    bucket.write(KEY, b"x" * LARGEST_IMAGE)
    laptop.engine = ScriptedEngine(deny)
    job_id = laptop.drop(picture_file(24, CUP, CUP))
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)

    answer = await laptop.invoke(chunk, in_flight=24)

    assert answer == {"state": "stopped", "reason": "access_denied"}
    assert bucket.size * 4 // 3 <= MOST_HELD


async def test_a_large_one_is_not_passed_by_small_ones() -> None:
    room = Room(10)
    served: list[int] = []

    async def take(size: int) -> None:
        async with room.held(size):
            served.append(size)
            await asyncio.sleep(0)

    await asyncio.gather(take(6), take(10), take(1), take(2))

    assert served == [6, 10, 1, 2]


async def test_who_gives_up_waiting_leaves_the_room_as_it_was() -> None:
    room = Room(10)
    async with room.held(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), room.held(5):
                pass

    async with asyncio.timeout(1), room.held(10):
        pass


def test_sources_are_put_where_addresses_are_and_the_rest_is_left() -> None:
    shown = {"image": {"format": "png", "source": {"s3Location": {"uri": CUP}}}}
    messages = [
        {"role": "user", "content": [{"text": "a"}, shown, {"toolResult": {"content": []}}]}
    ]

    changed = with_sources(messages, [{"bytes": "eA=="}])

    assert located(changed) == []
    assert located(messages) == [("image", CUP)], "what was given is as it was"
    assert changed[0]["content"][1]["image"]["source"] == {"bytes": "eA=="}
