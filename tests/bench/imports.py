"""What a cold start costs: each function's import and the clients of its world, against boto3 and the same clients.

Every run is a fresh interpreter with its bytecode at hand, as `make build` ships it; ours and boto3's take turns, and
the medians of their CPU seconds are held against each other. Which clients a world makes is seen in a run of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figure import Figure, at_most, untargeted
from tests.emulator.stack import ROOT
from tests.emulator.surroundings import CREDENTIALS

RUNS = 9
PROGRAM = Path(__file__).parent / "clients/cold.py"
ENVIRONMENT = {
    **CREDENTIALS,
    "BUCKET": "bucket",
    "JOBS_TABLE": "jobs",
    "STATE_TABLE": "state",
    "LEDGER_TABLE": "ledger",
    "LEDGER_KEY": "key",
    "LEDGER_NAME": "batchwright/bench",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:job",
    "MODEL_ARNS": "arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",
}


def figures() -> Iterator[Figure]:
    for path in sorted(ROOT.glob("functions/*.py")):
        yield from of_function(path.stem)


def of_function(verb: str) -> Iterator[Figure]:
    services: list[str] = cold("services", verb)["services"]
    ours, boto3 = [], []
    for _ in range(RUNS):
        ours.append(cold("function", verb))
        boto3.append(cold("boto3", *services))
    took, floor = (median(run["cpu"] for run in runs) for runs in (ours, boto3))
    unit = f"times boto3 with {', '.join(services)}: {1000 * took:.0f} to {1000 * floor:.0f} CPU ms"
    yield at_most(f"imports.{verb}", round(took / floor, 2), 1.3, unit)
    resident = median(run["resident"] for run in ours)
    beside = median(run["resident"] for run in boto3)
    yield untargeted(f"imports.{verb}.resident", round(resident), f"MB, boto3's {beside:.0f}")


def cold(*what: str) -> dict[str, Any]:
    """Run the program, and return what it tells."""
    # Nobody's account, and no word against writing bytecode: the run that tells the services leaves it behind.
    own = {
        name: told for name, told in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))
    }
    done = subprocess.run(  # noqa: S603 - a program of ours
        [sys.executable, str(PROGRAM), *what],
        cwd=ROOT,
        env={**own, **ENVIRONMENT, "PYTHONPATH": f"{ROOT / 'layers/core'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
