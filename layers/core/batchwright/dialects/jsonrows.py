"""Rows as JSON: every line an object, its members the columns; values of any type."""

from typing import Any, Self

import msgspec
import orjson

from batchwright.contract import Contract
from batchwright.dialects.jsonl import invalid, read_shape
from batchwright.dialects.rows import Rows, named, templates_of
from batchwright.errors import RecordInvalid, Refused
from batchwright.lines import Line, lines
from batchwright.record import Record

NAME = "rows_jsonl"
DECODER = msgspec.json.Decoder(dict[str, Any])


class JsonRows(Rows):
    """JSON lines without a form of their own, and what other files of rows are unfolded to."""

    framing = staticmethod(lines)

    def __init__(self, contract: Contract, name: str = NAME) -> None:
        """``contract`` must hold a prompt; ``name`` is that of the file's dialect."""
        super().__init__(*templates_of(contract))
        self.name = name

    @classmethod
    def of_first(cls, fields: dict[str, Any], line: int, contract: Contract) -> Self:
        """Open a file by its first object, which no other dialect speaks.

        Raises :class:`Refused` where the contract holds no prompt, or names columns that are not there.
        """
        rows = cls(contract)
        if missing := rows.wanted - fields.keys():
            raise Refused(
                "unknown_dialect",
                f"line {line} is JSON of no known dialect, and as a row it lacks {named(missing)},"
                f" which the prompt of contract {contract.name!r} names",
                line=line,
            )
        return rows

    def read(self, line: Line) -> Record:
        """Read one row and fill the prompt from it; a row without an id is known by its line number."""
        values = read_shape(DECODER, line, self.id_field)
        record_id = _id_of(values.get(self.id_field), self.id_field, line.number)
        if not values.keys() >= self.wanted:
            missing = self.wanted - values.keys()
            raise RecordInvalid(
                "invalid_row",
                f"the row at line {line.number} lacks {named(missing)}, which the contract's prompt names",
                param=min(missing),
                record_id=record_id,
            )
        # The line itself is repeated: numbers keep every digit.
        return self.record(record_id, values, orjson.Fragment((line.content or b"").strip()))


def _id_of(value: Any, column: str, line: int) -> str:
    """Return the id that a cell holds: text, or a whole number."""
    if value is None or value == "":
        return f"line-{line}"
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise invalid(column, "an id is a text or a whole number", None)
