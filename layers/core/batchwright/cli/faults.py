"""What the command says when it cannot go on: one line that tells what to do, and an exit code."""

import sys
import traceback
from enum import IntEnum
from pathlib import Path

from typer.exceptions import Abort, TyperException

from batchwright.errors import AskAgain, BatchwrightError, JobStops


class Code(IntEnum):
    """The exit codes of the command."""

    DONE = 0
    """All went well; of a job: it runs, or every record succeeded."""
    USAGE = 2
    """The command was called wrongly, or finds no stack or no AWS."""
    OTHERWISE = 3
    """The job has ended, and not every record succeeded; of an estimate: some may not run; of contracts: unlike."""
    REFUSED = 4
    """The job was refused or failed, or what was named is not there."""
    DIFFERENT = 5
    """What was to be verified is not as it was sealed."""
    LEFT = 130
    """Somebody pressed Ctrl-C, or did not say yes."""


class Halt(Exception):
    """The command cannot go on; the message says why and what to do."""

    def __init__(self, message: str, code: Code) -> None:
        """``message`` is one line."""
        super().__init__(message)
        self.code = code


def told(fault: Exception) -> int:
    """Write one line about what went wrong to stderr, and return the exit code."""
    code, message = _answer(fault)
    line = " ".join(message.split())
    if line:
        sys.stderr.write(f"batchwright: {line}\n")
    return code


def _answer(fault: Exception) -> tuple[int, str]:
    match fault:
        case Halt():
            return fault.code, str(fault)
        case Abort():
            return Code.LEFT, "left"
        case BatchwrightError() if not isinstance(fault, AskAgain | JobStops):
            return Code.REFUSED, str(fault)
    message = _of_surroundings(fault)
    if message is not None:
        return Code.USAGE, message
    return 1, f"this should not have happened: {type(fault).__name__} at {_place(fault)}: {fault}"


def _of_surroundings(fault: Exception) -> str | None:
    """Tell what is wrong around the command: its arguments, AWS, the network, the disk."""
    match fault:
        case TyperException():
            return fault.format_message()
        case BatchwrightError():
            return f"{fault}; check the network and your permissions, then try again"
    message = _of_aws(fault)  # first, because some of botocore's faults are OSErrors, too
    if message is None and isinstance(fault, OSError):
        message = f"{fault.filename or 'a file'}: {fault.strerror or fault}"
    return message


def _of_aws(fault: Exception) -> str | None:
    """Look at botocore's faults only where somebody has loaded it: estimating needs no AWS."""
    if "botocore" not in sys.modules:
        return None
    from batchwright.cli.awsfaults import advice  # noqa: PLC0415 - botocore costs the command's start

    return advice(fault)


def _place(fault: Exception) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
