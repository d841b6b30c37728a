"""The work of our worker as most people write it: boto3 in threads; with the mode ``checks`` jsonschema and `re`, too.

A line is read, asked, perhaps checked, digested, and written to a file of outcomes two hundred at a time.
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

SEGMENT = 200
SCHEMA = {"type": "string", "minLength": 1, "maxLength": 4000}
PERSONAL = [
    re.compile(pattern)
    for pattern in (
        r"[\w.+-]+@[\w-]+\.[\w.-]+",
        r"\+?\d[\d ()/-]{7,}\d",
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b(?:\d[ -]?){13,19}\b",
        r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b",
        r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\b[A-Z]\d{8}\b",
        r"\b(?:19|20)\d\d-\d\d-\d\d\b",
        r"-----BEGIN [A-Z ]+-----",
    )
]


def prepare(errand: Errand) -> Callable[[], Report]:
    settings: Any = {"retries": {"mode": "standard"}, "max_pool_connections": errand.in_flight}
    bedrock = boto3.client("bedrock-runtime", config=Config(**settings))
    folder = Path(errand.folder)

    def outcome(line: str) -> str:
        wanted = json.loads(line)
        answer = bedrock.converse(modelId=errand.model, **wanted["modelInput"])
        message = answer["output"]["message"]
        text = message["content"][0]["text"]
        if errand.mode == "checks":
            check(text)
        fields = {"recordId": wanted["recordId"], "message": message, "usage": answer["usage"]}
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


def check(text: str) -> None:
    jsonschema.validate(text, SCHEMA)
    for pattern in PERSONAL:
        pattern.search(text)


def written(outcomes: Iterator[str], folder: Path) -> int:
    count = 0
    for number, segment in enumerate(batched(outcomes, SEGMENT, strict=False)):
        (folder / f"{number:06d}.jsonl").write_text("".join(segment))
        count += len(segment)
    return count


if __name__ == "__main__":
    carry_out(prepare)
