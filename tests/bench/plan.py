"""Planning a large file: how fast it is read and checked, and in how much memory.

The file lies on disk. A fresh interpreter plans it in two runs, with boto3 in memory as in Lambda. Speed is input per
CPU second: one core's worth, whoever else is at work; the same lines through orjson alone are the measure.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

import batchwright.aws.worlds.plan  # noqa: F401 - Lambda has it in memory, too
from batchwright.contract import default_contract
from batchwright.lines import lines
from batchwright.steps.plan import World, plan
from tests.bench.admission import add_row, write_job
from tests.bench.disk import DiskObjects
from tests.bench.figure import Figure, at_least, at_most
from tests.bench.memory import peak_megabytes
from tests.fakes import MODEL, NOON, GrantedAccount, ListedEvents, MemoryJobs, StoppedClock

JOB = "0" * 32
INPUT = "inbox/file.jsonl"
# 300 MB/s are wanted on the machine of the peers' figures, where orjson alone does 850: here, in proportion.
WANTED, ORJSON_THERE = 300, 850
WORDS = [f"word{number}" for number in range(5000)]
SYSTEM = (
    "You label the mails that customers write to a coffee shop. Answer with the label, with whether the mail is urgent,"
    " and with a summary of one sentence in the customer's own language."
)
SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["billing", "shipping", "praise", "other"]},
        "urgent": {"type": "boolean"},
        "summary": {"type": "string"},
    },
    "required": ["label", "urgent", "summary"],
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A kind of file."""

    name: str
    megabytes: int
    words: int
    """In the user's message."""
    schema: bool


SHAPES = (
    Shape(name="plan", megabytes=600, words=110, schema=True),
    Shape(name="plan.five_gigabytes", megabytes=5_000, words=200, schema=True),
    Shape(name="plan.ten_million_lines", megabytes=1_850, words=3, schema=False),
)


def figures() -> Iterator[Figure]:
    for shape in SHAPES:
        with TemporaryDirectory() as folder:
            lay_out(shape, DiskObjects(Path(folder)))
            command = [sys.executable, "-m", "tests.bench.plan", folder]
            told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
        measured = json.loads(told.stdout)
        if shape is SHAPES[0]:
            share = WANTED / ORJSON_THERE
            unit = f"MB/s of a core, orjson alone {measured['orjson']}"
            target = round(share * measured["orjson"], 1)
            yield at_least(f"{shape.name}.speed", measured["speed"], target, unit)
            ratio = round(measured["speed"] / measured["orjson"], 3)
            yield at_least(
                f"{shape.name}.speed_to_orjson", ratio, round(share, 3), "of orjson alone"
            )
        yield at_most(f"{shape.name}.peak", measured["peak"], 256, "MB resident")


def lay_out(shape: Shape, objects: DiskObjects) -> None:
    """Write a file whose ids are all different, and the job that is to be planned."""
    upload = objects.begin(INPUT)
    block = b"".join(line_of(shape) for _ in range(2000))
    parts, numbers, size = block.split(b"@"), count(), 0
    while size < shape.megabytes * 1_000_000:
        numbered = b"".join(part + b"%d" % next(numbers) for part in parts[:-1]) + parts[-1]
        upload.write(numbered)
        size += len(numbered)
    upload.finish()
    contract = default_contract((MODEL,))
    write_job(objects, JOB, objects.pin(INPUT), contract, model=MODEL, at=NOON)


def line_of(shape: Shape) -> bytes:
    user = " ".join(random.choices(WORDS, k=shape.words))
    body: dict[str, Any] = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": user}],
        "max_tokens": 200,
    }
    if shape.schema:
        body["messages"].insert(0, {"role": "system", "content": SYSTEM})
        named = {"name": "label", "strict": True, "schema": SCHEMA}
        body |= {"temperature": 0, "response_format": {"type": "json_schema", "json_schema": named}}
    line = {"custom_id": "req-@", "method": "POST", "url": "/v1/chat/completions", "body": body}
    return orjson.dumps(line) + b"\n"


def measure(root: Path) -> dict[str, float]:
    objects = DiskObjects(root)
    pin = objects.pin(INPUT)
    jobs = MemoryJobs()
    add_row(jobs, JOB, at=NOON)
    world = World(
        objects=objects,
        jobs=jobs,
        events=ListedEvents(),
        clock=StoppedClock(),
        account=GrantedAccount(),
    )
    half = iter([900.0] * (pin.size // (8 * 1024 * 1024)))

    began = time.process_time()
    answers = [planned(world, lambda: next(half, 0.0)), planned(world, lambda: 900.0)]
    planning = time.process_time() - began
    peak = peak_megabytes()
    assert [answer["state"] for answer in answers] == ["more", "done"]

    began = time.process_time()
    for line in lines(objects.blocks(pin)):
        orjson.loads(line.content or b"")
    reading = time.process_time() - began
    return {
        "speed": round(pin.size / planning / 1e6, 1),
        "orjson": round(pin.size / reading / 1e6, 1),
        "peak": round(peak, 1),
    }


def planned(world: World, time_left: Callable[[], float]) -> dict[str, Any]:
    return plan(
        JOB, world, chunk_records=1000, max_concurrency=10, in_flight=8, time_left=time_left
    )


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))  # noqa: T201 - the bench reads it
