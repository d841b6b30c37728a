"""What several subcommands take, and how they find the stack."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id.")]
RecordId = Annotated[str, typer.Argument(metavar="RECORD_ID", help="The record's id in the file.")]
LocalFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", exists=True, dir_okay=False, readable=True, help="A local file."
    ),
]


def find_stack() -> "Stack":
    """Find the stack that the environment names."""
    from batchwright.cli import stack  # noqa: PLC0415 - boto3 costs the command's start, and estimating needs none

    return stack.find_stack()
