"""The subcommands, each a few lines: find the stack, do one thing, say how it is."""

import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from batchwright import __version__
from batchwright.cli import show
from batchwright.cli.arguments import JobId, Json, LocalFile, find_stack
from batchwright.cli.bill import facts_of
from batchwright.cli.contract_commands import contracts
from batchwright.cli.estimate import estimate, terms_of
from batchwright.cli.export import Format, export
from batchwright.cli.faults import Code, told
from batchwright.cli.proof_commands import proofs
from batchwright.cli.redrive import Redrivable, cancel, redrive
from batchwright.cli.results import download
from batchwright.cli.review import review
from batchwright.cli.show_estimate import Reading, write_estimate
from batchwright.cli.submit import Via, submit
from batchwright.cli.watch import find_job, wait, watch, with_progress
from batchwright.contract import DEFAULT
from batchwright.errors import Missing
from batchwright.job import JobRow
from batchwright.quotas import Quota

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

app = typer.Typer(
    help="Run large language models over files on AWS.",
    epilog="Exit codes: 0 done, 2 wrong usage or no AWS, 3 not every record succeeded or may run, 4 refused or failed,"
    " 5 not as it was sealed.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(contracts, name="contract")
app.add_typer(proofs)
app.add_typer(review, name="review")

Wait = Annotated[
    bool, typer.Option("--wait", help="Wait, with a progress bar, until the job has ended.")
]


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; whatever goes wrong is one line on stderr, and a code."""
    try:
        code: int | None = app(
            args=None if arguments is None else [*arguments],
            prog_name="batchwright",
            standalone_mode=False,
        )
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as left:
        # Whoever read it has gone, for which rich and typer leave with a code of their own.
        if not any(isinstance(each, BrokenPipeError) for each in (left, left.__context__)):
            raise
        sys.stdout = None  # the interpreter must not flush into nothing
        return Code.DONE
    except Exception as fault:  # noqa: BLE001 - the one place that ends every failure in a line
        return told(fault)
    return code or Code.DONE


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"batchwright {__version__}")
        raise typer.Exit


@app.callback()
def batchwright(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Run large language models over files on AWS."""


@app.command("submit")
def submit_command(
    file: LocalFile,
    *,
    contract: Annotated[
        str, typer.Option(metavar="NAME", help="The contract to run under.")
    ] = DEFAULT,
    via: Annotated[Via, typer.Option(help="Drop it in the inbox, or send a message.")] = Via.S3,
    again: Annotated[
        bool, typer.Option("--again", help="Run it although it ran before; always by the queue.")
    ] = False,
    dialect: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="What the file is, if not its first line tells; by the queue."
        ),
    ] = None,
    wait_for_end: Wait = False,
    as_json: Json = False,
) -> int:
    """Upload a file and make it a job. The same file under the same contract is the same job."""
    stack = find_stack()
    submitted = submit(
        file,
        stack,
        contract=contract,
        via=Via.QUEUE if again or dialect else via,
        again=uuid.uuid4().hex if again else None,
        dialect=dialect,
    )
    if not as_json:
        said = "is a new job" if submitted.new else _standing(submitted.row, stack)
        typer.echo(f"job {submitted.job_id} {said}", err=True)
    row = wait(submitted.job_id, stack) if wait_for_end else submitted.standing()
    return _told_job(with_progress(stack.jobs, row), stack, as_json=as_json, new=submitted.new)


@app.command("status")
def status_command(job: JobId, *, as_json: Json = False) -> int:
    """Say how a job stands."""
    stack = find_stack()
    return _told_job(find_job(stack.jobs, job), stack, as_json=as_json)


@app.command("watch")
def watch_command(job: JobId, *, as_json: Json = False) -> int:
    """Show a job's progress until it has ended."""
    stack = find_stack()
    return _told_job(watch(job, stack), stack, as_json=as_json)


