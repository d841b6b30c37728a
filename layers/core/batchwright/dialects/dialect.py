"""What every dialect can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from batchwright.completion import Completion
from batchwright.errors import RecordInvalid
from batchwright.lines import Framing, Line
from batchwright.outcome import Ending
from batchwright.record import Record

LONGEST_NAME_SHOWN = 64


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

    ending: Ending
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
    def header(self) -> bool:
        """Whether the first line names the columns and is no record."""
        ...

    def read(self, line: Line) -> Record:
        """Read one line; raises :class:`RecordInvalid`."""
        ...

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:
        """Return the line of ``output.jsonl`` for an answered record."""
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


class Fields(BaseModel):
    """Base of the shapes that lines must have: nothing unknown, nothing quoted in errors."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, strict=True)


def checked[F: Fields](shape: type[F], fields: Any, record_id: str | None) -> F:
    """Return ``fields`` in their shape, or raise :class:`RecordInvalid` naming the first parameter at fault."""
    try:
        return shape.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        param = _path(first["loc"])
        message = (
            f"{param} is not supported"
            if first["type"] == "extra_forbidden"
            else f"{param}: {first['msg']}"
        )
        raise RecordInvalid("invalid_request", message, param=param, record_id=record_id) from None


def _path(steps: tuple[int | str, ...]) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_NAME_SHOWN]}"
    return path.removeprefix(".") or "the line"
