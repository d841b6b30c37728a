"""A whole job with the adapters of AWS, on ministack: every request that leaves, counted as it leaves.

The functions' worlds are as in Lambda; the workflow's turns are taken here. Calls of the model go another way
and are not counted.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from functools import partial

import boto3
import orjson

from batchwright.aws.wiring import objects
from batchwright.aws.worlds import admit as admitting
from batchwright.aws.worlds import close as closing
from batchwright.aws.worlds import invoke as invoking
from batchwright.aws.worlds import plan as planning
from batchwright.chunk import Chunk
from batchwright.places import contract_key
from batchwright.settings import CHUNK_RECORDS
from batchwright.steps.admit import admit
from batchwright.steps.close import close
from batchwright.steps.invoke import invoke
from batchwright.steps.plan import plan
from tests.bench.clients.errand import STATE_TABLE, Errand, Report, carry_out
from tests.bench.clients.invoking import LAMBDA_SECONDS, warm
from tests.bench.clients.ours import contract_of, lines
from tests.bench.clients.wire import Wire
from tests.house.cloudformation import table_of
from tests.laptop import jsonl

BUCKET, JOBS_TABLE, LEDGER_TABLE = "box", "jobs", "ledger"
INPUT = "inbox/bench/file.jsonl"
# The steps are called here: an execution that is started has nothing to do.
IDLE = {"StartAt": "Idle", "States": {"Idle": {"Type": "Succeed"}}}
# One process has not the CPU of ten Lambdas.
AT_ONCE = 2


def prepare(errand: Errand) -> Callable[[], Report]:
    wire = Wire()
    lay_out()
    warm(errand)
    objects().write(contract_key("bench"), contract_of(errand).encode())
    objects().write(INPUT, jsonl(lines(errand, errand.texts())))
    dropped = event()

    def ask_all() -> Report:
        wire.step, began = "admit", time.monotonic()
        (job,) = admit(dropped, "message", admitting.world())
        wire.step, admitted = "plan", time.monotonic()
        answer = plan(
            job.job_id,
            planning.world(),
            chunk_records=CHUNK_RECORDS,
            max_concurrency=AT_ONCE,
            in_flight=8,
            time_left=lambda: LAMBDA_SECONDS,
        )
        assert answer["state"] == "done", answer
        wire.step, planned = "map", time.monotonic()
        chunks = listed(answer["plan"]["key"])
        wire.step = "invoke"
        laps = asyncio.run(settled(chunks, errand.in_flight, answer["max_concurrency"]))
        wire.step, invoked = "close", time.monotonic()
        closed, _ = close(job.job_id, None, closing.world(), time_left=lambda: LAMBDA_SECONDS)
        assert closed["status"] == "completed", closed
        told = {
            "admit_seconds": admitted - began,
            "invoke_seconds": sum(laps),
            "step_seconds": planned - admitted + time.monotonic() - invoked,
            "chunks": float(len(laps)),
        }
        return {**told, **{name: float(count) for name, count in wire.requests.items()}}

    return ask_all


def listed(key: str) -> list[Chunk]:
    """Read the plan as the workflow's map does."""
    return [Chunk.model_validate_json(line) for line in objects().read(key).splitlines()]


async def settled(chunks: Sequence[Chunk], in_flight: int, at_once: int) -> list[float]:
    """Run every chunk, so many at once; return how long each took."""
    places = asyncio.Semaphore(at_once)

    async def in_turn(chunk: Chunk) -> float:
        async with places:
            return await lap(chunk, in_flight)

    return await asyncio.gather(*map(in_turn, chunks))


async def lap(chunk: Chunk, in_flight: int) -> float:
    """Invoke workers until a chunk is settled, and wait where they say so; return how long they took."""
    lasted = rested = 0.0
    while True:
        began = time.monotonic()
        async with invoking.world() as around:
            ends = partial(_time_left, began + LAMBDA_SECONDS)
            answer, _ = await invoke(
                chunk, around, time_left=ends, in_flight=in_flight, rested=rested
            )
        lasted += time.monotonic() - began
        if answer["state"] == "done":
            return lasted
        assert answer["state"] in {"more", "paused"}, answer
        rested = answer.get("seconds", 0)
        await asyncio.sleep(rested)


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
    role = boto3.client("iam").create_role(RoleName="idle", AssumeRolePolicyDocument="{}")
    machine = boto3.client("stepfunctions").create_state_machine(
        name="job", definition=orjson.dumps(IDLE).decode(), roleArn=role["Role"]["Arn"]
    )
    os.environ |= {
        "LEDGER_TABLE": LEDGER_TABLE,
        "LEDGER_KEY": key["KeyMetadata"]["KeyId"],
        "LEDGER_NAME": "batchwright/bench",
        "STATE_MACHINE_ARN": machine["stateMachineArn"],
    }


def event() -> str:
    """Return what EventBridge says of the file that was dropped."""
    pin = objects().pin(INPUT)
    found = {"key": pin.key, "size": pin.size, "etag": pin.etag, "version-id": pin.version_id}
    detail = {"bucket": {"name": pin.bucket}, "object": found}
    return orjson.dumps({"detail-type": "Object Created", "detail": detail}).decode()


if __name__ == "__main__":
    carry_out(prepare)
