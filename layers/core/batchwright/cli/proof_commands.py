"""The subcommands about what can be proved of a job, and of a record, each a few lines."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from batchwright.cli import show
from batchwright.cli.arguments import JobId, Json, RecordId, find_stack
from batchwright.cli.evidence import Evidence, Folder, ended, sealed
from batchwright.cli.faults import Code, Halt
from batchwright.cli.ledger import bring, brought
from batchwright.cli.watch import find_job
from batchwright.proof import consistency_of, outcome_of, proof_of, tiles_of
from batchwright.verifying import OUTCOMES

proofs = typer.Typer()


@proofs.command("verify")
def verify_command(
    job: Annotated[
        str, typer.Argument(metavar="JOB|DIR", help="A job's id, or the folder of its files.")
    ],
    *,
    public_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", exists=True, help="Whose signatures are trusted."),
    ] = None,
    with_ledger: Annotated[
        bool,
        typer.Option("--ledger", help="Hold the whole ledger to its signed checkpoints, too."),
    ] = False,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", metavar="FILE", exists=True, help="Hold the input to it, too."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Hold a job's files to its receipt, the ledger and a signed checkpoint; name whatever differs."""
    from batchwright.cli import verify  # noqa: PLC0415 - cryptography costs the command's start

    files = _evidence(job)
    key = verify.read_key(public_key, files) if public_key else None
    found = {"files": verify.verify(files, key, input_file)}
    try:
        if with_ledger:
            found["ledger"] = verify.audit(files, key)
    finally:  # a ledger that cannot be read hides nothing of what was found
        show.write_verified(found, as_json=as_json)
    return verify.code_of(*found.values())


@proofs.command("prove")
def prove_command(
    job: JobId,
    record_id: RecordId,
    *,
    opened: Annotated[
        bool,
        typer.Option(
            "--open", help="Add the record's salt and digests: they show whose text it is."
        ),
    ] = False,
    as_json: Json = False,  # noqa: ARG001 - a proof is JSON anyway
) -> int:
    """Print a record's proof: its leaf, the way to the job's root, to the ledger and to a signature."""
    files = _evidence(job)
    receipt, seal, salt = sealed(files)
    outcome, line = outcome_of(record_id, files.blocks(OUTCOMES))
    proof = proof_of(outcome, line, receipt, seal, salt, tiles_of(files.span), opened=opened)
    show.write_json(proof)
    return Code.DONE


@proofs.command("trace")
def trace_command(job: JobId, record_id: RecordId, *, as_json: Json = False) -> int:
    """Tell the whole story of one record: attempts, findings, verdict, segments, leaf; never what it says."""
    stack = find_stack()
    from batchwright.cli.trace import trace  # noqa: PLC0415 - boto3, as above

    facts = trace(find_job(stack.jobs, job), record_id, stack)
    return _told(facts, as_json=as_json)


@proofs.command("ledger")
def ledger_command(
    *,
    directory: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", file_okay=False, help="Where to put it."),
    ],
    as_json: Json = False,
) -> int:
    """Bring the ledger here: its entries, signed checkpoints and public key."""
    found = bring(directory, find_stack())
    return _told(found, as_json=as_json)


@proofs.command("consistency")
def consistency_command(
    earlier: Annotated[int, typer.Argument(metavar="EARLIER", min=0, help="A size of the ledger.")],
    later: Annotated[int, typer.Argument(metavar="LATER", min=0, help="A later one.")],
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            "--ledger", metavar="DIR", exists=True, help="A ledger that was brought here."
        ),
    ] = None,
    as_json: Json = False,  # noqa: ARG001 - a proof is JSON anyway
) -> int:
    """Print the proof that the ledger only grew from one checkpoint's size to another's (RFC 9162)."""
    if directory is not None:
        entries = brought(directory)[0]
    else:
        entries = [each.content for each in find_stack().ledger.entries()]
    show.write_json(consistency_of(entries, earlier, later))
    return Code.DONE


@proofs.command("forget")
def forget_command(
    job: JobId,
    *,
    sure: Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")] = False,
    as_json: Json = False,
) -> int:
    """Delete all that a job holds of anybody, in all versions; its hashes and receipt stay, and the ledger tells."""
    stack = find_stack()
    from batchwright.cli.forget import forget  # noqa: PLC0415 - boto3, as above

    row = find_job(stack.jobs, job)
    if not sure and not _agreed(f"Delete inputs, answers and working files of job {job} for good?"):
        raise Halt(f"job {job} was not forgotten; --yes does not ask", Code.LEFT)
    found = forget(row, stack)
    return _told(found, as_json=as_json)


def _agreed(question: str) -> bool:
    """Ask on stderr: what stands on stdout is the answer of the command."""
    typer.echo(f"{question} [y/N]: ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not sys.stdin.isatty():  # where nobody types, nothing ends the line of the question
        typer.echo(err=True)
    return answer.strip().lower() in {"y", "yes"}


def _evidence(job: str) -> Evidence:
    """Find a job's files: in a folder here, or in the stack."""
    here = Path(job)
    if here.is_dir():
        return Folder(here)
    stack = find_stack()
    return ended(find_job(stack.jobs, job), stack)


def _told(facts: dict[str, Any], *, as_json: bool) -> Code:
    if as_json:
        show.write_json(facts)
    else:
        show.write_facts(facts)
    return Code.DONE
