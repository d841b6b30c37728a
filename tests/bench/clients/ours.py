"""One worker of Batchwright on its chunk of a job: bucket and table of jobs in memory, the rest as in Lambda."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from batchwright.completion import Completion
from batchwright.outcome import Ending
from batchwright.ports import Engine
from batchwright.request import Request
from batchwright.route import Route
from batchwright.workplace import World
from tests.bench.clients.errand import Errand, Permits, Report, carry_out
from tests.bench.clients.invoking import settle, warm
from tests.bench.clients.wire import Wire
from tests.fakes import StoppedClock
from tests.laptop import Laptop, converse_line, jsonl


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
        chunk_records=errand.share,
        clock=StoppedClock(datetime.now(UTC)),  # the worker's is real: the job must be of today
    )
    laptop.put_contract("bench", contract_of(errand))
    # Each worker plans the same file by itself, and so the same job.
    job_id = laptop.drop(jsonl(lines(errand, errand.all_texts())), "inbox/bench/file.jsonl")
    laptop.plan(job_id)
    chunk = laptop.chunks(job_id)[errand.number]
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


if __name__ == "__main__":
    carry_out(prepare)
