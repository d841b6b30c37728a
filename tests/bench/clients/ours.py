"""One worker of Batchwright on one chunk: the bucket and the table of jobs in memory, the rest as in Lambda."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from batchwright.aws.worlds.invoke import world
from batchwright.chunk import Chunk
from batchwright.completion import Completion
from batchwright.outcome import Ending
from batchwright.ports import Engine
from batchwright.request import Request
from batchwright.route import Route
from batchwright.steps.invoke import invoke
from batchwright.workplace import World
from tests.bench.clients.errand import STATE_TABLE, Errand, Permits, Report, carry_out
from tests.bench.clients.wire import Wire
from tests.fakes import StoppedClock
from tests.laptop import Laptop, converse_line, jsonl

LAMBDA_SECONDS = 900


@dataclass(frozen=True)
class Permitted:
    """An engine that is asked as soon as the governor has given its permit."""

    engine: Engine
    permits: Permits

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        self.permits.take()
        return await self.engine.ask(request, route=route, timeout=timeout, metadata=metadata)


def prepare(errand: Errand) -> Callable[[], Report]:
    wire, permits = Wire(), Permits()
    laptop = Laptop(
        models=(errand.model,),
        chunk_records=errand.count,
        clock=StoppedClock(datetime.now(UTC)),  # the worker's is real: the job must be of today
    )
    laptop.put_contract("bench", contract_of(errand))
    job_id = laptop.drop(jsonl(lines(errand, errand.texts())), "inbox/bench/file.jsonl")
    laptop.plan(job_id)
    (chunk,) = laptop.chunks(job_id)
    warm(errand)

    def around(real: World) -> World:
        return replace(
            real,
            engine=Permitted(real.engine, permits),
            objects=laptop.objects,
            jobs=laptop.jobs,
            budgets=laptop.budgets,
        )

    def ask_all() -> Report:
        wire.step = "invoke"
        asyncio.run(settle(chunk, around, in_flight=errand.in_flight))
        answered = laptop.jobs.progress(job_id).counts[Ending.SUCCEEDED]
        return {"answered": answered, "writes": wire.writes("dynamodb"), **permits.report()}

    return ask_all


def contract_of(errand: Errand) -> str:
    """Return a contract, YAML, that says the limit as far as it is known."""
    limits = {"rpm": errand.rpm, "tpm": errand.tpm}
    route = {"model": errand.model, **{name: limit for name, limit in limits.items() if limit}}
    reservations = {"reservations": errand.mode} if errand.mode else {}
    return json.dumps({"name": "bench", "routes": [route], **reservations})


def lines(errand: Errand, texts: Iterable[str]) -> list[dict[str, Any]]:
    """Return prompts as a Converse batch file has them."""
    limit = {"maxTokens": errand.max_tokens}
    return [
        converse_line(str(number), text, inferenceConfig=limit) for number, text in enumerate(texts)
    ]


def warm(errand: Errand) -> None:
    """Read the settings and make boto3's clients, as a Lambda has them after its first event."""
    os.environ |= {
        "BUCKET": "box",
        "JOBS_TABLE": "jobs",
        "STATE_TABLE": STATE_TABLE,
        "MODEL_ARNS": f"arn:aws:bedrock:*:*:inference-profile/{errand.model}",
        "IN_FLIGHT": str(errand.in_flight),
    }

    async def open_and_close() -> None:
        async with world():
            pass

    asyncio.run(open_and_close())


async def settle(chunk: Chunk, around: Callable[[World], World], *, in_flight: int) -> None:
    """Invoke the worker as the workflow does, and wait where it says so; ``around`` changes its world."""
    state = ""
    while state not in {"done", "stopped"}:
        async with world() as real:
            answer = await _invoke(chunk, around(real), in_flight)
        state = answer["state"]
        await asyncio.sleep(answer.get("seconds", 0))


async def _invoke(chunk: Chunk, around: World, in_flight: int) -> dict[str, Any]:
    ends = time.monotonic() + LAMBDA_SECONDS
    answer, _ = await invoke(
        chunk, around, time_left=lambda: ends - time.monotonic(), in_flight=in_flight
    )
    return answer


if __name__ == "__main__":
    carry_out(prepare)
