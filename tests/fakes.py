"""The world in memory; tests/contract holds it to the same rules as the world on AWS."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from batchwright.circuit import Circuit
from batchwright.completion import Completion
from batchwright.digest import digest
from batchwright.errors import AlreadyExists, ContentFiltered, Missing, UploadGone
from batchwright.job import JobRow, Pin, Reason, Status, may_become
from batchwright.ledger import Appended, Entry, Head
from batchwright.money import Money
from batchwright.outcome import Ending, Outcome, Tally, tally_of
from batchwright.request import Request, estimated_tokens
from batchwright.retention import Due
from batchwright.route import Route
from batchwright.run import Run, RunState
from batchwright.schedule import Change, Item, Span
from batchwright.segment import Settled
from batchwright.usage import Usage
from tests import timelapse
from tests.canary import silent, silent_object

MODEL = "us.amazon.nova-lite-v1:0"
SALT = "5a" * 32
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class MemoryObjects:
    """A versioned bucket."""

    def __init__(self, bucket: str = "box") -> None:
        self.bucket = bucket
        self.versions: dict[str, list[bytes | None]] = {}
        self.uploads: dict[str, bytearray] = {}
        """What is being written, by upload."""
        self._upload_ids = itertools.count()
        self._lock = Lock()

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        content = self._version(key, version_id)
        number = version_id or str(len(self.versions[key]))
        tag = digest(content)
        return Pin(
            bucket=self.bucket, key=key, version_id=number, etag=tag, size=len(content), tag=tag
        )

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        content = self._version(key, None)
        return content if span is None else content[slice(*span)]

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        return self._version(pin.key, pin.version_id)[slice(*span)]

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        content = self._version(pin.key, pin.version_id)
        for place in range(start, len(content), 1000):
            yield content[place : place + 1000]

    def write(self, key: str, content: bytes) -> None:
        silent_object(key, content)
        self.versions.setdefault(key, []).append(content)

    def create(self, key: str, content: bytes) -> None:
        with self._lock:  # as atomic as the real one: workers write from threads
            if self.versions.get(key, [None])[-1] is not None:
                raise AlreadyExists(key)
            self.write(key, content)

    def swap(self, key: str, content: bytes, seen: Pin | None) -> None:
        with self._lock:
            standing = self.versions.get(key, [None])[-1]
            if (None if standing is None else digest(standing)) != (seen.etag if seen else None):
                raise AlreadyExists(key)
            self.write(key, content)

    def delete(self, key: str) -> None:
        self.versions[key].append(None)

    def every_version(self, prefix: str) -> Iterator[tuple[str, str | None]]:
        for key, versions in [*self.versions.items()]:
            if key.startswith(prefix):
                yield from ((key, str(number)) for number in range(1, len(versions) + 1))

    def erase(self, versions: Sequence[tuple[str, str | None]]) -> int:
        for key, number in versions:
            if number is None:
                self.delete(key)
                continue
            standing = self.versions.get(key, [])
            if 0 < int(number) <= len(standing):
                standing[int(number) - 1] = None
            if not any(each is not None for each in standing):
                self.versions.pop(key, None)
        return len(versions)

    def begin(self, key: str) -> "MemoryUpload":
        upload_id = str(next(self._upload_ids))
        self.uploads[upload_id] = bytearray()
        return MemoryUpload(self, key, upload_id)

    def resume(self, key: str, paused: dict[str, Any]) -> "MemoryUpload":
        if content := self.uploads.get(paused["upload_id"]):
            del content[paused["size"] :]
        return MemoryUpload(self, key, paused["upload_id"])

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        yield from sorted(
            key
            for key, versions in self.versions.items()
            if key.startswith(prefix) and key > after and versions[-1] is not None
        )

    def lines(self, key: str) -> list[bytes]:
        return self.read(key).splitlines()

    def _version(self, key: str, version_id: str | None) -> bytes:
        versions = self.versions.get(key, [])
        number = int(version_id) if version_id else len(versions)
        content = versions[number - 1] if 0 < number <= len(versions) else None
        if content is None:
            raise Missing(f"{key} is not there")
        return content


@dataclass
class MemoryUpload:
    objects: MemoryObjects
    key: str
    upload_id: str

    def write(self, block: bytes) -> None:
        self._content.extend(block)

    def finish(self) -> None:
        self.objects.write(self.key, bytes(self._content))
        self.abort()

    def abort(self) -> None:
        self.objects.uploads.pop(self.upload_id, None)

    def pause(self) -> dict[str, Any]:
        return {"upload_id": self.upload_id, "size": len(self._content)}

    @property
    def _content(self) -> bytearray:
        try:
            return self.objects.uploads[self.upload_id]
        except KeyError:
            raise UploadGone(f"the upload of {self.key} is not there") from None


class MemoryJobs:
    """A table of jobs."""

    def __init__(self) -> None:
        self.rows: dict[str, JobRow] = {}
        self.reasons: dict[tuple[str, int], Reason] = {}
        self.reports: dict[tuple[str, int, int], tuple[int, Tally, datetime]] = {}
        self.dues: dict[tuple[datetime, str, str], Due] = {}
        self._lock = Lock()

    def add(self, row: JobRow) -> bool:
        silent("a job's row", row)
        return self.rows.setdefault(row.job_id, row) is row

    def get(self, job_id: str) -> JobRow | None:
        return self.rows.get(job_id)

    def change(self, row: JobRow) -> bool:
        return self._replace(row, may_become(row.status), row.redrives)

    def reopen(self, row: JobRow) -> bool:
        ended = frozenset(status for status in Status if status.final)
        return self._replace(row, ended, row.redrives - 1)

    def _replace(self, row: JobRow, standing: frozenset[Status], redrives: int) -> bool:
        silent("a job's row", row)
        with self._lock:
            found = self.rows.get(row.job_id)
            if found is None or found.status not in standing or found.redrives != redrives:
                return False
            self.rows[row.job_id] = row
            return True

    def stop(self, job_id: str, reason: Reason, *, redrive: int = 0) -> None:
        silent("the reason of a stop", reason)
        self.reasons.setdefault((job_id, redrive), reason)

    def stop_reason(self, job_id: str, *, redrive: int = 0) -> Reason | None:
        return self.reasons.get((job_id, redrive))

    def report_chunk(
        self, job_id: str, chunk: int, segments: int, tally: Tally, *, redrive: int = 0
    ) -> None:
        standing = self.reports.get((job_id, redrive, chunk))
        if standing is None or standing[0] <= segments:
            at = datetime.now(UTC)
            told = (segments, Tally.from_json(tally.to_json()), at)
            self.reports[job_id, redrive, chunk] = told

    def progress(self, job_id: str, *, redrive: int = 0) -> Tally:
        return tally_of(tally for _, tally, _ in self._reports(job_id, redrive))

    def reported_at(self, job_id: str, *, redrive: int = 0) -> datetime | None:
        return max((at for _, _, at in self._reports(job_id, redrive)), default=None)

    def _reports(self, job_id: str, redrive: int) -> list[tuple[int, Tally, datetime]]:
        return [report for (*run, _), report in self.reports.items() if run == [job_id, redrive]]

    def unended(self) -> Iterator[JobRow]:
        yield from [row for row in self.rows.values() if not row.status.final]

    def recent(self, limit: int) -> list[JobRow]:
        rows = sorted(self.rows.values(), key=lambda row: row.created_at, reverse=True)
        return rows[:limit]

    def add_due(self, due: Due) -> None:
        self.dues[due.at, due.job_id, due.what] = due

    def due(self, now: datetime) -> Iterator[Due]:
        yield from [due for (at, *_), due in sorted(self.dues.items()) if at <= now]

    def settle_due(self, due: Due) -> None:
        self.dues.pop((due.at, due.job_id, due.what), None)


class MemoryBudgets:
    """What jobs may spend."""

    def __init__(self, passed: Callable[[], float] = timelapse.passed) -> None:
        """``passed`` is a clock in seconds."""
        self._passed = passed
        self._moved_at: dict[str, float] = {}
        self.held: dict[str, Money] = {}
        self.holds: dict[tuple[str, str], int] = {}
        self._taken: dict[tuple[str, str, str], tuple[int, ...]] = {}
        """What came with each token: the same must come again."""
        self._lock = Lock()

    def reserve(self, job_id: str, amount: int, *, limit: int, token: str) -> bool:
        wish = ("reserve", job_id, token)
        with self._lock:
            money = self.money(job_id)
            if self._again(wish, (amount, limit)):
                return True
            if money.spent + money.reserved + amount > limit:
                return False
            self._taken[wish] = (amount, limit)
            self._move(job_id, reserved=amount)
            return True

    def settle(self, job_id: str, *, reserved: int, spent: int, token: str) -> None:
        wish = ("settle", job_id, token)
        with self._lock:
            if self._again(wish, (reserved, spent)):
                return
            self._taken[wish] = (reserved, spent)
            self._move(job_id, reserved=-reserved, spent=spent)

    def hold(self, job_id: str, amount: int, *, limit: int, name: str) -> int | None:
        with self._lock:
            money = self.money(job_id)
            if (job_id, name) not in self.holds:
                if money.spent + money.reserved + amount > limit:
                    return None
                self.holds[job_id, name] = amount
                self._move(job_id, reserved=amount)
            return self.holds[job_id, name]

    def release(self, job_id: str, *, held: int, spent: int, name: str) -> None:
        with self._lock:
            if self.holds.get((job_id, name)) == held:
                del self.holds[job_id, name]
                self._move(job_id, reserved=-held, spent=spent)

    def money(self, job_id: str) -> Money:
        unmoved = self._passed() - self._moved_at.get(job_id, self._passed())
        held = sum(amount for (job, _), amount in self.holds.items() if job == job_id)
        return replace(self.held.get(job_id, Money()), held=held, unmoved=unmoved)

    def _move(self, job_id: str, *, reserved: int, spent: int = 0) -> None:
        money = self.held.get(job_id, Money())
        reserved += money.reserved
        self.held[job_id] = replace(money, spent=money.spent + spent, reserved=reserved)
        self._moved_at[job_id] = self._passed()

    def _again(self, wish: tuple[str, str, str], words: tuple[int, ...]) -> bool:
        assert self._taken.get(wish, words) == words, "a token stands for one wish"
        return wish in self._taken


class MemorySchedules:
    """How much of each model's limit is given away."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, int]] = {}
        self.reads = 0
        self.writes = 0
        self._lock = Lock()

    def read(self, model: str) -> Item:
        with self._lock:
            self.reads += 1
            return dict(self.items.get(model, {}))

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:
        with self._lock:
            self.writes += 1
            item = self.items.setdefault(model, {})
            if not all(_lies_in(item.get(name), span) for name, span in change.within.items()):
                return False, dict(item)
            for name, number in change.add.items():
                item[name] = item.get(name, 0) + number
            item.update(change.put)
            for name in change.remove:
                item.pop(name, None)
            return True, dict(item)


