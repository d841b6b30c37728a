"""The canary: a text that records and answers of tests carry, and that must sing nowhere else.

`silent` is asked by the fakes for all that they are told beside records, `tests/conftest.py` listens to every log line,
and `tests/system/listening.py` to all that a cloud keeps.
"""

import logging
from typing import Any

CANARY = "canary-sings-4711"
# What lies in the bucket and must hold no text of a record.
QUIET = (
    "job.json",
    "planned.json",
    "plan.jsonl",
    "problems.jsonl",
    "outcomes.jsonl",
    "receipt.json",
)


class Sang(AssertionError):
    """A record's text came where it must not."""


def silent(where: str, told: Any) -> None:
    """Fail where the canary sings; whatever it is told is looked at as it would be written down."""
    written = told.decode(errors="replace") if isinstance(told, bytes) else repr(told)
    if CANARY in written:
        raise Sang(f"the canary sings in {where}")


def silent_object(key: str, content: bytes) -> None:
    """The same for an object of the bucket, if it is one that must hold no text."""
    if key.endswith(QUIET):
        silent(key, content)


class Listener(logging.Handler):
    """Hears every log record of the tests, with all that is attached to it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fault = record.exc_info and record.exc_info[1]
        if CANARY in f"{vars(record)!r} {record.getMessage()} {fault!r}":
            self.heard.append(f"{record.name}: {record.filename}:{record.lineno}")
