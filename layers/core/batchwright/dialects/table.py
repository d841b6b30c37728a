"""Tables: comma-separated values (RFC 4180), a prompt from the contract for every row."""

import csv
from typing import Any, NamedTuple, Self

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import invalid
from batchwright.dialects.turns import Turns
from batchwright.errors import RecordInvalid, Refused
from batchwright.lines import LONGEST_ROW, Line, rows
from batchwright.record import Record
from batchwright.request import Request, estimated_tokens
from batchwright.template import Template

# A cell may be as long as a row; the csv module's own limit is 131,072 characters.
csv.field_size_limit(LONGEST_ROW)


class Filled(NamedTuple):
    """A row, and the prompt that was filled from it."""

    row: dict[str, str]
    user: str
    system: str | None


class Table:
    """CSV with a header row; answers are JSON lines that repeat the row."""

    name = "csv"
    framing = staticmethod(rows)
    errors_inline = False
    header = True

    def __init__(self, columns: tuple[str, ...], contract: Contract) -> None:
        """``contract`` must hold a prompt."""
        if contract.prompt is None:
            raise Refused(
                "unknown_dialect", f"contract {contract.name!r} holds no prompt for a table"
            )
        self._columns = columns
        self.id_field = contract.prompt.id
        self._user = Template(contract.prompt.user, name="prompt.user")
        system = contract.prompt.system
        self._system = Template(system, name="prompt.system") if system else None

    @classmethod
    def of_header(cls, header: bytes, line: int, contract: Contract) -> Self:
        """Open a table by its first row; raises :class:`Refused` where the prompt's columns are not all there."""
        try:
            columns = tuple(_cells(header.decode("utf-8")))
        except (UnicodeDecodeError, csv.Error):
            raise Refused(
                "unknown_dialect", "the header row is not CSV in UTF-8", line=line
            ) from None
        if len(set(columns)) < len(columns) or not all(column.strip() for column in columns):
            raise Refused("invalid_header", "every column needs a name of its own", line=line)
        table = cls(columns, contract)
        if missing := table.wanted() - set(columns):
            raise Refused(
                "missing_column",
                f"contract {contract.name!r} asks for {_named(missing)}, the header row has no such column",
                line=line,
            )
        return table

    def wanted(self) -> frozenset[str]:
        """The columns that the prompt names."""
        return self._user.columns | (self._system.columns if self._system else frozenset())

    def read(self, line: Line) -> Record:
        """Read one row and fill the prompt from it; a row without an id is known by its line number."""
        row = self._row(line)
        record_id = row.get(self.id_field) or f"line-{line.number}"
        try:
            user = self._user.render(row)
            system = self._system.render(row) if self._system else None
        except RecordInvalid as fault:
            raise RecordInvalid(
                fault.code, str(fault), param=fault.param, record_id=record_id
            ) from None
        for name, text in (("user", user), ("system", system)):
            if text is not None and not text.strip():
                raise invalid(f"prompt.{name}", "it is blank for this row", record_id)
        return Record(
            record_id=record_id,
            input_tokens=estimated_tokens([user, system or ""]),
            shape=Filled(row, user, system),
        )

    def request(self, record: Record) -> Request:
        """Return the filled prompt."""
        filled: Filled = record.shape
        turns = Turns()
        turns.add("user", [{"text": filled.user}])
        if filled.system is not None:
            turns.system.append({"text": filled.system})
        return Request(turns.body({}))

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:  # noqa: ARG002
        """Return the row with the answer beside it."""
        return {"id": record.record_id, "row": record.shape.row, "output": completion.text}

    def failure(
        self,
        record_id: str | None,
        record: Record | None,
        completion: Completion | None,
        unanswered: Unanswered,
    ) -> dict[str, Any]:
        """Return the row with the reason beside it."""
        return {
            "id": record_id,
            "row": record.shape.row if record else None,
            "output": completion.text if completion else None,
            "error": {
                "code": unanswered.code,
                "message": unanswered.message,
                "param": unanswered.param,
                "line": unanswered.line,
            },
        }

    def _row(self, line: Line) -> dict[str, str]:
        if line.content is None:
            raise RecordInvalid(
                "line_too_long",
                f"the row at line {line.number} is too long, or a quote is not closed",
            )
        try:
            cells = _cells(line.content.decode("utf-8"))
        except UnicodeDecodeError:
            raise RecordInvalid("invalid_row", f"line {line.number} is not UTF-8") from None
        except csv.Error:
            raise RecordInvalid(
                "invalid_row", f"the row at line {line.number} is not CSV: is a quote not closed?"
            ) from None
        if len(cells) != len(self._columns):
            raise RecordInvalid(
                "invalid_row",
                f"the row at line {line.number} has {len(cells)} cells, the header has {len(self._columns)}",
            )
        return dict(zip(self._columns, cells, strict=True))


def _cells(text: str) -> list[str]:
    return next(csv.reader([text], strict=True), [])


def _named(columns: frozenset[str]) -> str:
    return ", ".join(repr(column) for column in sorted(columns))
