"""Real workers, each a process of its own, that are killed and frozen while they work on a job.

The workflow's turns are taken by hand: a worker that dies is followed by another, as a Retry does it, and one that has
more to do, too. What the host was really asked for is read from its own ledger of calls.
"""

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from batchwright.aws.clock import SystemClock
from batchwright.chunk import Chunk
from batchwright.chunklog import ChunkLog
from batchwright.job import JobRow
from batchwright.places import JOBS, plan_key, result_key
from batchwright.ports import Objects
from batchwright.steps import admit, close, plan
from tests.chaos.bed import Bed
from tests.emulator.host.running import RunningHost
from tests.emulator.server import tail
from tests.emulator.stack import ROOT
from tests.fakes import (
    MODEL,
    SALT,
    GrantedAccount,
    ListedEvents,
    ListedLedger,
    ListedWorkflows,
)
from tests.lanefakes import ListedTasks, MemorySlots, MemorySubmissions
from tests.signers import KeptSigner

SECONDS = 60.0  # a worker's whole time: none of these comes to its end
CHUNK_RECORDS = 800
IN_FLIGHT = 20
LATENCY = 0.2
# Law 3: what is in flight and five seconds' worth of calls may be paid for again after a kill.
PER_KILL = IN_FLIGHT + round(5 * IN_FLIGHT / LATENCY)
LONGEST_LIFE = 5.0
LONGEST_SLEEP = 4.0
PATIENCE = 120.0


class Worker:
    """One process on one chunk."""

    def __init__(self, chunk: Chunk, environment: Mapping[str, str], log: Path) -> None:
        """Start it; what it logs is added to ``log``."""
        self._log = log
        with log.open("ab") as errors:
            self._running = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "tests.chaos.worker", str(SECONDS)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        assert self._running.stdin is not None
        self._running.stdin.write(chunk.model_dump_json(exclude_none=True).encode())
        self._running.stdin.close()

    def ends_within(self, seconds: float) -> bool:
        try:
            self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def answer(self) -> dict[str, Any]:
        """Wait for the end, and return what the handler answered; it must have ended by itself."""
        assert self.ends_within(PATIENCE), "the worker hangs"
        assert self._running.stdout is not None
        with self._running.stdout as said:
            told = said.read()
        assert self._running.returncode == 0, tail(self._log)
        answered: dict[str, Any] = json.loads(told)
        return answered

    def freeze(self) -> None:
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Let it end where it stands; nothing of it runs on."""
        self._running.kill()
        self._running.wait()
        if self._running.stdout is not None:
            self._running.stdout.close()


@dataclass(slots=True)
class Blows:
    """What was done to the workers of a job."""

    kills: int = 0
    zombies: int = 0

    @property
    def lives(self) -> int:
        """How often a worker's last seconds were lost or doubled; a zombie wastes its own and its successor's."""
        return self.kills + 2 * self.zombies


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """A worker of a chunk was killed: when, and how many calls the chunk's log then knew of."""

    chunk: Chunk
    at: float
    counted: int


@dataclass
class Supervisor:
    """Keeps one chunk's worker running, and strikes it."""

    bed: Bed
    log: Path
    chance: random.Random
    blows: Blows = field(default_factory=Blows)
    deaths: list[Death] = field(default_factory=list)
    """Those before a worker was frozen: until then only one worker at a time adds to the log."""
    _living: list[Worker] = field(default_factory=list)

    def settle(self, chunk: Chunk, *, kills: int, zombies: int) -> None:
        """Run the chunk to its end through this many blows, or fewer where it ends before."""
        plan = [self._kill] * kills + [self._freeze] * zombies
        self.chance.shuffle(plan)
        try:
            worker = self._start(chunk)
            for strike in plan:
                if worker.ends_within(self.chance.uniform(0.1, LONGEST_LIFE)):
                    if self._done(worker):
                        break
                    worker = self._start(chunk)
                else:
                    worker = strike(worker, chunk)
            while self._living:  # whoever was woken up, too
                if not self._done(self._living[-1]) and not self._living:
                    self._start(chunk)
        finally:
            for each in self._living:
                each.kill()

    def _done(self, worker: Worker) -> bool:
        answer = worker.answer()
        self._living.remove(worker)
        return bool(answer["state"] == "done")

    def _kill(self, worker: Worker, chunk: Chunk) -> Worker:
        worker.kill()
        self._living.remove(worker)
        self.blows.kills += 1
        if not self.blows.zombies:
            log = ChunkLog(self.bed.objects, chunk.job_id, chunk.chunk, writer="watcher")
            log.catch_up()
            self.deaths.append(Death(chunk=chunk, at=time.time(), counted=log.tally.calls))
        return self._start(chunk)

    def _freeze(self, worker: Worker, chunk: Chunk) -> Worker:
        """Freeze a worker, have another take its place, and wake it up: it knows nothing of all that."""
        worker.freeze()
        successor = self._start(chunk)
        time.sleep(self.chance.uniform(0.5, LONGEST_SLEEP))
        worker.thaw()
        self.blows.zombies += 1
        return successor

    def _start(self, chunk: Chunk) -> Worker:
        worker = Worker(chunk, self.bed.environment(in_flight=IN_FLIGHT), self.log)
        self._living.append(worker)
        return worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of a job, and what it cost: the job's own books beside the host's."""

    records: int
    lost: int
    doubled: int
    not_succeeded: int
    unasked: int
    """Succeeded outcomes that no call of the host's ledger answers for."""
    host_calls: int
    counted_calls: int
    blows: Blows
    hidden_by_a_death: tuple[int, ...] = ()
    """Calls that went with a worker, for each death that can be told apart."""

    @property
    def paid_again(self) -> int:
        return self.host_calls - self.records

    @property
    def hidden(self) -> int:
        """Calls that the job does not know of: those that a kill took with it."""
        return self.host_calls - self.counted_calls


