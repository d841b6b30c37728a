"""What every dialect can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from batchwright.completion import Completion
from batchwright.lines import Framing, Line
from batchwright.record import Record
from batchwright.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a dialect writes down of an answer besides the answer: who gave it, when, under which key."""

    key: str
    """The record's idempotency key; ids in the output are made from it, so that they never change."""
    model: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """Why there is no answer, for the dialect's own error shape."""

    code: str
    message: str
    line: int
    param: str | None
    key: str
    model: str | None
    at: datetime


class Dialect(Protocol):
    """One shape of file: how it is cut, how a line is read, and what an answer looks like in it."""

    @property
    def name(self) -> str:
        """The word for it in plans and receipts."""
        ...

    @property
    def framing(self) -> Framing:
        """How the file is cut into lines or rows."""
        ...

    @property
    def errors_inline(self) -> bool:
        """Whether the peers who made the dialect write failures into the output, between the answers."""
        ...

    @property
    def id_field(self) -> str:
        """Where a line names its record."""
        ...

    @property
    def header(self) -> bool:
        """Whether the first line names the columns and is no record."""
        ...

    def read(self, line: Line) -> Record:
        """Read and check one line; raises :class:`RecordInvalid`.

        Planning does this for every line of a file of any size: whatever only asking needs waits for :meth:`request`.
        """
        ...

    def request(self, record: Record) -> Request:
        """Return what is asked for a record that :meth:`read` let pass; raises nothing."""
        ...

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line of ``output.jsonl`` for an answered record; ``orjson.Fragment`` may be in it."""
        ...

    def failure(
        self,
        record_id: str | None,
        record: Record | None,
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the line of ``errors.jsonl``.

        ``record`` is ``None`` where the line could not be read, ``completion`` where no answer came or none may be
        shown.
        """
        ...
