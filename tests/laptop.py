"""A whole job in memory: admit, plan, invoke every chunk, close; for tests that follow a file from end to end."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from batchwright.chunk import Chunk
from batchwright.filters import Means
from batchwright.job import JobRow
from batchwright.outcome import Tally
from batchwright.places import contract_key, plan_key, problems_key, result_key
from batchwright.ports import Engine, Ledger
from batchwright.steps.admit import Admitted, admit
from batchwright.steps.admit import World as AdmitWorld
from batchwright.steps.close import World as CloseWorld
from batchwright.steps.close import close
from batchwright.steps.invoke import invoke
from batchwright.steps.join import World as JoinWorld
from batchwright.steps.join import join
from batchwright.steps.plan import World as PlanWorld
from batchwright.steps.plan import plan
from batchwright.workplace import World as InvokeWorld
from tests import timelapse
from tests.canary import CANARY, silent
from tests.fakes import (
    MODEL,
    SALT,
    GrantedAccount,
    ListedEvents,
    ListedLedger,
    ListedWorkflows,
    MemoryBudgets,
    MemoryCircuits,
    MemoryJobs,
    MemoryObjects,
    MemorySchedules,
    ScriptedEngine,
    StoppedClock,
)
from tests.lanefakes import ListedTasks, MemorySlots, MemorySubmissions
from tests.signers import KeptSigner

KEY = "arn:aws:kms:us-east-1:123456789012:key/laptop"
"""What its bucket is encrypted under."""


@dataclass
class Laptop:
    """The world in memory, and the workflow's turns taken by hand."""

    engine: Engine = field(default_factory=ScriptedEngine)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    workflows: ListedWorkflows = field(default_factory=ListedWorkflows)
    budgets: MemoryBudgets = field(default_factory=MemoryBudgets)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    circuits: MemoryCircuits = field(default_factory=lambda: MemoryCircuits(timelapse.passed))
    events: ListedEvents = field(default_factory=ListedEvents)
    ledger: Ledger = field(default_factory=ListedLedger)
    signer: KeptSigner = field(default_factory=KeptSigner)
    copies: list[MemoryObjects] = field(default_factory=list)
    uncopied: list[int] = field(default_factory=list)
    unsigned: list[str | None] = field(default_factory=list)
    unsaid: list[tuple[str, str]] = field(default_factory=list)
    """The jobs that nobody was told of, and why."""
    account: GrantedAccount = field(default_factory=GrantedAccount)
    clock: StoppedClock = field(default_factory=StoppedClock)
    models: tuple[str, ...] = (MODEL, "amazon.nova-lite-v1:0")
    chunk_records: int = 10
    chance: Callable[[], float] = lambda: 0.0
    new_salt: Callable[[], str] = lambda: SALT
    means: Means = field(default_factory=Means)
    seconds: Callable[[], float] | None = None
    """The worker's clock, where it is not the event loop's: one that stands tells of no waits."""
    submissions: MemorySubmissions = field(default_factory=MemorySubmissions)
    slots: MemorySlots = field(default_factory=lambda: MemorySlots(time.time))
    tasks: ListedTasks = field(default_factory=ListedTasks)
    ids: Any = field(default_factory=itertools.count)
    late: Tally = field(default_factory=Tally)
    """What closing said that it settled."""

    def drop(self, content: bytes, key: str = "inbox/file.jsonl") -> str:
        """Put a file into the inbox, and admit it; return the job's id."""
        self.objects.write(key, content)
        return self.say(self.event(key))

    def event(self, key: str) -> dict[str, Any]:
        version = str(len(self.objects.versions.get(key, [0])))
        return {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {
                "bucket": {"name": self.objects.bucket},
                "object": {"key": key, "version-id": version},
            },
        }

    def say(self, message: dict[str, Any] | str, message_id: str = "message-1") -> str:
        (admitted,) = self.admit(message, message_id)
        return admitted.job_id

    def admit(self, message: dict[str, Any] | str, message_id: str) -> list[Admitted]:
        body = message if isinstance(message, str) else json.dumps(message)
        world = AdmitWorld(
            objects=self.objects,
            jobs=self.jobs,
            workflows=self.workflows,
            events=self.events,
            clock=self.clock,
            models=self.models,
            key=KEY,
            ledger=self.ledger,
            submissions=self.submissions,
            slots=self.slots,
            tasks=self.tasks,
            new_salt=self.new_salt,
            unsaid=lambda job_id, told: self.unsaid.append((job_id, told)),
        )
        admitted = admit(body, message_id, world)
        silent("what admission logs", ([each.to_json() for each in admitted], self.unsaid))
        return admitted

    def redrive(
        self, job_id: str, *, number: int | None = None, only: Sequence[str] = ()
    ) -> Admitted:
        """Wish for a redrive, the next one if no number is said."""
        wish = {
            "job": job_id,
            "number": self.row(job_id).redrives + 1 if number is None else number,
            "only": [*only],
        }
        (admitted,) = self.admit({"redrive": wish}, "message-redrive")
        return admitted

    def cancel(self, job_id: str, *, redrive: int = 0) -> Admitted:
        (admitted,) = self.admit({"cancel": {"job": job_id, "redrive": redrive}}, "message-cancel")
        return admitted

    def plan(
        self, job_id: str, time_left: Callable[[], float] = lambda: 900, *, redrive: int = 0
    ) -> dict[str, Any]:
        world = PlanWorld(
            objects=self.objects,
            jobs=self.jobs,
            events=self.events,
            clock=self.clock,
            account=self.account,
        )
        planned = plan(
            job_id,
            world,
            redrive=redrive,
            chunk_records=self.chunk_records,
            max_concurrency=4,
            in_flight=8,
            batch_jobs=20,
            time_left=time_left,
        )
        silent("the answer of Plan", planned)
        return planned

    def chunks(self, job_id: str, redrive: int = 0) -> list[Chunk]:
        lines = self.objects.lines(plan_key(job_id, redrive))
        return [Chunk.model_validate_json(line) for line in lines]

    def planned(self, content: bytes) -> tuple[str, list[Chunk]]:
        """Drop a file and plan its job; return the job's id and the chunks."""
        job_id = self.drop(content)
        self.plan(job_id)
        return job_id, self.chunks(job_id)

    async def invoke(
        self, chunk: Chunk, *, seconds: float = 900, in_flight: int = 8, rested: float = 0
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        answer, report = await invoke(
            chunk,
            self.worker_world(),
            time_left=lambda: ends - loop.time(),
            in_flight=in_flight,
            rested=rested,
        )
        silent("the answer of Invoke, or its metrics", (answer, report))
        return answer

    def worker_world(self) -> InvokeWorld:
        loop = asyncio.get_running_loop()
        return InvokeWorld(
            objects=self.objects,
            jobs=self.jobs,
            budgets=self.budgets,
            schedules=self.schedules,
            circuits=self.circuits,
            engine=self.engine,
            clock=self.clock,
            seconds=self.seconds or loop.time,
            time=partial(timelapse.of_day, loop),
            chance=self.chance,
            new_id=lambda: f"worker-{next(self.ids)}",
            means=self.means,
        )

    def close(
        self,
        job_id: str,
        failure: dict[str, Any] | None = None,
        time_left: Callable[[], float] = lambda: 900.0,
        *,
        redrive: int = 0,
    ) -> dict[str, Any]:
        answer, late = close(
            job_id, failure, self.close_world(), redrive=redrive, time_left=time_left
        )
        silent("the answer of Close", (answer, late))
        if late is not None:
            self.late.add_all(late)
        return answer

    def close_world(self) -> CloseWorld:
        return CloseWorld(
            objects=self.objects,
            jobs=self.jobs,
            events=self.events,
            clock=self.clock,
            ledger=self.ledger,
            signer=self.signer,
            copies=self.copies,
            uncopied=self.uncopied.append,
            unsigned=self.unsigned.append,
        )

    def run(self, content: bytes, key: str = "inbox/file.jsonl") -> JobRow:
        """Drop a file and take its job to the end."""
        return self.finish(self.drop(content, key))

    def finish(self, job_id: str, redrive: int = 0) -> JobRow:
        planned = self.plan(job_id, redrive=redrive)
        while planned["state"] == "done" and self._settled(planned) and planned["join"]:
            planned = self.join(job_id, planned["join"])
        self.close(job_id, redrive=redrive)
        return self.row(job_id)

    def run_again(self, job_id: str, *only: str) -> JobRow:
        """Redrive a job and take it to the end."""
        assert self.redrive(job_id, only=only).new
        return self.finish(job_id, self.row(job_id).redrives)

    def _settled(self, planned: dict[str, Any]) -> bool:
        """Run the chunks of a plan; say whether none was stopped."""
        for line in self.objects.lines(planned["plan"]["key"]):
            chunk = Chunk.model_validate_json(line)
            while (answer := timelapse.run(self.invoke(chunk)))["state"] == "more":
                pass
            if answer["state"] == "stopped":
                return False
        return True

    def join(self, job_id: str, number: int) -> dict[str, Any]:
        world = JoinWorld(objects=self.objects, jobs=self.jobs, clock=self.clock)
        return join(
            job_id,
            number,
            world,
            chunk_records=self.chunk_records,
            max_concurrency=4,
            in_flight=8,
        )

    def row(self, job_id: str) -> JobRow:
        row = self.jobs.get(job_id)
        assert row is not None
        return row

    def put_contract(self, name: str, text: str) -> None:
        self.objects.write(contract_key(name), text.encode())

    def results(self, job_id: str, name: str, redrive: int = 0) -> list[dict[str, Any]]:
        key = result_key(job_id, name, redrive)
        return [json.loads(line) for line in self.objects.lines(key)]

    def problems(self, job_id: str) -> list[dict[str, Any]]:
        key = problems_key(job_id)
        if key not in self.objects.keys(key):  # there is no file where there is no problem
            return []
        return [json.loads(line) for line in self.objects.lines(key)]


def chat_line(custom_id: str, text: str, **body: Any) -> dict[str, Any]:
    """Return one line of an OpenAI Batch file."""
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": text}],
            **body,
        },
    }


def converse_line(record_id: str, text: str, **model_input: Any) -> dict[str, Any]:
    """Return one line of a Bedrock Converse batch file."""
    return {
        "recordId": record_id,
        "modelInput": {
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": 100},
            **model_input,
        },
    }


def jsonl(lines: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def song(number: int) -> str:
    """Return what a record of a file of many says: the canary."""
    return f"sing {number} {CANARY}"


def chat_file(count: int) -> bytes:
    return jsonl([chat_line(f"req-{number}", song(number)) for number in range(count)])