def run(bed: Bed, content: bytes, *, kills: int, zombies: int, seed: int, log: Path) -> Account:
    """Take a file through admission, planning, its workers and their deaths, and closing.

    ``kills`` and ``zombies`` are for each chunk.
    """
    bed.host.reset()
    bed.host.behave(engine="echo", latency_ms=1000 * LATENCY)
    job_id = planned(bed, content, f"inbox/seed-{seed}.jsonl")
    chunks = [Chunk.model_validate_json(line) for line in _lines(bed.objects, plan_key(job_id))]
    supervisors = [
        Supervisor(bed, log / f"{job_id}-{chunk.chunk}.log", random.Random(f"{seed}-{chunk.chunk}"))
        for chunk in chunks
    ]
    with ThreadPoolExecutor(len(chunks)) as threads:
        settling = [
            threads.submit(supervisor.settle, chunk, kills=kills, zombies=zombies)
            for supervisor, chunk in zip(supervisors, chunks, strict=True)
        ]
        for each in settling:
            each.result()
    blows = Blows(
        kills=sum(each.blows.kills for each in supervisors),
        zombies=sum(each.blows.zombies for each in supervisors),
    )
    found = account(bed.objects, bed.host, closed(bed, job_id), blows)
    told = [_hidden(bed, supervisor.deaths) for supervisor in supervisors]
    return replace(found, hidden_by_a_death=tuple(itertools.chain(*told)))


def _hidden(bed: Bed, deaths: list[Death]) -> Iterator[int]:
    """Yield how many calls each death of one chunk's workers hid: made until then, and in no segment."""
    before = 0
    for death in deaths:
        outcomes = map(
            json.loads,
            _lines(bed.objects, result_key(death.chunk.job_id, "outcomes.jsonl")),
        )
        keys = {
            told["idempotency_key"] for told in outcomes if told["index"] in death.chunk.indexes
        }
        made = [call for call in bed.host.calls() if call["at"] <= death.at]
        hidden = sum(call["metadata"]["idempotency_key"] in keys for call in made) - death.counted
        yield hidden - before
        before = hidden


def planned(bed: Bed, content: bytes, key: str) -> str:
    """Admit a file and plan its job; the workflow stays out of it."""
    bed.objects.write(key, content)
    place = {"bucket": {"name": bed.objects.bucket}, "object": {"key": key}}
    event = {"detail-type": "Object Created", "source": "aws.s3", "detail": place}
    door = admit.World(
        objects=bed.objects,
        jobs=bed.jobs,
        workflows=ListedWorkflows(),
        events=ListedEvents(),
        clock=SystemClock(),
        models=(MODEL,),
        key="",
        ledger=ListedLedger(),
        submissions=MemorySubmissions(),
        slots=MemorySlots(lambda: 0.0),
        tasks=ListedTasks(),
        new_salt=lambda: SALT,
    )
    (admitted,) = admit.admit(json.dumps(event), f"message-{key}", door)
    around = plan.World(
        objects=bed.objects,
        jobs=bed.jobs,
        events=ListedEvents(),
        clock=SystemClock(),
        account=GrantedAccount(),
    )
    answer = plan.plan(
        admitted.job_id,
        around,
        chunk_records=CHUNK_RECORDS,
        max_concurrency=10,
        in_flight=8,
        time_left=lambda: 900,
    )
    assert answer["state"] == "done"
    return admitted.job_id


def closed(bed: Bed, job_id: str) -> JobRow:
    """Close a job, and return its row."""
    around = close.World(
        objects=bed.objects,
        jobs=bed.jobs,
        events=ListedEvents(),
        clock=SystemClock(),
        ledger=ListedLedger(),
        signer=KeptSigner(),
    )
    answer, _ = close.close(job_id, None, around, time_left=lambda: 900)
    assert answer["state"] == "done"
    row = bed.jobs.get(job_id)
    assert row is not None
    return row


def account(objects: Objects, host: RunningHost, row: JobRow, blows: Blows) -> Account:
    """Hold the results against the segments as they lie in the bucket, and against the host's ledger."""
    outcomes = _lines(objects, result_key(row.job_id, "outcomes.jsonl"))
    ended = Counter(json.loads(line)["index"] for line in outcomes)
    settled = Counter(_settled(objects, row.job_id))
    calls = host.calls()
    answered = {call["metadata"]["idempotency_key"] for call in calls if call["status"] == 200}
    succeeded = [told for line in outcomes if (told := json.loads(line))["status"] == "succeeded"]
    return Account(
        records=row.total,
        lost=len(set(range(row.total)) - set(ended)),
        doubled=sum(count - 1 for count in (ended | settled).values()),
        not_succeeded=row.total - len(succeeded),
        unasked=sum(told["idempotency_key"] not in answered for told in succeeded),
        host_calls=len(calls),
        counted_calls=row.tally.calls,
        blows=blows,
    )


def _settled(objects: Objects, job_id: str) -> Iterator[int]:
    """Yield the index of every outcome in every segment, read without the code that wrote it."""
    for key in objects.keys(f"{JOBS}{job_id}/chunks/"):
        for facts in itertools.islice(_lines(objects, key), 1, None, 2):
            yield json.loads(facts)["index"]


def _lines(objects: Objects, key: str) -> list[bytes]:
    return [line for line in objects.read(key).split(b"\n") if line]
