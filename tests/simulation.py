"""A fleet of workers, a model's quota and the table, on a clock of our own: hours in seconds, the same every time."""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from batchwright.demand import Ticket
from batchwright.lengths import Lengths
from batchwright.quotas import Quota
from batchwright.schedule import Item
from batchwright.turnstile import Turnstile
from tests.emulator.host.behaviour import LimitModel
from tests.emulator.host.quota import Quotas, Shortage
from tests.fakes import MODEL, MemorySchedules

START = 1_800_000_000_000
SECOND = 1000
MINUTE = 60 * SECOND
# From the end of its rest until a worker has begun: two states of the workflow, and a look at what its chunk lacks.
COMES_BACK = 500
# Without any answer for so long a worker rests when a call is refused (batchwright.pace).
NO_ANSWER = 10 * SECOND


@dataclass(frozen=True, kw_only=True)
class Job:
    """Workers that do the same, and what their calls are like."""

    name: str = "job"
    workers: int = 8
    in_flight: int = 64
    priority: int = 5
    told: Quota = field(default_factory=Quota)
    """The limits that its contract says."""
    usual: int = 4_000_000
    """The tokens a minute that are tried first where it says none."""
    begins: int = 0
    records: int = 10**9
    """Of all its workers together."""
    dealt: bool = False
    """Whether each worker has its own part of them, as it has a chunk, and leaves when that is done."""
    input_tokens: int = 100
    output_tokens: int = 64
    max_tokens: int = 64
    tight: bool = False
    """Whether no more is reserved than answers are long."""
    latency: int = 1000
    """How long an answer takes, about, unless the fleet says otherwise."""
    dies_after: dict[int, int] = field(default_factory=dict)
    """When which of its workers is killed, and another put in its place."""


@dataclass(kw_only=True)
class Fleet:
    """Everything that happens, in order of time; times are milliseconds."""

    jobs: list[Job]
    limit_model: LimitModel
    limit: Quota
    seed: int = 1
    table_fails: tuple[int, int] = (0, 0)
    table_takes: tuple[int, int] = (2, 6)
    """How long a change is on its way to the table, and its answer on the way back."""
    reads_are_old: int = 5
    """How long before a worker begins the schedule was as it reads it."""
    now: int = START
    latency: int | None = None
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    admitted: list[tuple[int, str, int]] = field(default_factory=list)
    """When, for which job, how many tokens in the end."""
    refused: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    """When answers came back cut at what was reserved."""
    writes: list[int] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    """For how long workers left, since they had no turn in sight."""
    waits: list[tuple[int, int]] = field(default_factory=list)
    """When a worker's calls had waited without a turn, until one came or the worker went, and for how long."""
    idle: int = 0
    """How long workers had calls that waited, and none that ran."""
    paid: int = 0
    """How long there were workers."""
    left: Counter[str] = field(default_factory=Counter)
    """The records that nobody took yet, by the pile on which they lie."""
    _events: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.set_limit(self.limit)
        for job in self.jobs:
            for number in range(job.workers):
                pile = f"{job.name}/{number}" if job.dealt else job.name
                self.left[pile] = job.records // job.workers if job.dealt else job.records
                worker = SimulatedWorker(self, job, pile, job.dies_after.get(number))
                self.later(job.begins + self.dice.randrange(500), worker.begin)

    @property
    def table_is_away(self) -> bool:
        """Whether the table does not answer."""
        first, last = self.table_fails
        return first <= self.now - START < last

    def set_limit(self, limit: Quota) -> None:
        """Have another limit from now on."""
        self.limit = limit
        self.quotas = Quotas(
            rpm=limit.rpm, tpm=limit.tpm, limit_model=self.limit_model, start=self.now / 1000
        )

    def have_latency(self, latency: int) -> None:
        """Let answers of all jobs take so long from now on."""
        self.latency = latency

    def later(self, delay: int, do: Callable[[], None]) -> None:
        """Let something happen after a while."""
        heapq.heappush(self._events, (self.now + delay, next(self._order), do))

    def run(self, *, minutes: float) -> "Fleet":
        """Let so much time pass."""
        end = self.now + int(minutes * MINUTE)
        while self._events and self._events[0][0] <= end:
            self.now, _, do = heapq.heappop(self._events)
            do()
        self.now = end
        return self

    def calls(self, begin: float = 0, end: float = 1e9, job: str | None = None) -> int:
        """Count the calls that went through between two minutes."""
        return sum(1 for at, name, _ in self._between(begin, end) if job in {None, name})

    def tokens(self, begin: float = 0, end: float = 1e9) -> int:
        """Count the tokens that they used."""
        return sum(tokens for _, _, tokens in self._between(begin, end))

    def lasted(self) -> float:
        """Return how many seconds it took until the last call went through."""
        return (max(at for at, _, _ in self.admitted) - START) / SECOND

    def longest_wait(self, begin: float = 0, end: float = 1e9) -> float:
        """Return for how many seconds a worker waited at most without a turn, between two minutes."""
        waits = (wait for at, wait in self.waits if begin <= (at - START) / MINUTE < end)
        return max(waits, default=0) / SECOND

    def refused_part(self, begin: float = 0, end: float = 1e9) -> float:
        """Return what part of all calls between two minutes was refused."""
        refused = sum(1 for at in self.refused if begin <= (at - START) / MINUTE < end)
        return refused / max(1, refused + self.calls(begin, end))

    def _between(self, begin: float, end: float) -> list[tuple[int, str, int]]:
        return [call for call in self.admitted if begin <= (call[0] - START) / MINUTE < end]


