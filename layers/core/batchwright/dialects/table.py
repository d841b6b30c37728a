"""Tables of text: values separated by commas (RFC 4180) or by tabs, a prompt from the contract for every row."""

import csv
from functools import partial
from typing import Self

from batchwright.contract import Contract
from batchwright.dialects.rows import Rows, named, templates_of
from batchwright.errors import RecordInvalid, Refused
from batchwright.lines import LONGEST_ROW, SEPARATORS, Line, rows
from batchwright.record import Record

# A cell may be as long as a row; the csv module's own limit is 131,072 characters.
csv.field_size_limit(LONGEST_ROW)


class Table(Rows):
    """CSV or TSV with a header row, quotes as in RFC 4180 in both."""

    header = True

    def __init__(self, columns: tuple[str, ...], contract: Contract, name: str = "csv") -> None:
        """``contract`` must hold a prompt; ``name`` is ``csv`` or ``tsv``."""
        super().__init__(*templates_of(contract))
        self.name = name
        self._columns = columns
        self._separator = SEPARATORS[name]
        self.framing = partial(rows, separator=self._separator)

    @classmethod
    def of_header(
        cls, header: bytes, line: int, contract: Contract, name: str | None = None
    ) -> Self:
        """Open a table by its first row; raises :class:`Refused` where the prompt's columns are not all there.

        It is TSV where the columns are found between tabs and not between commas, unless ``name`` says what it is.
        """
        if name is not None:
            return cls._opened(header, line, contract, name)
        try:
            return cls._opened(header, line, contract, "csv")
        except Refused:
            if b"\t" not in header:
                raise
        return cls._opened(header, line, contract, "tsv")

    @classmethod
    def _opened(cls, header: bytes, line: int, contract: Contract, name: str) -> Self:
        try:
            columns = tuple(_cells(header.decode("utf-8"), SEPARATORS[name]))
        except (UnicodeDecodeError, csv.Error):
            raise Refused(
                "invalid_header",
                f"the header row is not {name.upper()} in UTF-8: is a quote not closed?",
                line=line,
            ) from None
        if len(set(columns)) < len(columns) or not all(column.strip() for column in columns):
            raise Refused("invalid_header", "every column needs a name of its own", line=line)
        table = cls(columns, contract, name)
        if missing := table.wanted - set(columns):
            told = f"contract {contract.name!r} asks for {named(missing)}, the header row has no such column"
            if header.lstrip().startswith(b"["):
                told += "; a list in JSON is no table: write an object a line"
            raise Refused("missing_column", told, line=line)
        return table

    def read(self, line: Line) -> Record:
        """Read one row and fill the prompt from it; a row without an id is known by its line number."""
        row = self._row(line)
        return self.record(row.get(self.id_field) or f"line-{line.number}", row, row)

    def _row(self, line: Line) -> dict[str, str]:
        if line.content is None:
            raise RecordInvalid(
                "line_too_long",
                f"the row at line {line.number} is too long, or a quote is not closed",
            )
        try:
            cells = _cells(line.content.decode("utf-8"), self._separator)
        except UnicodeDecodeError:
            raise RecordInvalid("invalid_row", f"line {line.number} is not UTF-8") from None
        except csv.Error:
            raise RecordInvalid(
                "invalid_row",
                f"the row at line {line.number} is not {self.name.upper()}: is a quote not closed?",
            ) from None
        if len(cells) != len(self._columns):
            raise RecordInvalid(
                "invalid_row",
                f"the row at line {line.number} has {len(cells)} cells, the header has {len(self._columns)}",
            )
        return dict(zip(self._columns, cells, strict=True))


def _cells(text: str, separator: bytes) -> list[str]:
    return next(csv.reader([text], delimiter=separator.decode(), strict=True), [])
