"""What Batchwright needs of the world.

Adapters are in ``aws/``; the tests bring their own, held to the same contract.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from batchwright.checkpoint import PublicKey
from batchwright.completion import Completion
from batchwright.contract import Route
from batchwright.job import JobRow, Pin, Reason, Status
from batchwright.ledger import Appended, Entry, Head
from batchwright.money import Money
from batchwright.outcome import Tally
from batchwright.request import Request
from batchwright.run import Run, RunState
from batchwright.schedule import Change, Item


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
        """Return the object's version as it stands; raises :class:`Missing` or :class:`AccessDenied`."""
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

    def upload(self, key: str) -> AbstractContextManager[Upload]:
        """Write an object of any size in constant memory; left by an exception, nothing is written."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``, in order."""
        ...


class Changeable(Objects, Protocol):
    """A bucket in which people's decisions grow, too."""

    def swap(self, key: str, content: bytes, seen: Pin | None) -> None:
        """Write an object over the version that was seen, or over none; raises :class:`AlreadyExists`."""
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

    def money(self, job_id: str) -> Money:
        """Return what a job has spent and reserved, over all its redrives."""
        ...


class Schedules(Protocol):
    """How much of each model's limit is given away, shared by all workers of all jobs."""

    def exchange(self, model: str, change: Change) -> tuple[bool, Item]:
        """Make a change whole, or not at all where a number does not lie in its span; raises :class:`Unavailable`.

        Returns whether it was made, and the numbers: after the change, or as the refused change found them. A reply
        may be lost and the change be made twice.
        """
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


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        ...
