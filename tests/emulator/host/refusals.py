"""Every way in which the host refuses a call, with the status, type and words that Bedrock uses."""

from typing import Final


class Refusal(Exception):
    """A call that gets an error answer: an HTTP status, an error type and a message."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


def invalid(message: str) -> Refusal:
    """Return the refusal of a request that can never succeed as it is."""
    return Refusal(400, "ValidationException", message)


def too_many(what: str) -> Refusal:
    """Return the refusal of a call over its quota of requests or tokens."""
    return Refusal(429, "ThrottlingException", f"Too many {what}, please wait before trying again.")


def failed(message: str) -> Refusal:
    """Return the refusal of a call that broke inside the host."""
    return Refusal(500, "InternalServerException", message)


def unsigned() -> Refusal:
    """Return the refusal of a call without credentials."""
    return Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def unknown_operation() -> Refusal:
    """Return the refusal of a path that is no operation of ours."""
    return Refusal(404, "UnknownOperationException", "This host does not know the operation.")


def scripted(do: str) -> Refusal | None:
    """Return the refusal that a scripted fault asks for, or None if it asks for something else."""
    return Refusal(*SCRIPTED[do]) if do in SCRIPTED else None


# 529 is not in Bedrock's service model: some model APIs answer it through Bedrock when overloaded.
SCRIPTED: Final = {
    "throttle": (
        429,
        "ThrottlingException",
        "Too many requests, please wait before trying again.",
    ),
    "500": (
        500,
        "InternalServerException",
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    "503": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    "529": (529, "OverloadedException", "The model is overloaded. Try your request again later."),
    "400": (400, "ValidationException", "The request was refused by a scripted fault."),
    "403": (
        403,
        "AccessDeniedException",
        "You don't have access to the model with the specified model ID.",
    ),
    "404": (404, "ResourceNotFoundException", "The resource does not exist."),
}
