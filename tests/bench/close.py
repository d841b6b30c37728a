"""Closing a large job: how fast the files are put together, and in how much memory.

The job lies on disk. A fresh interpreter closes it in two runs, with boto3 in memory and the S3 adapter's own uploads,
whose parts go nowhere. Speed is output per CPU second: one core's worth, whoever else is at work on the machine.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

import batchwright.aws.worlds.close  # noqa: F401 - Lambda has it in memory, too
from batchwright.aws.s3 import S3Upload
from batchwright.chunk import ByteRange, Chunk
from batchwright.chunklog import ChunkLog
from batchwright.digest import digest
from batchwright.job import Job, JobRow, Status
from batchwright.outcome import Ending, Outcome
from batchwright.places import JOBS, job_key, plan_key, result_key
from batchwright.segment import Settled
from batchwright.steps.close import RECEIPT, World, close
from batchwright.usage import Usage
from tests.bench.disk import DiskObjects
from tests.bench.figure import Figure, at_least, at_most
from tests.bench.memory import peak_megabytes
from tests.fakes import (
    MODEL,
    NOON,
    SALT,
    ListedEvents,
    ListedLedger,
    MemoryJobs,
    StoppedClock,
)
from tests.signers import KeptSigner

JOB = "0" * 32
SEGMENT = 200
# Copying alone looks at no byte; closing digests each twice, and finds the lines.
SHARE_OF_COPY = 0.03
WORDS = [f"word{number}" for number in range(5000)]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A kind of job."""

    name: str
    chunks: int
    records: int
    """In a chunk."""
    answer: int
    """Bytes of an answer."""


SHAPES = (
    Shape(name="close", chunks=120, records=1000, answer=1_100),
    Shape(name="close.largest_chunks", chunks=40, records=1000, answer=7_600),
)


def figures() -> Iterator[Figure]:
    for shape in SHAPES:
        with TemporaryDirectory() as folder:
            lay_out(shape, DiskObjects(Path(folder)))
            command = [sys.executable, "-m", "tests.bench.close", folder, shape.name]
            told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
        measured = json.loads(told.stdout)
        yield at_least(f"{shape.name}.speed", measured["speed"], 100, "MB/s of a core")
        yield at_least(
            f"{shape.name}.speed_to_copy", measured["to_copy"], SHARE_OF_COPY, "of a plain copy"
        )
        yield at_most(f"{shape.name}.peak", measured["peak"], 256, "MB resident")


def lay_out(shape: Shape, objects: DiskObjects) -> None:
    """Write a job whose chunks are all settled."""
    job = Job(
        job_id=JOB,
        created_at=NOON,
        input=None,
        contract_name="default",
        contract={},
        contract_digest="0" * 64,
        models=(MODEL,),
        salt=SALT,
    )
    objects.write(job_key(JOB), job.model_dump_json().encode())
    chunks = [chunk_of(shape, number) for number in range(shape.chunks)]
    plan = b"".join(chunk.to_line() for chunk in chunks)
    objects.write(plan_key(JOB), plan)
    chance = random.Random(7)
    for chunk in chunks:
        log = ChunkLog(objects, JOB, chunk.chunk, writer="worker")
        indexes = chance.sample(chunk.indexes, chunk.records)  # answers come as they come
        for start in range(0, chunk.records, SEGMENT):
            log.append(
                [settled(index, shape.answer, chance) for index in indexes[start : start + SEGMENT]]
            )


def chunk_of(shape: Shape, number: int) -> Chunk:
    size = shape.records * (shape.answer + 400)
    return Chunk(
        job_id=JOB,
        chunk=number,
        dialect="openai.chat",
        records=shape.records,
        first_index=number * shape.records,
        first_line=number * shape.records + 1,
        span=ByteRange(start=number * size, end=(number + 1) * size),
    )


