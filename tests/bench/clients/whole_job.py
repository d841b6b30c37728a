"""A whole job with the adapters of AWS, on ministack: every request that leaves, counted as it leaves.

The functions' worlds are as in Lambda; the workflow's turns are taken here. Calls of the model go another way
and are not counted.
"""

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import boto3

from batchwright.aws.wiring import jobs, objects
from batchwright.aws.worlds import close as closing
from batchwright.aws.worlds import invoke as invoking
from batchwright.aws.worlds import plan as planning
from batchwright.chunk import Chunk
from batchwright.contractfile import read_contract
from batchwright.places import plan_key
from batchwright.settings import CHUNK_RECORDS
from batchwright.steps.close import close
from batchwright.steps.invoke import invoke
from batchwright.steps.plan import plan
from tests.bench.admission import add_row, write_job
from tests.bench.clients.errand import STATE_TABLE, Errand, Report, carry_out
from tests.bench.clients.ours import LAMBDA_SECONDS, contract_of, lines, warm
from tests.bench.clients.wire import Wire
from tests.house.cloudformation import table_of
from tests.laptop import jsonl

JOB = "0" * 32
BUCKET, JOBS_TABLE, LEDGER_TABLE = "box", "jobs", "ledger"
INPUT = "inbox/file.jsonl"
# One process has not the CPU of ten Lambdas.
AT_ONCE = 2


def prepare(errand: Errand) -> Callable[[], Report]:
    wire = Wire()
    lay_out()
    warm(errand)
    objects().write(INPUT, jsonl(lines(errand, errand.texts())))

    def ask_all() -> Report:
        wire.step = "admit"
        admitted(errand)
        wire.step = "plan"
        began = time.monotonic()
        answer = plan(
            JOB,
            planning.world(),
            chunk_records=CHUNK_RECORDS,
            max_concurrency=AT_ONCE,
            in_flight=8,
            time_left=lambda: LAMBDA_SECONDS,
        )
        assert answer["state"] == "done", answer
        wire.step, planned = "invoke", time.monotonic()
        laps = asyncio.run(settled(errand.in_flight, answer["max_concurrency"]))
        wire.step, invoked = "close", time.monotonic()
        closed, _ = close(JOB, None, closing.world(), time_left=lambda: LAMBDA_SECONDS)
        assert closed["status"] == "completed", closed
        steps = planned - began + time.monotonic() - invoked
        told = {"invoke_seconds": sum(laps), "step_seconds": steps, "chunks": float(len(laps))}
        return {**told, **{name: float(count) for name, count in wire.requests.items()}}

    return ask_all


async def settled(in_flight: int, at_once: int) -> list[float]:
    """Run every chunk, so many at once; return how long each took."""
    plan_lines = await asyncio.to_thread(objects().read, plan_key(JOB))
    chunks = [Chunk.model_validate_json(line) for line in plan_lines.splitlines()]
    places = asyncio.Semaphore(at_once)

    async def in_turn(chunk: Chunk) -> float:
        async with places:
            return await lap(chunk, in_flight)

    return await asyncio.gather(*map(in_turn, chunks))


async def lap(chunk: Chunk, in_flight: int) -> float:
    """Invoke workers until a chunk is settled, and wait where they say so; return how long they took."""
    lasted = 0.0
    while True:
        began = time.monotonic()
        async with invoking.world() as around:
            ends = partial(_time_left, began + LAMBDA_SECONDS)
            answer, _ = await invoke(chunk, around, time_left=ends, in_flight=in_flight)
        lasted += time.monotonic() - began
        if answer["state"] == "done":
            return lasted
        assert answer["state"] in {"more", "paused"}, answer
        await asyncio.sleep(answer.get("seconds", 0))


def _time_left(end: float) -> float:
    return end - time.monotonic()


def lay_out() -> None:
    """Make the bucket, the tables and the ledger's key as the template has them, and let the settings name them."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    dynamodb.create_table(TableName=JOBS_TABLE, **table_of("JobsTable"))
    dynamodb.create_table(TableName=STATE_TABLE, **table_of("StateTable"))
    dynamodb.create_table(TableName=LEDGER_TABLE, **table_of("LedgerTable"))
    key = boto3.client("kms").create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY")
    os.environ |= {
        "LEDGER_TABLE": LEDGER_TABLE,
        "LEDGER_KEY": key["KeyMetadata"]["KeyId"],
        "LEDGER_NAME": "batchwright/bench",
    }


def admitted(errand: Errand) -> None:
    """Do what admission does to the bucket and the table."""
    now = datetime.now(UTC)
    contract = read_contract(contract_of(errand).encode(), name="bench")
    pin = objects().pin(INPUT)
    write_job(objects(), JOB, pin, contract, model=errand.model, at=now)
    add_row(jobs(), JOB, at=now)


if __name__ == "__main__":
    carry_out(prepare)