@app.command("results")
def results_command(
    job: JobId,
    *,
    directory: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", file_okay=False, help="Where to put them."),
    ],
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Of a table: write its rows with their answers, too."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Download all files of a job that has ended."""
    stack = find_stack()
    row = find_job(stack.jobs, job)
    brought = download(row, directory, stack)
    table = {"table": export(job, form, brought, stack.objects)} if form else {}
    return _told_job(row, stack, as_json=as_json, places=brought | table)


@app.command("redrive")
def redrive_command(
    job: JobId,
    *,
    only: Annotated[
        list[Redrivable] | None,
        typer.Option(
            "--only", help="Ask again what ended so, too, besides what was never asked; repeatable."
        ),
    ] = None,
    wait_for_end: Wait = False,
    as_json: Json = False,
) -> int:
    """Run a job that has ended once more, over what was never asked. Successes are never asked again."""
    stack = find_stack()
    row = redrive(job, only or (), stack)
    if not as_json:
        advice = "" if wait_for_end else "; to wait for its end, use --wait: it has not begun yet"
        typer.echo(f"redrive {row.redrives} of job {job} is sent{advice}", err=True)
    if wait_for_end:
        row = wait(job, stack, redrive=row.redrive)
    return _told_job(row, stack, as_json=as_json)


@app.command("cancel")
def cancel_command(job: JobId, *, wait_for_end: Wait = False, as_json: Json = False) -> int:
    """Stop a job. It ends soon, one that waits for batches or an endpoint in some minutes; redrive goes on with it."""
    stack = find_stack()
    row = cancel(job, stack)
    if not as_json:
        typer.echo(f"job {job} is told to stop", err=True)
    return _told_job(watch(job, stack) if wait_for_end else row, stack, as_json=as_json)


@app.command("jobs")
def jobs_command(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> int:
    """List the newest jobs."""
    stack = find_stack()
    rows = [with_progress(stack.jobs, row) for row in stack.jobs.recent(limit)]
    found = [show.facts_of(row, stack.objects.bucket) for row in rows]
    if as_json:
        show.write_json({"jobs": found})
    else:
        show.write_jobs(found)
    return Code.DONE


@app.command("estimate")
def estimate_command(
    file: LocalFile,
    *,
    contract: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A contract here: its file, or its name without .yaml."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A model that may be asked; repeatable.")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the file is, if it cannot be told.")
    ] = None,
    rpm: Annotated[
        int | None, typer.Option(min=1, help="Your account's requests a minute, of every model.")
    ] = None,
    tpm: Annotated[
        int | None, typer.Option(min=1, help="Your account's tokens a minute, of every model.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Say what a file would do and cost, without AWS: records, tokens, money, time, problems."""
    terms = terms_of(contract, model or ())
    with Reading() as reading:
        found = estimate(file, terms, dialect, reading.seen)
    facts = facts_of(file, found, Quota(rpm=rpm, tpm=tpm))
    if as_json:
        show.write_json(facts)
    else:
        write_estimate(facts)
    return found.code


def _standing(row: JobRow | None, stack: "Stack") -> str:
    """Say that a job stands, and whether what it published was deleted since."""
    left = ""
    try:
        if row and row.results and "outcomes" in row.results:
            stack.head(row.results["outcomes"])
    except Missing:
        left = ", and its results are no longer there"
    return f"stands already{left}; --again runs it once more"


def _told_job(
    row: JobRow,
    stack: "Stack",
    *,
    as_json: bool,
    new: bool | None = None,
    places: Mapping[str, str | None] | None = None,
) -> Code:
    """Print a job; ``places`` are where its files lie here, if they were brought."""
    facts: dict[str, Any] = show.facts_of(row, stack.objects.bucket)
    if new is not None:
        facts["new"] = new
    if places is not None:
        facts["results"] = dict.fromkeys(show.RESULTS) | {**places}
    if as_json:
        show.write_json(facts)
    else:
        show.write_lines(show.lines_of(facts))
    return show.code_of(row)