def settled(index: int, size: int, chance: random.Random) -> Settled:
    """Return a record's outcome with every field, and a chat answer of about ``size`` bytes."""
    message = {"role": "assistant", "content": " ".join(chance.choices(WORDS, k=size // 9))}
    body = {
        "id": f"chatcmpl-{index}",
        "object": "chat.completion",
        "created": 1_795_348_800,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 275, "total_tokens": 575},
    }
    response = {"status_code": 200, "request_id": f"request-{index}", "body": body}
    line = {"id": f"b-{index}", "custom_id": f"req-{index}", "response": response, "error": None}
    result = orjson.dumps(line)
    outcome = Outcome(
        index=index,
        line=index + 1,
        record_id=f"req-{index}",
        status=Ending.SUCCEEDED,
        model=MODEL,
        route=0,
        stop_reason="end_turn",
        attempts=1,
        usage=Usage(input_tokens=300, output_tokens=275),
        cost_usd=0.000084,
        latency_ms=2100,
        request_digest=digest(b"request"),
        idempotency_key=digest(b"key"),
        contract_digest="0" * 64,
        output_digest=digest(result),
        leaf=digest(b"leaf"),
        at="2026-11-22T12:00:00.000Z",
    )
    return outcome, result


class Sink:
    """As much of an S3 client as an upload uses; the bytes go nowhere, and cost nothing more."""

    def put_object(self, **_: Any) -> None: ...

    def create_multipart_upload(self, **_: Any) -> dict[str, str]:
        return {"UploadId": "upload"}

    def upload_part(self, **_: Any) -> dict[str, str]:
        return {"ETag": "etag"}

    def complete_multipart_upload(self, **_: Any) -> None: ...


class SinkingObjects(DiskObjects):
    """Reads from disk, and uploads as the S3 adapter does."""

    def begin(self, key: str) -> Any:
        sink: Any = Sink()
        return S3Upload(sink, self.bucket, key)

    def resume(self, key: str, paused: dict[str, Any]) -> Any:
        upload = self.begin(key)
        upload.take_up(paused)
        return upload


def measure(root: Path, shape: Shape) -> dict[str, float]:
    objects = SinkingObjects(root)
    jobs = MemoryJobs()
    row = JobRow(
        job_id=JOB,
        status=Status.RUNNING,
        created_at="2026-11-22T12:00:00.000Z",
        updated_at="2026-11-22T12:00:00.000Z",
        contract="default",
        total=shape.chunks * shape.records,
        chunks=shape.chunks,
    )
    jobs.add(row)
    world = World(
        objects=objects,
        jobs=jobs,
        events=ListedEvents(),
        clock=StoppedClock(),
        ledger=ListedLedger(),
        signer=KeptSigner(),
    )

    began = time.process_time()
    half = iter([900.0] * (shape.chunks // 2))
    paused, _ = close(JOB, None, world, time_left=lambda: next(half, 0.0))
    answer, _ = close(JOB, None, world, time_left=lambda: 900.0)
    closing = time.process_time() - began
    peak = peak_megabytes()
    assert paused == {"state": "more"}
    assert answer == {"state": "done", "status": "completed"}
    receipt = orjson.loads(objects.read(result_key(JOB, RECEIPT)))
    written = sum(file["bytes"] for file in receipt["files"].values())

    began = time.process_time()
    copied = copy(objects)
    copying = time.process_time() - began
    speed = written / 1e6 / closing
    return {"speed": speed, "to_copy": speed / (copied / 1e6 / copying), "peak": peak}


def copy(objects: DiskObjects) -> int:
    """Copy all segments into one object; return their bytes."""
    copied = 0
    upload = objects.begin("copy")
    for key in objects.keys(f"{JOBS}{JOB}/chunks/"):
        content = objects.read(key)
        upload.write(content)
        copied += len(content)
    upload.finish()
    return copied


if __name__ == "__main__":
    folder, name = sys.argv[1:]
    (wanted,) = [shape for shape in SHAPES if shape.name == name]
    print(json.dumps(measure(Path(folder), wanted)))  # noqa: T201 - told to the parent
