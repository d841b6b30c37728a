"""What every dialect can do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from batchwright.completion import Completion
from batchwright.errors import RecordInvalid
from batchwright.lines import Framing, Line
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


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("Bedrock takes no blank text")
    return text


type Text = Annotated[str, AfterValidator(_not_blank)]
"""A text that says something."""

# More than any model writes; and a sum over any file stays a number that every store can hold.
type TokenLimit = Annotated[int, Field(ge=1, le=1_000_000)]


def checked[F: Fields](shape: type[F], fields: Any, record_id: str | None, *, at: str = "") -> F:
    """Return ``fields`` in their shape, or raise :class:`RecordInvalid` naming the first parameter at fault.

    ``at`` is where in the line the fields stand.
    """
    try:
        return shape.model_validate(fields)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
        param = _path((at, *first["loc"]) if at else first["loc"])
        unknown = first["type"] == "extra_forbidden"
        told = "is not supported" if unknown else first["msg"].removeprefix("Value error, ")
        message = f"{param} {told}" if unknown else f"{param}: {told}"
        raise RecordInvalid("invalid_request", message, param=param, record_id=record_id) from None


def _path(steps: tuple[int | str, ...]) -> str:
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step[:LONGEST_NAME_SHOWN]}"
    return path.removeprefix(".") or "the line"
