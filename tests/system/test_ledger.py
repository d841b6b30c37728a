"""What is proved, on the deployed stack: signed in KMS, verified by the command, and forgotten with its proof left.

While the ledger is not as it was signed, jobs end, and nothing is signed.
"""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from batchwright.checkpoint import DER_PREFIX, PublicKey
from batchwright.job import JobRow, Status
from tests.laptop import chat_file
from tests.system.stack_under_test import StackUnderTest


def command(stack: StackUnderTest, *arguments: object) -> tuple[int, dict[str, Any]]:
    said = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "batchwright.cli", *map(str, arguments), "--json"],
        env={**os.environ, **stack.cloud.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert said.stdout, said.stderr
    told: dict[str, Any] = json.loads(said.stdout)
    return said.returncode, told


def public_key(stack: StackUnderTest) -> PublicKey:
    """Take the key from KMS, as an auditor does."""
    kms = stack.cloud.client("kms")
    content = kms.get_public_key(KeyId=stack.outputs["LedgerKeyId"])["PublicKey"]
    return PublicKey.of_der(stack.outputs["LedgerName"], content)


def seal(stack: StackUnderTest, row: JobRow) -> dict[str, Any]:
    assert row.results is not None
    found = stack.s3.get_object(Bucket=stack.bucket, Key=row.results["seal"])
    told: dict[str, Any] = json.loads(found["Body"].read())
    return told


def test_a_job_is_sealed_verified_and_forgotten(deployed: StackUnderTest, tmp_path: Path) -> None:
    row = deployed.run("inbox/sealed.jsonl", chat_file(12))
    key = tmp_path / "key.txt"
    key.write_text(base64.b64encode(DER_PREFIX + public_key(deployed).key).decode())

    code, found = command(deployed, "verify", row.job_id, "--public-key", key, "--ledger")
    assert code == 0, found
    assert (found["files"]["records"], found["files"]["ledger"]) == (
        12,
        deployed.outputs["LedgerName"],
    )
    assert found["ledger"]["covered"] == found["ledger"]["entries"] > 0

    locked = deployed.cloud.client("s3").list_objects_v2(
        Bucket=deployed.outputs["CheckpointBucketName"], Prefix="ledger/checkpoints/"
    )
    kept = {each["Key"] for each in locked["Contents"]}
    copy = f"ledger/checkpoints/{seal(deployed, row)['size']:012d}"
    assert copy in kept, "a copy lies where nobody can change it"

    code, proof = command(deployed, "prove", row.job_id, "req-3")
    assert code == 0
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof))
    script = Path(__file__).parents[2] / "docs" / "verify_proof.py"
    subprocess.run([sys.executable, str(script), str(file)], check=True, capture_output=True)  # noqa: S603

    code, _ = command(deployed, "results", row.job_id, "-o", tmp_path / "here")
    assert code == 0
    output = tmp_path / "here" / "output.jsonl"
    output.write_bytes(output.read_bytes().replace(b"req-5", b"req-6"))
    code, found = command(deployed, "verify", tmp_path / "here", "--public-key", key)
    assert code == 5
    assert found["files"]["differences"][0]["record_id"] == "req-5"

    code, forgotten = command(deployed, "forget", row.job_id, "--yes")
    assert code == 0
    assert forgotten["deleted"] >= 10
    assert not deployed.exists(f"results/{row.job_id}/output.jsonl")
    assert deployed.exists(f"results/{row.job_id}/seal.json")
    code, trace = command(deployed, "verify", row.job_id, "--public-key", key, "--ledger")
    assert code == 5
    assert trace["ledger"]["verified"], "the ledger still holds, the deletion in it"


def test_no_checkpoint_is_signed_while_the_ledger_is_not_as_it_was_signed(
    stack: StackUnderTest,
) -> None:
    signed = seal(stack, stack.run("inbox/signed.jsonl", chat_file(1)))
    entry = {"log": {"S": "entry"}, "sequence": {"N": f"{signed['number']}"}}
    table, dynamodb = stack.outputs["LedgerTableName"], stack.cloud.client("dynamodb")
    item = dynamodb.get_item(TableName=table, Key=entry)["Item"]
    other = {**item, "content": {"S": item["content"]["S"].replace("completed", "cancelled")}}
    assert other != item
    dynamodb.put_item(TableName=table, Item=other)
    try:
        row = stack.run("inbox/unsigned.jsonl", chat_file(1))
    finally:
        dynamodb.put_item(TableName=table, Item=item)
    unsigned = seal(stack, row)
    again = seal(stack, stack.run("inbox/signed-again.jsonl", chat_file(1)))
    code, found = command(stack, "verify", row.job_id, "--ledger")

    assert row.status is Status.COMPLETED
    assert unsigned["checkpoint"] is None
    why = f"entry {signed['number']}, or one before it, is not what it was"
    assert unsigned["unsigned"] == why
    assert any(why in line for line in stack.logs("close"))
    assert signed["checkpoint"]
    assert again["checkpoint"]
    assert "unsigned" not in again
    assert code == 5
    assert why in found["files"]["differences"][0]["reason"]
    assert found["ledger"]["verified"], "the next checkpoint that is signed covers its entry"