@dataclass
class MemoryCircuits:
    """Which models are down; who tries one has a minute for it."""

    clock: Callable[[], float]
    circuits: dict[str, Circuit] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def state(self, model: str) -> Circuit:
        with self._lock:
            return self._state(model)

    def open(self, model: str, *, failures: int, opened_at: int) -> None:
        with self._lock:
            self.circuits[model] = Circuit(opened_at, failures)

    def half_open(self, model: str, holder: str, *, opened_at: int) -> bool:
        with self._lock:
            circuit = self._state(model)
            if circuit.holder is not None or circuit.opened_at != opened_at:
                return False
            self.circuits[model] = Circuit(opened_at, holder=holder)
            self.leases[model] = self.clock() + 60
            return True

    def open_again(self, model: str, holder: str, *, failures: int, opened_at: int) -> bool:
        with self._lock:
            if self.circuits.get(model, Circuit()).holder != holder:
                return False
            self.circuits[model] = Circuit(opened_at, failures)
            return True

    def close(self, model: str) -> None:
        with self._lock:
            self.circuits[model] = Circuit()

    def _state(self, model: str) -> Circuit:
        circuit = self.circuits.get(model, Circuit())
        if circuit.holder is not None and self.leases[model] <= self.clock():
            return replace(circuit, holder=None)
        return circuit


