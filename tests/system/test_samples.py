"""Every sample through the deployed template, under its contract: each dialect comes back as its peers write it."""

import base64
import json
import re
import struct
from collections.abc import Callable
from itertools import batched
from typing import Any

import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from pydantic import BaseModel

from batchwright.job import JobRow, Status
from tests.samples import DOCS, SAMPLES
from tests.system.stack_under_test import StackUnderTest

type Reader = Callable[[dict[str, Any]], object]


def openai(kind: type[BaseModel]) -> Reader:
    return lambda line: kind.model_validate_json(json.dumps(line["response"]["body"]), strict=True)


def vectors(line: dict[str, Any]) -> object:
    """Read what the SDK's types know, and the base64 that they leave to the client."""
    for found in line["response"]["body"]["data"]:
        if isinstance(found["embedding"], str):
            packed = base64.b64decode(found["embedding"], validate=True)
            found["embedding"] = [*struct.unpack(f"<{len(packed) // 4}f", packed)]
    return openai(CreateEmbeddingResponse)(line)


def row(line: dict[str, Any]) -> object:
    assert line.keys() == {"id", "row", "output"}
    return line["output"]


READERS: dict[str, Reader] = {
    "openai_chat": openai(ChatCompletion),
    "openai_responses": openai(Response),
    "openai_completions": openai(Completion),
    "openai_embeddings": vectors,
    "anthropic": lambda line: MessageBatchIndividualResponse.model_validate_json(
        json.dumps(line), strict=True
    ),
    "bedrock_converse": lambda line: line["modelOutput"]["output"]["message"]["content"],
    "bedrock_invoke": lambda line: line["modelOutput"],
    "gemini": lambda line: line["response"]["candidates"],
    "vertex": lambda line: line["response"]["candidates"],
    "csv": row,
    "tsv": row,
    "rows_jsonl": row,
    "parquet": row,
    "document": lambda line: line["output"],
}


@pytest.fixture(scope="module")
def ended(deployed: StackUnderTest) -> dict[str, JobRow]:
    """Have all samples run. The host repeats what it reads, a summary's text too: that takes room.

    A few at a time share their functions; each of all at once would have to start its own.
    """
    deployed.behave()
    deployed.forget_models()
    for file in (DOCS / "contracts").iterdir():
        deployed.put_contract(
            file.stem, re.sub(r"max_tokens: \d+", "max_tokens: 9000", file.read_text())
        )
    ended: dict[str, JobRow] = {}
    for few in batched(SAMPLES, 3, strict=False):
        for name in few:
            deployed.drop(key_of(name), (DOCS / "samples" / name).read_bytes())
        ended |= {name: deployed.ended(key_of(name)) for name in few}
    return ended


def key_of(name: str) -> str:
    contract = SAMPLES[name].contract
    folder = "" if contract == "default" else f"{contract}/"
    return f"inbox/{folder}{name}"


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_comes_back_in_its_own_dialect(
    deployed: StackUnderTest, ended: dict[str, JobRow], name: str
) -> None:
    sample, row = SAMPLES[name], ended[name]

    assert (row.status, row.reason, row.problems) == (Status.COMPLETED, None, 0)
    assert row.counts()["succeeded"] == row.total == sample.records
    chunks = deployed.lines(f"jobs/{row.job_id}/plan.jsonl")
    assert chunks[0]["dialect"] == sample.dialect
    output = deployed.results(row, "output")
    assert len(output) == sample.records
    assert all(READERS[sample.dialect](line) for line in output)
