"""What proving costs: a record's leaf, a job's tree, and verifying its files, all on one core."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from copy import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from batchwright.checkpoint import Checkpoint
from batchwright.cli.evidence import Folder
from batchwright.cli.signatures import verifies
from batchwright.digest import digest
from batchwright.leaf import Salt, leaf_of
from batchwright.ledger import Entry
from batchwright.merkle import Tree
from batchwright.outcome import Ending, Outcome
from batchwright.usage import Usage
from batchwright.verifying import Verifier
from tests.bench.figure import Figure, at_least, at_most
from tests.fakes import MODEL, SALT, ListedLedger
from tests.signers import KeptSigner

JOB = "0" * 32
MILLION = 1_000_000
RECORDS = 100_000
ANSWER = "The parcel was sent on Monday and will be with you before the end of the week. " * 12
MICRO = 1e6
MEGA = 1e6


def figures() -> Iterator[Figure]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.ledger"], capture_output=True, text=True, check=True
    )
    million = orjson.loads(told.stdout)
    yield at_most("ledger.million.time", round(million["seconds"], 2), 10, "CPU s")
    yield at_most("ledger.million.peak", round(million["megabytes"], 1), 100, "MB")
    yield at_most(
        "ledger.record", round(overhead(), 1), 50, "CPU us, hashing a record's line and leaf"
    )
    with TemporaryDirectory() as folder:
        size = lay_out(Path(folder))
        began = time.process_time()
        verifier = Verifier(Folder(Path(folder)), key=KeptSigner().public_key(), verifies=verifies)
        differences = [*verifier.differences()]
        spent = time.process_time() - began
    assert differences == [], differences[:3]
    yield at_least("ledger.verify", round(size / MEGA / spent), 100, "MB a CPU second")


def million() -> dict[str, float]:
    """Make a million leaves and their tree."""
    began = time.process_time()
    salt, tree = Salt(SALT), Tree()
    for first in range(0, MILLION, 1_000):
        leaves = [leaf_of(JOB, outcome_of(index), salt) for index in range(first, first + 1_000)]
        tree.append(b"".join(leaves))
    tree.root()
    seconds = time.process_time() - began
    return {
        "seconds": seconds - outcomes_alone(),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def outcomes_alone() -> float:
    """Return what making the outcomes themselves takes, which is not the tree's."""
    began = time.process_time()
    for index in range(MILLION):
        outcome_of(index)
    return time.process_time() - began


def overhead() -> float:
    """Return what a worker spends on a record's digests and leaf."""
    salt, line = Salt(SALT), ANSWER.encode()
    outcome = outcome_of(7)
    began = time.process_time()
    for _ in range(20_000):
        digest(line)  # the input
        digest(line)  # the output
        leaf_of(JOB, outcome, salt)
    return (time.process_time() - began) / 20_000 * MICRO


def outcome_of(index: int, output_digest: str = "ab" * 32) -> Outcome:
    return Outcome(
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
        request_digest="cd" * 32,
        idempotency_key="ef" * 32,
        contract_digest="01" * 32,
        input_digest="23" * 32,
        output_digest=output_digest,
        at="2026-11-22T12:00:00.000Z",
    )


def lay_out(folder: Path) -> int:
    """Write the files of a job; return how many bytes will be read."""
    salt, tree = Salt(SALT), Tree()
    output, outcomes, leaves = [], [], []
    for index in range(RECORDS):
        line = orjson.dumps({"custom_id": f"req-{index}", "response": {"text": ANSWER}})
        outcome = outcome_of(index, digest(line))
        leaf = leaf_of(JOB, outcome, salt)
        output.append(line + b"\n")
        outcomes.append(replace(outcome, leaf=leaf.hex()).facts() + b"\n")
        leaves.append(leaf)
    levels = tree.append(b"".join(leaves))
    files = {
        "output.jsonl": b"".join(output),
        "errors.jsonl": b"",
        "outcomes.jsonl": b"".join(outcomes),
    }
    told = {}
    for name, content in files.items():
        lines = content.count(b"\n")
        told[name] = {"lines": lines, "bytes": len(content), "pieces": [_piece(content)]}
    receipt = {
        "job_id": JOB,
        "redrive": None,
        "counts": dict.fromkeys([ending.value for ending in Ending], 0) | {"succeeded": RECORDS},
        "files": told,
        "tree": {
            "size": RECORDS,
            "root": tree.root().hex(),
            "levels": [{"pieces": [_piece(level)]} for level in levels],
        },
    }
    content = orjson.dumps(receipt)
    signer, facts = KeptSigner(), {"receipt": digest(content), "root": tree.root().hex()}
    appended = ListedLedger().append(Entry("close", JOB, "2026-11-22T12:00:00.000Z", facts))
    key = signer.public_key()
    checkpoint = Checkpoint(origin=key.name, size=1, root=appended.root)
    seal = {
        "entry": orjson.loads(appended.content),
        "number": 0,
        "size": 1,
        "proof": [],
        "checkpoint": checkpoint.signed(key, signer.sign),
        "public_key": str(key),
    }
    files |= {
        "receipt.json": content,
        "seal.json": orjson.dumps(seal),
        "salt.txt": SALT.encode(),
        **{f"tree/{number}": level for number, level in enumerate(levels)},
    }
    (folder / "tree").mkdir()
    for name, each in files.items():
        (folder / name).write_bytes(each)
    return sum(map(len, files.values()))


def _piece(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "sha256": digest(content)}


if __name__ == "__main__":
    print(orjson.dumps(million()).decode())  # noqa: T201 - the other process reads it