@dataclass
class GrantedAccount:
    """Grants what a test says."""

    granted: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def tokens_a_minute(self, model: str) -> int | None:
        self.asked.append(model)
        return self.granted.get(model)


def _lies_in(number: int | None, span: Span) -> bool:
    low, high = span
    if number is None:
        return low is None
    return (low is None or low <= number) and number <= high


@dataclass
class ListedWorkflows:
    started: list[str] = field(default_factory=list)
    """The names of the runs."""
    states: dict[str, RunState] = field(default_factory=dict)
    """How they stand, where they do not run."""

    def start(self, run: Run) -> None:
        silent("an execution's input", run)
        if run.name not in self.started:
            self.started.append(run.name)

    def state(self, run: Run) -> RunState | None:
        if run.name not in self.started:
            return None
        return self.states.get(run.name, RunState.RUNNING)


@dataclass
class ListedEvents:
    said: list[tuple[str, Status]] = field(default_factory=list)
    stalled: list[tuple[str, str]] = field(default_factory=list)
    """The silent jobs that were told, and what was done about them."""

    def job_changed(self, job_id: str, status: Status, detail: Mapping[str, object]) -> None:
        silent("an event", detail)
        self.said.append((job_id, status))

    def job_stalled(self, job_id: str, status: Status, *, minutes: int, did: str) -> None:
        assert not status.final
        assert minutes >= 0
        self.stalled.append((job_id, did))


