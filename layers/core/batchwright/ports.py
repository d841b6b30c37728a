"""What Batchwright needs of the world.

Adapters are in ``aws/``; the tests bring their own, held to the same contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # a port is a type: who needs one need not load what it speaks of
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from batchwright.batchjob import BatchJob, BatchState
    from batchwright.checkpoint import PublicKey
    from batchwright.circuit import Circuit
    from batchwright.completion import Completion
    from batchwright.endpointcall import EndpointCall, Placed
    from batchwright.job import JobRow, Pin, Reason, Status
    from batchwright.ledger import Appended, Entry, Head
    from batchwright.money import Money
    from batchwright.outcome import Tally
    from batchwright.request import Request
    from batchwright.retention import Due
    from batchwright.route import Route
    from batchwright.run import Run, RunState
    from batchwright.schedule import Change, Item
    from batchwright.submission import SubmissionRow


class Upload(Protocol):
    """An object that is being written, block by block; it appears whole at the end, or not at all."""

    def write(self, block: bytes) -> None:
        """Add bytes; raises :class:`UploadGone`."""
        ...

    def finish(self) -> None:
        """Make the object appear; raises :class:`UploadGone`."""
        ...

    def abort(self) -> None:
        """Leave nothing behind."""
        ...

    def pause(self) -> dict[str, Any]:
        """Return all that resuming needs as JSON values, a few megabytes at most; the upload may also go on."""
        ...


class Objects(Protocol):
    """One bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""
        ...

    def pin(self, key: str, version_id: str | None = None) -> Pin:
        """Return the object's version as it stands.

        Raises :class:`Missing`, :class:`AccessDenied`, or :class:`KeyDenied` where only its key is at fault.
        """
        ...

    def read(self, key: str, *, span: tuple[int, int] | None = None) -> bytes:
        """Return an object, or its bytes from ``span[0]`` up to ``span[1]``; raises :class:`Missing`."""
        ...

    def read_pinned(self, pin: Pin, *, span: tuple[int, int]) -> bytes:
        """Return bytes of one version; raises :class:`Missing`."""
        ...

    def blocks(self, pin: Pin, *, start: int = 0) -> Iterator[bytes]:
        """Yield one version's bytes from ``start`` on, in blocks; raises :class:`Missing`."""
        ...

    def write(self, key: str, content: bytes) -> None:
        """Write an object whole."""
        ...

    def create(self, key: str, content: bytes) -> None:
        """Write an object that must not exist yet; raises :class:`AlreadyExists`."""
        ...

    def begin(self, key: str) -> Upload:
        """Write an object of any size in constant memory, in one run or in several."""
        ...

    def resume(self, key: str, paused: dict[str, Any]) -> Upload:
        """Go on where an upload was paused, whatever was written to it since.

        The same pause can be resumed again, until one of its uploads is finished or the bucket sweeps it away. Then
        writing or finishing raises :class:`UploadGone`.
        """
        ...

    def keys(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order, from behind ``after`` on."""
        ...


class Changeable(Objects, Protocol):
    """A bucket in which people's decisions grow, too."""

    def swap(self, key: str, content: bytes, seen: Pin | None) -> None:
        """Write an object over the version that was seen, or over none; raises :class:`AlreadyExists`."""
        ...


class Erasable(Objects, Protocol):
    """A bucket from which things can be taken for good."""

    def every_version(self, prefix: str) -> Iterator[tuple[str, str | None]]:
        """Yield every version, and every mark of a deletion, of the keys that begin with ``prefix``."""
        ...

    def erase(self, versions: Sequence[tuple[str, str | None]]) -> int:
        """Delete up to a thousand versions; return how many. Those that are gone already count, too."""
        ...


class Jobs(Protocol):
    """The table of jobs."""

    def add(self, row: JobRow) -> bool:
        """Write a new job's row; ``False`` where the job already has one."""
        ...

    def get(self, job_id: str) -> JobRow | None:
        """Return a job's row."""
        ...

    def change(self, row: JobRow) -> bool:
        """Replace a job's row; ``False`` where the job has ended, is further already, or was redriven since."""
        ...

    def reopen(self, row: JobRow) -> bool:
        """Replace the row of a job that has ended by that of its next redrive; ``False`` where it is not the next."""
        ...

    def stop(self, job_id: str, reason: Reason, *, redrive: int = 0) -> None:
        """Note why the job must stop; the first reason stands. A redrive begins without one."""
        ...

    def stop_reason(self, job_id: str, *, redrive: int = 0) -> Reason | None:
        """Return why the job must stop."""
        ...

    def report_chunk(
        self, job_id: str, chunk: int, segments: int, tally: Tally, *, redrive: int = 0
    ) -> None:
        """Note how far a chunk has come after ``segments`` segments; an older report changes nothing."""
        ...

    def progress(self, job_id: str, *, redrive: int = 0) -> Tally:
        """Return what all chunks of a job have reported."""
        ...

    def reported_at(self, job_id: str, *, redrive: int = 0) -> datetime | None:
        """Return when a chunk of the job reported last."""
        ...

    def unended(self) -> Iterator[JobRow]:
        """Yield the jobs that have not ended, in no order; one that changes meanwhile may come twice or not at all."""
        ...

    def recent(self, limit: int) -> list[JobRow]:
        """Return the newest jobs, newest first."""
        ...

    def add_due(self, due: Due) -> None:
        """Note what is to be deleted of a job, and when."""
        ...

    def due(self, now: datetime) -> Iterator[Due]:
        """Yield what is to be deleted by now, the oldest first."""
        ...

    def settle_due(self, due: Due) -> None:
        """Take a note away: it was done, or need not be."""
        ...


class Budgets(Protocol):
    """What jobs may spend, shared by all workers of a job."""

    def reserve(self, job_id: str, amount: int, *, limit: int, token: str) -> bool:
        """Set money aside for calls, in billionths of a dollar.

        ``False``, and nothing is set aside, where what is spent and reserved would pass ``limit``. ``token`` names the
        wish: made again within ten minutes, it is the same.
        """
        ...

    def settle(self, job_id: str, *, reserved: int, spent: int, token: str) -> None:
        """Give back what was ``reserved``, and book what was ``spent`` of it. ``token`` as in :meth:`reserve`."""
        ...

    def hold(self, job_id: str, amount: int, *, limit: int, name: str) -> int | None:
        """Set money aside under a name, for as long as it takes; return how much is held under it.

        Where the name holds some, that stays so. ``None``, and nothing is set aside, where there is not so much.
        """
        ...

    def release(self, job_id: str, *, held: int, spent: int, name: str) -> None:
        """Give back what is ``held`` under a name, and book what was ``spent`` of it, once."""
        ...

    def money(self, job_id: str) -> Money:
        """Return what a job has spent and reserved, over all its redrives, and for how long nothing of it has moved."""
        ...


class Schedules(Protocol):
    """How much of each model's limit is given away, shared by all workers of all jobs."""

    def read(self, model: str) -> Item:
        """Return the numbers as they were a moment ago, none where there are none; raises :class:`Unavailable`."""
        ...

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:
        """Make a change whole, or not at all where a number does not lie in its span; raises :class:`Unavailable`.

        Returns whether it was made, and the numbers: after the change, or as the refused change found them. A reply
        may be lost and the change be made twice.
        """
        ...


class Circuits(Protocol):
    """Which models are down, as all workers of all jobs tell each other; each may raise :class:`Unavailable`."""

    def state(self, model: str) -> Circuit:
        """Return how a model stands."""
        ...

    def open(self, model: str, *, failures: int, opened_at: int) -> None:
        """Tell that a model is down, since a time in seconds since 1970; nobody tries it then."""
        ...

    def half_open(self, model: str, holder: str, *, opened_at: int) -> bool:
        """Whether the holder is the one that tries whether a model is back.

        ``False`` where another one does and has not had a minute for it yet, where the model is back, or where it was
        found down again after ``opened_at``.
        """
        ...

    def open_again(self, model: str, holder: str, *, failures: int, opened_at: int) -> bool:
        """Tell that a model is down still, where the holder is the one that tries; whether it was.

        It is until another one tries, also when it had its minute.
        """
        ...

    def close(self, model: str) -> None:
        """Tell that a model answers."""
        ...


class Account(Protocol):
    """The account that is asked for answers."""

    def tokens_a_minute(self, model: str) -> int | None:
        """Return what AWS grants it of a model, ``None`` where that is not known or not to be had; raises nothing."""
        ...


class Workflows(Protocol):
    """The state machine."""

    def start(self, run: Run) -> None:
        """Start one run of a job; one that was started stands."""
        ...

    def state(self, run: Run) -> RunState | None:
        """Return how a run stands, ``None`` where it was never started."""
        ...


class Events(Protocol):
    """Who wants to know."""

    def job_changed(self, job_id: str, status: Status, detail: Mapping[str, object]) -> None:
        """Say that a job has another status."""
        ...

    def job_stalled(self, job_id: str, status: Status, *, minutes: int, did: str) -> None:
        """Say that a job gave no sign of life for so many minutes, and what the sweeper did about it."""
        ...


class Ledger(Protocol):
    """The stack's log of what happened to its jobs; it only grows."""

    def append(self, entry: Entry) -> Appended:
        """Add an entry; one that stands already is told, and not added again. Raises :class:`Unavailable`."""
        ...

    def head(self) -> Head:
        """Return how far the log has come."""
        ...

    def entries(self, *, since: int = 0) -> Iterator[Appended]:
        """Yield the entries in order, from a number on."""
        ...


class Signer(Protocol):
    """Has the ledger's private key, and never shows it."""

    def public_key(self) -> PublicKey:
        """Return whose signatures these are."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the Ed25519 signature of a message; raises :class:`Unavailable` or :class:`AccessDenied`."""
        ...


class Engine(Protocol):
    """A service that answers requests; the route says which of its models, and where."""

    async def ask(
        self, request: Request, *, route: Route, timeout: float, metadata: Mapping[str, str]
    ) -> Completion:
        """Make exactly one call, and wait ``timeout`` seconds at most.

        Raises :class:`AskAgain`, :class:`RecordEnds` or :class:`JobStops`. ``metadata`` goes with the call where the
        service keeps such a thing; it must hold no personal data.
        """
        ...


class BatchInference(Protocol):
    """Bedrock's batch inference."""

    def start(self, wish: BatchJob) -> str:
        """Start a job and return its ARN; a repeat of the token starts nothing more.

        Raises :class:`Throttled` where too many jobs run already or the call came too fast, :class:`AccessDenied`,
        :class:`ModelUnknown`, :class:`RecordInvalid` where the wish itself is refused, or :class:`Unavailable`.
        """
        ...

    def state(self, arn: str) -> BatchState:
        """Return how a job stands; raises :class:`Missing` or :class:`Unavailable`."""
        ...

    def find(self, name: str) -> str | None:
        """Return the ARN of the job of a name, whose reply may have been lost; raises :class:`Unavailable`."""
        ...

    def stop(self, arn: str) -> None:
        """Stop a job; one that has ended, or is stopping, is left alone. Raises :class:`Unavailable`."""
        ...


class Endpoints(Protocol):
    """SageMaker's asynchronous endpoints."""

    def send(self, call: EndpointCall) -> Placed:
        """Queue one call and return where its answer will lie; a repeat is a call of its own.

        Raises :class:`Throttled`, :class:`Unavailable`, :class:`TimedOut` where nobody knows whether it waits there,
        :class:`AccessDenied`, also where the endpoint writes into another bucket, :class:`ModelUnknown` where there is
        no such endpoint, or :class:`RecordInvalid`.
        """
        ...


class Tasks(Protocol):
    """Executions that wait for a word."""

    def succeed(self, token: str, answer: Mapping[str, Any]) -> bool:
        """Give a waiting task its answer; ``False`` where it waits no longer. Raises :class:`Unavailable`."""
        ...


class Submissions(Protocol):
    """How submissions stand; rows that expire some time after their last change."""

    def add(self, row: SubmissionRow) -> SubmissionRow:
        """Write the row of what is about to be handed over, and return it; one that stands is left and returned."""
        ...

    def get(self, name: str) -> SubmissionRow | None:
        """Return a row as it stands."""
        ...

    def started(self, name: str, place: str) -> None:
        """Note what the service calls it."""
        ...

    def register(self, name: str, token: str) -> SubmissionRow:
        """Note which task waits, in place of an earlier one; return the row as it is then.

        What :meth:`arrived` and :meth:`ended` note before, the row returned tells; what they note later, they find the
        token for. Raises :class:`Missing`.
        """
        ...

    def arrived(self, name: str, indexes: Iterable[int]) -> SubmissionRow | None:
        """Note records whose answers were announced; return the row as it is then, ``None`` where there is none."""
        ...

    def ended(self, name: str) -> SubmissionRow | None:
        """Note that the service says it is over; return the row as it is then, ``None`` where there is none."""
        ...


class Slots(Protocol):
    """Places of which there are only so many; each is held for a time, and free again when that is over."""

    def take(self, resource: str, holder: str, *, limit: int, until: float) -> bool:
        """Take one of ``limit`` places until a time in seconds since 1970; ``False`` where all are held by others.

        Taken again by the same holder, it is the same place, for longer. Raises :class:`Unavailable`.
        """
        ...

    def give(self, resource: str, holder: str) -> None:
        """Give the place back; who holds none changes nothing. Raises :class:`Unavailable`."""
        ...

    def held(self, resource: str) -> frozenset[str]:
        """Return who holds a place now."""
        ...


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...
