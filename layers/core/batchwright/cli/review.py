"""``batchwright review``: who is held, what they say, and what somebody decides about them."""

import getpass
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from batchwright.aws.clock import SystemClock
from batchwright.cli import show, show_review
from batchwright.cli.arguments import JobId, Json, RecordId, find_stack
from batchwright.cli.evidence import ended
from batchwright.cli.faults import Code, Halt
from batchwright.cli.watch import find_job
from batchwright.decision import LONGEST_NAME, LONGEST_REASON, Word, checked
from batchwright.finding import Stage
from batchwright.outcome import Outcome
from batchwright.reviewing import Decided, Review, Reviewer, told

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

review = typer.Typer(
    help="Records that filters held: look at them, release or reject them.", no_args_is_help=True
)

Blocked = Annotated[
    bool, typer.Option("--blocked", help="Those that were blocked, too, not only those for review.")
]
Kind = Annotated[
    str | None, typer.Option(metavar="KIND", help="Only those held for this kind of finding.")
]
By = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Who you are, beside what AWS says; else your local user."),
]
Why = Annotated[str, typer.Option(metavar="TEXT", help="The reason. It is kept, and not secret.")]
Whom = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RECORD_ID]...", help="The records' ids in the file."),
]
Every = Annotated[
    bool,
    typer.Option("--all", help="Every record that waits for review, or with --kind those of it."),
]


@review.command("list")
def list_command(
    job: JobId,
    *,
    blocked: Blocked = False,
    kind: Kind = None,
    decided: Annotated[
        bool, typer.Option("--decided", help="Those that were decided about, too.")
    ] = False,
    as_json: Json = False,
) -> int:
    """List the records that wait for somebody: ids, filters and kinds, never a word of what they say."""
    stack = find_stack()
    found = _review(job, stack).waiting(blocked=blocked, kind=kind)
    facts = [each.to_json() for each in found if decided or each.decision is None]
    if as_json:
        show.write_json({"job_id": job, "held": facts})
    else:
        show_review.write_queue(facts)
    return Code.DONE


@review.command("show")
def show_command(job: JobId, record_id: RecordId, *, as_json: Json = False) -> int:
    """Show what was asked and answered. The one command that prints what a record says."""
    looked = _review(job, find_stack())
    waiting = looked.find(record_id)
    held = looked.held(waiting.outcome)
    facts = waiting.to_json() | {"findings": waiting.outcome.findings}
    if as_json:
        kept = {name: held[name] for name in ("asked", "answered", "answer")}
        show.write_json({"job_id": job, **facts, **kept})
    else:
        show_review.write_held(facts, held)
    return Code.DONE


def _deciding(word: Word) -> Callable[..., int]:
    """Return the command that decides so."""

    def decide(
        job: JobId,
        records: Whom = None,
        *,
        why: Why,
        by: By = None,
        every: Every = False,
        kind: Kind = None,
        as_json: Json = False,
    ) -> int:
        chosen = _Chosen(records or (), every, kind)
        try:
            reason = checked(why, "the reason (--why)", LONGEST_REASON)
        except ValueError as fault:
            raise Halt(str(fault), Code.USAGE) from None
        stack = find_stack()
        looked = _review(job, stack)
        outcomes, left = chosen.of(looked, word)
        decided = [*looked.decide(outcomes, word, reason, _reviewer(by, stack))]
        show_review.write_left(left)
        if as_json:
            facts = [{**(told(each.decision) or {}), "new": each.new} for each in decided]
            show.write_json({"job_id": job, "decisions": facts})
        elif decided or not left:
            show_review.write_decided(decided)
        return Code.REFUSED if any(_otherwise(each, word) for each in decided) else Code.DONE

    return decide


review.command(
    "release", help="Add held answers to released.jsonl. The outcomes stay as they are."
)(_deciding(Word.RELEASE))
review.command("reject", help="Decide that held answers are not released.")(_deciding(Word.REJECT))


@review.command("serve")
def serve_command(
    job: JobId,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On 127.0.0.1; without it, one that is free.")
    ] = 0,
    by: By = None,
    blocked: Blocked = False,
    as_json: Json = False,
) -> int:
    """Serve a page on this machine alone, to go through the records by keyboard. Ctrl-C ends it."""
    from batchwright.cli.desk import Desk  # noqa: PLC0415 - only this command serves anything
    from batchwright.cli.serving import serving  # noqa: PLC0415

    stack = find_stack()
    desk = Desk(_review(job, stack), _reviewer(by, stack), blocked=blocked)
    with serving(desk, port) as url, suppress(KeyboardInterrupt):
        if as_json:
            show.write_json({"job_id": job, "url": url})
        else:
            typer.echo(f"{url}\nThe address is a key: show it to nobody. Ctrl-C ends it.")
        sys.stdout.flush()
        Event().wait()
    return Code.DONE


class _Chosen:
    """The records that a command names: one by one, or all that wait for review. What was blocked is named singly."""

    def __init__(self, record_ids: Sequence[str], every: bool, kind: str | None) -> None:
        if bool(record_ids) == every:
            raise Halt("name records by their ids, or all that wait with --all", Code.USAGE)
        if kind and not every:
            raise Halt("--kind goes with --all", Code.USAGE)
        self.record_ids = record_ids
        self.kind = kind

    def of(self, looked: Review, word: Word) -> tuple[list[Outcome], list[Outcome]]:
        """Return what is to be decided about, and what waits and has no answer that could be released."""
        if self.record_ids:
            return [each.outcome for each in looked.find_all(self.record_ids)], []
        chosen: list[Outcome] = []
        left: list[Outcome] = []
        for each in looked.waiting(kind=self.kind):
            if each.decision is None:
                unasked = word is Word.RELEASE and each.stage == Stage.INPUT
                (left if unasked else chosen).append(each.outcome)
        return chosen, left


def _otherwise(decided: Decided, word: Word) -> bool:
    return decided.decision.decision is not word


def _review(job: str, stack: "Stack") -> Review:
    row = find_job(stack.jobs, job)
    ended(row, stack)
    if not row.total:
        raise Halt(f"job {job} was refused: it has no records", Code.REFUSED)
    return Review(job, row.redrives, stack.objects, stack.ledger, SystemClock())


def _reviewer(by: str | None, stack: "Stack") -> Reviewer:
    identity = stack.caller()
    try:
        name = checked(by or _local_user() or identity or "", "your name (--by)", LONGEST_NAME)
    except ValueError as fault:
        raise Halt(str(fault), Code.USAGE) from None
    return Reviewer(name, identity)


def _local_user() -> str | None:
    try:
        return getpass.getuser()
    except OSError:  # a user without a name
        return None