@dataclass(kw_only=True)
class Call:
    job: Job
    retries: int = 0
    whole: bool = False
    """Whether its whole limit must be reserved."""


class SimulatedWorker:
    """Does what the governor does, without its event loop."""

    def __init__(self, fleet: Fleet, job: Job, pile: str, life: int | None) -> None:
        self.fleet, self.job, self.pile = fleet, job, pile
        self.skew = fleet.dice.randrange(-50, 50)
        self.dead = False
        self.lengths = Lengths()
        if life is not None:
            fleet.later(life, self.die)

    def begin(self, *, rested: float = 0) -> None:
        """Begin, or come back from a rest of so many seconds."""
        if self.fleet.table_is_away:
            self._begin(rested, None)
        else:
            read = self.fleet.schedules.read(MODEL)
            self.fleet.later(self.fleet.reads_are_old, lambda: self._begin(rested, read))

    def _begin(self, rested: float, read: Item | None) -> None:
        if self.dead:
            return
        self.gate = Turnstile(
            caps=self.job.told,
            usual=self.job.usual,
            job=self.job.name,
            priority=self.job.priority,
            chance=self.fleet.dice.random,
            lengths=self.lengths,
            to_come=lambda: self.fleet.left[self.pile],
            rested=rested,
        )
        self.calls: dict[Ticket, Call] = {}
        self.busy = 0
        self.backing_off = 0
        self.rest: float | None = None
        self.left = False
        self.wake = 0
        self.looked_at = self.now
        self.waits_since: int | None = None
        self.idle = False
        self.answered_at = self.now
        if read is not None:
            self.gate.begin(read, self.now)
        self.work()

    @property
    def now(self) -> int:
        return self.fleet.now + self.skew

    def die(self) -> None:
        self._watch()
        self._turn_came()
        self.dead = True
        # What was in flight is asked again.
        self.fleet.left[self.pile] += self.busy
        self.fleet.later(2000, SimulatedWorker(self.fleet, self.job, self.pile, None).begin)

    def work(self) -> None:
        if self.dead or self.left:
            return
        self._watch()
        if self.rest is None:
            self._queue_records()
            if (seconds := self.gate.rest(self.now)) is not None:
                self._rest(seconds)
        if self.rest is not None:
            self._tell()
            self._watch()
            if not self.gate.running and not self.gate.asking:
                self._leave()
                back = partial(self.begin, rested=self.rest)
                self.fleet.later(int(self.rest * SECOND) + COMES_BACK, back)
            return
        for ticket in self.gate.released(self.now):
            self._turn_came()
            self._send(ticket)
        self._tell()
        self._watch()
        if not self.busy:
            if not self.gate.asking:
                self._leave()
            return
        at = self.gate.wakes_at(self.now) - self.skew
        if self.wake <= self.fleet.now or at < self.wake:
            self.wake = at
            self.fleet.later(at - self.fleet.now, self.work)

    def _queue_records(self) -> None:
        while self.busy < self.job.in_flight and self.fleet.left[self.pile] > 0:
            self.fleet.left[self.pile] -= 1
            self.busy += 1
            self._queue(Call(job=self.job))

    def _rest(self, seconds: float) -> None:
        self.rest = max(1, round(seconds))
        self.fleet.rests.append(self.rest)
        self._turn_came()
        # What waits or backs off is left to the next worker; what runs is waited for.
        unasked = len(self.gate.waiting) + self.backing_off
        self.fleet.left[self.pile] += unasked
        self.busy -= unasked
        self.backing_off = 0
        for ticket in [*self.gate.waiting]:
            self.gate.leave(ticket)
            self.calls.pop(ticket)

    def _watch(self) -> None:
        """Count the time since the last look, and see whether calls wait."""
        passed = max(0, self.now - self.looked_at)
        self.looked_at += passed
        self.fleet.paid += passed
        self.fleet.idle += passed if self.idle else 0
        self.idle = self.busy > 0 and not self.gate.running
        if not self.gate.waiting and not self.backing_off:
            self.waits_since = None
        elif self.waits_since is None:
            self.waits_since = self.now

    def _turn_came(self) -> None:
        if self.waits_since is not None:
            self.fleet.waits.append((self.fleet.now, self.now - self.waits_since))
            self.waits_since = self.now

    def _leave(self) -> None:
        self.left = True
        while change := self.gate.closing(self.now):
            self.fleet.writes.append(self.fleet.now)
            self.gate.heard(*self.fleet.schedules.exchange(MODEL, change), self.now)

    def _queue(self, call: Call) -> None:
        job = call.job
        self.calls[self.gate.wait(job.input_tokens + job.max_tokens, self.now)] = call

    def _tell(self) -> None:
        change = self.gate.change(self.now)
        if change is None:
            return
        gate = self.gate
        there, back = (self.fleet.dice.randrange(*self.fleet.table_takes) for _ in range(2))

        def arrive() -> None:
            self.fleet.writes.append(self.fleet.now)
            if self.fleet.table_is_away:
                self.fleet.later(1000, lambda: self._hear(lambda: gate.failed(self.now)))
                return
            applied, item = self.fleet.schedules.exchange(MODEL, change)
            self.fleet.later(back, lambda: self._hear(lambda: gate.heard(applied, item, self.now)))

        self.fleet.later(there, arrive)

    def _hear(self, told: Callable[[], None]) -> None:
        if not self.dead:
            told()
            self.work()

    def _send(self, ticket: Ticket) -> None:
        self.fleet.later(self.fleet.dice.randrange(5, 15), lambda: self._arrive(ticket, self.gate))

    def _arrive(self, ticket: Ticket, gate: Turnstile) -> None:
        fleet, job = self.fleet, self.job
        call = self.calls[ticket] if gate is self.gate else Call(job=job)
        limit = job.max_tokens
        if job.tight and not call.whole:
            limit = self.lengths.limit(limit)
        reserved = job.input_tokens + limit
        reservation = fleet.quotas.reserve(MODEL, reserved, now=fleet.now / 1000)
        if isinstance(reservation, Shortage):
            fleet.refused.append(fleet.now)
            fleet.later(fleet.dice.randrange(15, 40), lambda: self._refused(ticket, gate))
            return
        wanted = max(1, int(fleet.dice.gauss(job.output_tokens, job.output_tokens / 4)))
        output = min(limit, wanted)
        fleet.admitted.append((fleet.now, job.name, job.input_tokens + output))

        def end() -> None:
            reservation.settle(job.input_tokens, output, now=fleet.now / 1000)
            if not self.dead:
                self.answered_at = self.now
                gate.settle(ticket, job.input_tokens + output, self.now)
                if gate is self.gate:
                    self.calls.pop(ticket)
                    self._learn(call, output, limit, wanted)
                    self.work()

        latency = fleet.latency or job.latency
        fleet.later(int(latency * fleet.dice.uniform(0.7, 1.3)), end)

    def _learn(self, call: Call, output: int, limit: int, wanted: int) -> None:
        if wanted > limit and limit < self.job.max_tokens:
            self.fleet.cut.append(self.fleet.now)
            self.lengths.cut(limit)
            call.whole = True
            self._again(call)
        else:
            self.lengths.add(output)
            self.busy -= 1

    def _refused(self, ticket: Ticket, gate: Turnstile) -> None:
        if self.dead or gate is not self.gate:
            return
        gate.throttle(ticket, self.now, None)
        call = self.calls.pop(ticket)
        if self.rest is None and self.now - self.answered_at > NO_ANSWER:
            self._rest(60 * (0.5 + self.fleet.dice.random() / 2))
        backoff = self.fleet.dice.uniform(0, min(5.0, 0.5 * 2**call.retries))
        call.retries += 1
        if self.rest is None:
            self.backing_off += 1
            self.fleet.later(int(backoff * 1000), lambda: self._backed_off(call, gate))
        else:
            self._again(call)
        self.work()

    def _backed_off(self, call: Call, gate: Turnstile) -> None:
        if not self.dead and gate is self.gate and self.rest is None:
            self.backing_off -= 1
            self._again(call)
            self.work()

    def _again(self, call: Call) -> None:
        if self.rest is None:
            self._queue(call)
        else:
            self.busy -= 1
            self.fleet.left[self.pile] += 1
