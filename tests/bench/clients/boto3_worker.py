"""The work of our worker as most people write it: boto3 in threads, jsonschema, and `re`.

A line is read and asked; the answer is parsed and held to the schema, ten patterns look for personal data and keys, and
what they find is noted; the outcome is digested and written, two hundred to a file. The schema's validator and the
patterns are compiled once.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import batched
from pathlib import Path
from typing import Any

import boto3
import jsonschema
from botocore.config import Config

from tests.bench.clients.errand import Errand, Report, carry_out
from tests.bench.clients.triage import SCHEMA

SEGMENT = 200
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PATTERNS = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "email": r"[\w.+-]+@[\w-]+\.[\w.-]+",
        "phone": r"\+?\d[\d ()/-]{7,}\d",
        "ssn": r"\b\d{3}-\d{2}-\d{4}\b",
        "card": r"\b(?:\d[ -]?){13,19}\b",
        "iban": r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
        "ip": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        "aws_key": r"\bAKIA[0-9A-Z]{16}\b",
        "passport": r"\b[A-Z]\d{8}\b",
        "birthday": r"\b(?:19|20)\d\d-\d\d-\d\d\b",
        "private_key": r"-----BEGIN [A-Z ]+-----",
    }.items()
}


def prepare(errand: Errand) -> Callable[[], Report]:
    settings: Any = {"retries": {"mode": "standard"}, "max_pool_connections": errand.in_flight}
    bedrock = boto3.client("bedrock-runtime", config=Config(**settings))
    folder = Path(errand.folder)

    def outcome(line: str) -> str:
        wanted = json.loads(line)
        answer = bedrock.converse(modelId=errand.model, **wanted["modelInput"])
        message = answer["output"]["message"]
        fields = {
            "recordId": wanted["recordId"],
            "message": message,
            "usage": answer["usage"],
            "findings": checked(message["content"][0]["text"]),
        }
        fields["digest"] = sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
        return json.dumps(fields) + "\n"

    def ask_all() -> Report:
        wall, cpu = time.monotonic(), time.process_time()
        with ThreadPoolExecutor(errand.in_flight) as pool:
            answered = written(pool.map(outcome, lines(folder)), folder)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        return {"answered": answered, "seconds": wall, "cpu": cpu}

    return ask_all


def lines(folder: Path) -> list[str]:
    return (folder / "input.jsonl").read_text().splitlines()


def checked(text: str) -> list[str]:
    VALIDATOR.validate(json.loads(text))
    return [kind for kind, pattern in PATTERNS.items() if pattern.search(text)]


def written(outcomes: Iterator[str], folder: Path) -> int:
    count = 0
    for number, segment in enumerate(batched(outcomes, SEGMENT, strict=False)):
        (folder / f"{number:06d}.jsonl").write_text("".join(segment))
        count += len(segment)
    return count


if __name__ == "__main__":
    carry_out(prepare)
