"""Documents: the pieces that a text was cut into, read as rows; and the records that join the answers to them."""

from typing import Any

import msgspec

from batchwright.contract import Contract
from batchwright.dialects.jsonl import Name, Shape, read_shape
from batchwright.dialects.rows import Rows, named, templates_of
from batchwright.document import COLUMNS
from batchwright.errors import ContractInvalid, RecordInvalid, Refused
from batchwright.lines import Line, lines
from batchwright.record import Record
from batchwright.template import Template

JOIN = "document.join"


class PieceLine(Shape, frozen=True, kw_only=True):
    """A piece, as :mod:`batchwright.unfolding.document` writes it."""

    id: Name
    name: str
    part: int
    text: str
    first_line: int


class JoinLine(Shape, frozen=True, kw_only=True):
    """Answers to be joined, and how many of the records that should have one have none."""

    id: Name
    name: str
    parts: list[str]
    missing: int


PIECES = msgspec.json.Decoder(PieceLine)
JOINS = msgspec.json.Decoder(JoinLine)


class Document(Rows):
    """Text or Markdown, unfolded to pieces; answers do not repeat the text."""

    name = "document"
    framing = staticmethod(lines)

    def __init__(self, contract: Contract) -> None:
        """``contract`` must hold a prompt that names nothing but what documents have."""
        user, system, _ = templates_of(contract)
        super().__init__(user, system)
        if unknown := self.wanted - COLUMNS:
            raise Refused(
                "missing_column",
                f"contract {contract.name!r} asks for {named(unknown)}, and a document has {named(COLUMNS)}",
            )

    def read(self, line: Line) -> Record:
        """Fill the prompt from one piece."""
        piece = read_shape(PIECES, line, self.id_field)
        values = {"name": piece.name, "part": piece.part, "text": piece.text}
        return self.record(piece.id, values, piece.part)

    def repeated(self, record: Record | None) -> dict[str, Any]:
        """Return the piece's number."""
        return {"part": record.shape.row if record else None}


class DocumentJoin(Rows):
    """The records of the second pass: each asks for one answer of the answers to several pieces."""

    name = "document_join"
    framing = staticmethod(lines)

    def __init__(self, contract: Contract) -> None:
        """``contract`` must say how answers are joined."""
        super().__init__(_join_of(contract))

    def read(self, line: Line) -> Record:
        """Fill the join from the answers of one group."""
        group = read_shape(JOINS, line, self.id_field)
        if group.missing:
            # What is left out must not look as if it had been read.
            raise RecordInvalid(
                "join_incomplete",
                f"{group.missing} of {group.missing + len(group.parts)} answers to be joined are not there",
                record_id=group.id,
            )
        return self.record(group.id, {"name": group.name, "parts": group.parts}, None)

    def repeated(self, record: Record | None) -> dict[str, Any]:  # noqa: ARG002 - it is of all of them
        """Return that it is of no single piece."""
        return {"part": None}


def _join_of(contract: Contract) -> Template:
    if contract.document is None or contract.document.join is None:
        raise ContractInvalid(f"contract {contract.name!r} does not say document.join")
    return Template(contract.document.join, name=JOIN)
