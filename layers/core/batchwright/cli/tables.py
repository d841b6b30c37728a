"""Tables: every source row of a job in input order, joined back with what became of it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from batchwright.cli.faults import Code, Halt
from batchwright.outcome import Ending

OURS = (
    "batchwright_status",
    "batchwright_output",
    "batchwright_error_code",
    "batchwright_error_message",
)
MOST_COLUMNS = 10_000
"""Names of columns are held in memory; rows that have no names in common are no table."""
LARGEST_EXACT = 2**53
LONG = range(-(2**63), 2**63)


class Kind(StrEnum):
    """What a cell is, as far as the type of its column depends on it."""

    BOOL = "bool"
    INT = "int"
    """A whole number that is the same as a float."""
    LONG = "long"
    """Any other that fits into 64 bits."""
    FLOAT = "float"
    STRING = "string"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A source row and how its record ended; where the row could not be read, ``source`` is empty."""

    source: dict[str, Any]
    status: str
    output: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    size: int = 0
    """The bytes of the line that it was read from."""

    def members(self) -> dict[str, Any] | None:
        """Return the members of an answer that is one JSON object."""
        if self.status != Ending.SUCCEEDED:
            return None
        try:
            # Whole numbers of any size stay exact; half an emoji (a lone surrogate) is no JSON.
            found = msgspec.json.decode(self.output or "")
        except (msgspec.DecodeError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class Joined:
    """A job's rows, read anew from the files that were brought each time somebody iterates."""

    def __init__(self, job_id: str, places: Mapping[str, str]) -> None:
        """``places`` are where ``outcomes``, ``output`` and ``errors`` lie here."""
        self._job_id = job_id
        self._places = places

    def __iter__(self) -> Iterator[Row]:
        """Raise :class:`Halt` where the job is not of a table, or the files do not fit together."""
        with ExitStack() as stack:
            outcomes, output, errors = (
                stack.enter_context(Path(self._places[name]).open("rb"))
                for name in ("outcomes", "output", "errors")
            )
            for outcome in outcomes:
                status = msgspec.json.decode(outcome)["status"]
                answers = output if status == Ending.SUCCEEDED else errors
                yield self._row(status, answers.readline())
            if output.read(1) or errors.read(1):
                raise self._torn()

    def _row(self, status: str, line: bytes) -> Row:
        if not line:
            raise self._torn()
        fields: dict[str, Any] = msgspec.json.decode(line)
        if "row" not in fields:
            raise Halt(
                f"job {self._job_id} is not of a table, and --format is for tables;"
                f" its files are whole in {Path(self._places['outcomes']).parent}",
                Code.USAGE,
            )
        error = fields.get("error") or {}
        return Row(
            source=fields["row"] or {},
            status=status,
            output=fields["output"],
            error_code=error.get("code"),
            error_message=error.get("message"),
            size=len(line),
        )

    def _torn(self) -> Halt:
        return Halt(
            f"outcomes.jsonl of job {self._job_id} does not tell of as many records as output.jsonl"
            " and errors.jsonl; bring the results again",
            Code.REFUSED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A table's columns: the source's, then ours, then the members of the answers.

    ``sources`` and ``members`` are in the order in which they first occur, each with the kinds of its cells.
    """

    sources: dict[str, set[Kind]]
    members: dict[str, set[Kind]]

    def names(self) -> list[str]:
        """Return the columns' names: a source column keeps its own.

        A name of ours that is taken gets underscores at its end until it is free.

        >>> Layout(sources={"output.a": set()}, members={"a": set()}).names()[-1]
        'output.a_'
        """
        names = dict.fromkeys(self.sources)
        for name in (*OURS, *(f"output.{member}" for member in self.members)):
            free = name
            while free in names:
                free += "_"
            names[free] = None
        return [*names]

    def kinds(self) -> list[set[Kind]]:
        """Return the kinds of each column's cells."""
        ours = ({Kind.STRING} for _ in OURS)
        return [*self.sources.values(), *ours, *self.members.values()]

    def cells(self, row: Row) -> list[Any]:
        """Return a row's cells, one a column."""
        members = (self.members and row.members()) or {}
        return [
            *map(row.source.get, self.sources),
            row.status,
            row.output,
            row.error_code,
            row.error_message,
            *map(members.get, self.members),
        ]


def survey(rows: Iterable[Row]) -> Layout:
    """Find the columns; raises :class:`Halt` where they are beyond number.

    Answers have members where every answer is one JSON object, and their names are few enough.
    """
    sources: dict[str, set[Kind]] = {}
    members: dict[str, set[Kind]] = {}
    spread = True
    for row in rows:
        _note(row.source, sources)
        if len(sources) > MOST_COLUMNS:
            raise Halt(
                f"the rows have more than {MOST_COLUMNS:,} columns; use output.jsonl", Code.REFUSED
            )
        if spread and row.status == Ending.SUCCEEDED:
            found = row.members()
            _note(found or {}, members)
            spread = found is not None and len(members) <= MOST_COLUMNS
    return Layout(sources=sources, members=members if spread else {})


def text_of(cell: Any) -> str:
    """Return a cell as text: a string as it is, nothing as nothing, the rest as JSON.

    >>> text_of("a"), text_of(None), text_of(True), text_of([1, "b"])
    ('a', '', 'true', '[1,"b"]')
    """
    if isinstance(cell, str):
        return cell
    return "" if cell is None else json_of(cell)


def json_of(cell: Any) -> str:
    """Return a cell as JSON, whole numbers of any size included."""
    return msgspec.json.encode(cell).decode()


def kind_of(cell: Any) -> Kind:
    """Tell what a cell is."""
    match cell:
        case str():
            return Kind.STRING
        case bool():
            return Kind.BOOL
        case float():
            return Kind.FLOAT
        case int() if abs(cell) <= LARGEST_EXACT:
            return Kind.INT
        case int() if cell in LONG:
            return Kind.LONG
    return Kind.JSON


def _note(cells: dict[str, Any], columns: dict[str, set[Kind]]) -> None:
    for name, cell in cells.items():
        kinds = columns.setdefault(name, set())
        if cell is not None:
            kinds.add(kind_of(cell))
