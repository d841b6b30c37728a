"""Watch: a job's progress, looked up until the job has ended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from batchwright.cli.faults import Code, Halt
from batchwright.cli.show import money
from batchwright.errors import Missing
from batchwright.job import JobRow, Redrive, Status
from batchwright.lane import ON_DEMAND
from batchwright.marked import visible
from batchwright.ports import Jobs

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

PATIENCE = 60.0
"""Seconds in which a job that was sent must appear."""
SOON = 10.0
"""Seconds in which a job that somebody watches may still appear: it may have been sent just before."""
BETWEEN_LOOKS = 0.5
# A look reads a row a chunk; a job of ten thousand chunks is looked at every ten seconds.
CHUNKS_A_SECOND = 1000


def find_job(jobs: Jobs, job_id: str) -> JobRow:
    """Return a job's row with its counts as they are now; raises :class:`Missing`."""
    row = jobs.get(job_id)
    if row is None:
        raise Missing(f"there is no job {job_id!r}; batchwright jobs lists those there are")
    return with_progress(jobs, row)


def with_progress(jobs: Jobs, row: JobRow) -> JobRow:
    """Fill in what the chunks have reported; a job that has ended knows better itself."""
    if row.status.final:
        return row
    tally = jobs.progress(row.job_id, redrive=row.redrives)
    tally.add_all(row.tally)
    return replace(row, tally=tally)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Looks at a job, pauses, and looks again."""

    jobs: Jobs
    pause: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic

    def appears(self, job_id: str, patience: float = PATIENCE, *, redrive: int = 0) -> bool:
        """Wait until a job has its row, or that of a redrive; ``False`` if it gets none in time."""
        ends = self.seconds() + patience
        while (row := self.jobs.get(job_id)) is None or row.redrives < redrive:
            if self.seconds() >= ends:
                return False
            self.pause(BETWEEN_LOOKS)
        return True

    def until_ended(self, job_id: str, show: Callable[[JobRow], None]) -> JobRow:
        """Show a job's progress until it has ended, and return how."""
        while True:
            row = find_job(self.jobs, job_id)
            show(row)
            if row.status.final:
                return row
            self.pause(max(BETWEEN_LOOKS, row.chunks / CHUNKS_A_SECOND))


def watch(job_id: str, stack: "Stack", watcher: Watcher | None = None) -> JobRow:
    """Draw a job's progress on stderr until it has ended; raises :class:`Missing` where it does not appear soon."""
    watcher = watcher or Watcher(jobs=stack.jobs)
    with _leaving(job_id):
        watcher.appears(job_id, SOON)
    return _drawn(watcher, job_id)


def wait(
    job_id: str,
    stack: "Stack",
    watcher: Watcher | None = None,
    *,
    redrive: Redrive | None = None,
) -> JobRow:
    """Watch a job, or a redrive of it, that was only just sent; raises :class:`Halt` where it never appears."""
    watcher = watcher or Watcher(jobs=stack.jobs)
    number = redrive.number if redrive else 0
    what = f"redrive {number} of job {job_id}" if redrive else f"job {job_id}"
    with _leaving(job_id):
        appeared = watcher.appears(job_id, redrive=number)
    if not appeared:
        raise Halt(
            f"{what} has not appeared within {PATIENCE:.0f} s; {_dead_letters(stack)},"
            " and the log of the admit function says more",
            Code.REFUSED,
        )
    began = find_job(watcher.jobs, job_id).redrive
    if redrive and began and began.number == number and began.only != redrive.only:
        endings = ", ".join(began.only) or "none"
        raise Halt(
            f"{what} began with other endings: {endings}; wait for its end, and redrive it then",
            Code.REFUSED,
        )
    return _drawn(watcher, job_id)


def _drawn(watcher: Watcher, job_id: str) -> JobRow:
    with _leaving(job_id), Bar(Console(stderr=True)) as bar:
        return watcher.until_ended(job_id, bar.show)


@contextmanager
def _leaving(job_id: str) -> Iterator[None]:
    """Let Ctrl-C leave the job alone, and say so."""
    try:
        yield
    except KeyboardInterrupt:
        raise Halt(
            f"job {job_id} goes on; see it again with: batchwright watch {job_id}", Code.LEFT
        ) from None


def _dead_letters(stack: "Stack") -> str:
    if stack.dead_letters_url is None:
        return "look into the dead-letter queue of the jobs queue"
    depth = stack.dead_letters(stack.dead_letters_url)
    return f"its dead-letter queue {stack.dead_letters_url} holds {depth} messages"


class Bar:
    """A live progress bar; where nobody looks at a terminal, a line for every status."""

    def __init__(self, console: Console) -> None:
        """``console`` is where it is drawn."""
        self._console = console
        self._status = ""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            RateColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[spent]}", style="dim"),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("looking", total=None, spent="")

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()

    def show(self, row: JobRow) -> None:
        """Draw a job as it stands."""
        status = row.status.value
        if status != self._status and not self._console.is_terminal:
            done = f", {row.tally.settled} of {row.total} records" if row.total else ""
            known = row.lane is not None and row.status is Status.RUNNING
            way = f", {row.lane}: {row.lane_reason}" if known else ""
            told = Text(visible(f"{row.job_id} {status}{done}{way}"))
            self._console.print(told, soft_wrap=True)
        self._status = status
        self._progress.update(
            self._task,
            description=status if row.lane in {None, ON_DEMAND} else f"{status} by {row.lane}",
            total=row.total or None,
            completed=row.tally.settled,
            spent=_spent(row),
        )


class RateColumn(ProgressColumn):
    """Records a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        rate = task.finished_speed or task.speed
        return Text(f"{rate:,.1f}/s" if rate else "-/s", style="progress.data.speed")


def _spent(row: JobRow) -> str:
    usage = row.tally.usage
    tokens = usage.input_tokens + usage.output_tokens
    return f"{tokens:,} tokens  {money(row.tally.cost_usd)}  {row.tally.calls:,} calls"
