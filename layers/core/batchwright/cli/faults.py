"""What the command says when it cannot go on: one line that tells what to do, and an exit code."""

import sys
import traceback
from enum import IntEnum
from pathlib import Path

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's name for it
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from typer.exceptions import TyperException

from batchwright.errors import AskAgain, BatchwrightError, JobStops

LAPTOP = "on the laptop: source .local/env"
SIGN_IN = f"sign in again (aws sso login, or new keys), or {LAPTOP}"
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_KEYS = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
FORBIDDEN = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}


class Code(IntEnum):
    """The exit codes of the command."""

    DONE = 0
    """All went well; of a job: it runs, or every record succeeded."""
    USAGE = 2
    """The command was called wrongly, or finds no stack or no AWS."""
    OTHERWISE = 3
    """The job has ended, and not every record succeeded."""
    REFUSED = 4
    """The job was refused or failed, or what was named is not there."""
    LEFT = 130
    """Somebody pressed Ctrl-C."""


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
        case ClientError():
            return _of_aws(fault)
        case BotoCoreError():
            return _of_botocore(fault)
        case OSError():
            return f"{fault.filename or 'a file'}: {fault.strerror or fault}"
    return None


def _of_aws(fault: ClientError) -> str:
    error = fault.response.get("Error", {})
    code, operation = error.get("Code", "Unknown"), fault.operation_name
    if code in EXPIRED:
        return f"the AWS credentials have expired; {SIGN_IN}"
    if code in UNKNOWN_KEYS:
        return f"AWS does not know these credentials ({code}); {SIGN_IN}"
    if code in FORBIDDEN:
        return f"AWS does not let you call {operation}; ask for that permission"
    return f"AWS says {code} to {operation}: {error.get('Message', '')}"


def _of_botocore(fault: BotoCoreError) -> str:
    match fault:
        case NoRegionError():
            return f"no AWS Region is set; export AWS_REGION, or {LAPTOP}"
        case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError():
            return f"there are no AWS credentials; run aws configure or aws sso login, or {LAPTOP}"
        case SSOError() | TokenRetrievalError():
            return "the AWS sign-in has expired; run aws sso login"
        case ProfileNotFound():
            return f"{fault}; see AWS_PROFILE"
        case ConnectionError() | HTTPClientError():
            place = fault.kwargs.get("endpoint_url") or "AWS"
            return f"{place} cannot be reached; check the network, or on the laptop run: make up"
    return str(fault)


def _place(fault: Exception) -> str:
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