@dataclass
class StoppedClock:
    time: datetime = NOON

    def now(self) -> datetime:
        return self.time


def settled(index: int, said: str = "a") -> Settled:
    outcome = Outcome(
        index=index,
        line=index + 1,
        record_id=f"r{index}",
        status=Ending.SUCCEEDED,
        usage=Usage(input_tokens=2, output_tokens=1),
        contract_digest="c",
        at="2026-11-22T12:00:00.000Z",
    )
    return outcome, f'{{"said":"{said}\u2028"}}'.encode()


type Script = Callable[[Request, int], Completion]
"""What an engine does with a request, given how many calls it had before."""


def texts_of(request: Request) -> list[str]:
    """Every text of a Converse request, the system's first."""
    messages = [block for message in request.body["messages"] for block in message["content"]]
    blocks = [*request.body.get("system", ()), *messages]
    return [block["text"] for block in blocks if "text" in block]


def echo(request: Request, _call: int = 0) -> Completion:
    """Answer with the last text, as the model host's echo does, cut at the request's limit."""
    text = texts_of(request)[-1]
    limit = request.max_tokens or 10_000
    cut = text[: limit * 4]
    return Completion(
        content=[{"text": cut}],
        stop_reason="end_turn" if cut == text else "max_tokens",
        usage=Usage(
            input_tokens=estimated_tokens(texts_of(request)), output_tokens=-(-len(cut) // 4)
        ),
        latency_ms=5,
        request_id="request-1",
    )


def withholding(text: str) -> Script:
    """Withhold the answer to what holds ``text``; echo the rest."""

    def script(request: Request, call: int) -> Completion:
        if text in texts_of(request):
            raise ContentFiltered("withheld")
        return echo(request, call)

    return script


@dataclass
class ScriptedEngine:
    """Does with every request what a script says, and remembers what it was asked."""

    script: Script = echo
    takes: float = 0.0
    """Seconds from a call to its answer."""
    calls: list[Request] = field(default_factory=list)
    open_calls: int = 0
    most_open: int = 0

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        assert route.model
        assert timeout > 0
        assert metadata["idempotency_key"]
        self.calls.append(request)
        number = len(self.calls) - 1
        self.open_calls += 1
        self.most_open = max(self.most_open, self.open_calls)
        try:
            await asyncio.sleep(self.takes)
            return self.script(request, number)
        finally:
            self.open_calls -= 1


@dataclass
class ListedLedger:
    """The ledger, in memory."""

    appended: list[Appended] = field(default_factory=list)
    grown: Head = field(default_factory=Head)
    once: dict[str, int] = field(default_factory=dict)

    def append(self, entry: Entry) -> Appended:
        if entry.once in self.once:
            return self.appended[self.once[entry.once]]
        self.grown, appended = self.grown.with_entry(entry.content())
        self.once[entry.once] = appended.number
        self.appended.append(appended)
        return appended

    def head(self) -> Head:
        return self.grown

    def entries(self, *, since: int = 0) -> Iterator[Appended]:
        yield from self.appended[since:]
