"""Our client of OpenAI's API against a server that nobody here wrote: llama.cpp's own. SLOW: loads SmolLM2."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchwright.aws.openai import OpenAIEngine
from batchwright.completion import Completion
from batchwright.completion import fault_of as fault_of_completion
from batchwright.errors import AccessDenied, ContextOverflow, RecordInvalid, Truncated
from batchwright.request import Request
from batchwright.route import Route
from batchwright.schema import structured_output
from tests.canary import CANARY

CHILD = Path(__file__).parents[1] / "emulator/host/engines/llama_child.py"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:llm-AbCdEf"
CONTEXT = 512
SCHEMA = {
    "type": "object",
    "properties": {"kind": {"type": "string", "enum": ["payments", "delivery"]}},
    "required": ["kind"],
    "additionalProperties": False,
}


@dataclass
class OneKey:
    """The same key for ever."""

    held: str = CANARY

    async def key(self, arn: str, *, stale: str | None = None) -> str:  # noqa: ARG002 - a Keys'
        return self.held


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where llama.cpp's server listens; it leaves when its input is closed."""
    order = {"key": CANARY, "slots": 1, "context": CONTEXT, "threads": 2}
    with subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-P", str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_WAIT_POLICY": "passive"},
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()
        yield json.loads(child.stdout.readline())["address"] + "/v1"
        child.stdin.close()


async def ask(
    address: str, text: str, *, max_tokens: int = 20, keys: OneKey | None = None, **more: Any
) -> Completion:
    request = Request(
        {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": max_tokens, "temperature": 0},
            **more,
        }
    )
    route = Route(engine="openai", model="smollm2", base_url=address, secret=SECRET)
    async with OpenAIEngine(keys or OneKey(), allowed=[address], limit=2) as engine:
        return await engine.ask(request, route=route, timeout=120, metadata={"job_id": "j"})


async def test_it_answers_and_counts(address: str) -> None:
    answer = await ask(address, "Say hello.", max_tokens=100, system=[{"text": "Be brief."}])

    assert fault_of_completion(answer) is None
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 5
    assert 0 < answer.usage.output_tokens <= 100
    assert answer.request_id


async def test_it_keeps_to_the_limit_and_says_so(address: str) -> None:
    answer = await ask(address, "Tell me a long story.", max_tokens=5)

    assert type(fault_of_completion(answer)) is Truncated
    assert answer.usage.output_tokens == 5


async def test_it_is_held_to_a_schema(address: str) -> None:
    config = structured_output(json.dumps(SCHEMA), "triage")

    answer = await ask(address, "My card was declined.", max_tokens=60, outputConfig=config)

    assert json.loads(answer.text)["kind"] in {"payments", "delivery"}


async def test_a_prompt_that_is_too_long_is_told_from_one_that_is_wrong(address: str) -> None:
    with pytest.raises(ContextOverflow):
        await ask(address, "word " * 2 * CONTEXT)
    with pytest.raises(RecordInvalid):
        await ask(address, "hi", outputConfig=structured_output('{"type": "nothing"}', "x"))


async def test_it_refuses_another_key(address: str) -> None:
    with pytest.raises(AccessDenied) as told:
        await ask(address, "hi", keys=OneKey(f"{CANARY}-wrong"))

    assert CANARY not in str(told.value)
