"""What tables of every kind share: the contract's prompt, filled from a row, and the lines that answer it."""

from typing import Any, NamedTuple

from batchwright.completion import Completion
from batchwright.contract import Contract
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.dialects.jsonl import invalid
from batchwright.errors import RecordInvalid, Refused
from batchwright.record import Record
from batchwright.request import Request, estimated_tokens
from batchwright.template import Template


class Filled(NamedTuple):
    """A row as its answer repeats it, and the prompt that was filled from it."""

    row: Any
    user: str
    system: str | None
    blocks: list[dict[str, Any]] | None = None
    """The prompt in blocks, where a guardrail looks at some of them by themselves."""


class Rows:
    """A file of rows, each of which fills a prompt; answers are JSON lines that repeat the row."""

    errors_inline = False
    header = False

    def __init__(
        self, user: Template, system: Template | None = None, id_field: str = "id"
    ) -> None:
        """``id_field`` is the column that names a row."""
        self.id_field = id_field
        self._user = user
        self._system = system
        self.wanted = user.columns | (system.columns if system else frozenset())
        """The columns that the prompt names."""

    def record(self, record_id: str, values: dict[str, Any], row: Any) -> Record:
        """Fill the prompt from a row's values; raises :class:`RecordInvalid`."""
        try:
            user = self._user.render(values)
            blocks = self._user.blocks(values) if self._user.guards else None
            system = self._system.render(values) if self._system else None
        except RecordInvalid as fault:
            fault.record_id = record_id
            raise
        _check_said(self._user, user, record_id)
        if self._system is not None:
            _check_said(self._system, system or "", record_id)
        return Record(
            record_id=record_id,
            input_tokens=estimated_tokens((user, system or "")),
            shape=Filled(row, user, system, blocks),
        )

    def request(self, record: Record) -> Request:
        """Return the filled prompt."""
        filled: Filled = record.shape
        return question(filled.user, filled.system, filled.blocks)

    def answer(self, record: Record, completion: Completion, answered: Answered) -> dict[str, Any]:  # noqa: ARG002
        """Return the row with the answer beside it."""
        return {
            "id": record.record_id,
            **self.repeated(record),
            "output": completion.text,
        }

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
            **self.repeated(record),
            "output": completion.text if completion else None,
            "error": {
                "code": unanswered.code,
                "message": unanswered.message,
                "param": unanswered.param,
                "line": unanswered.line,
            },
        }

    def repeated(self, record: Record | None) -> dict[str, Any]:
        """Return what the lines of the results repeat of a record."""
        return {"row": record.shape.row if record else None}


def templates_of(contract: Contract) -> tuple[Template, Template | None, str]:
    """Return a contract's prompt, compiled, and its id column; raises :class:`Refused` where it holds no prompt."""
    prompt = contract.prompt
    if prompt is None:
        raise Refused("unknown_dialect", f"contract {contract.name!r} holds no prompt for rows")
    system = Template(prompt.system, name="prompt.system") if prompt.system else None
    return Template(prompt.user, name="prompt.user"), system, prompt.id


def question(
    user: str, system: str | None = None, blocks: list[dict[str, Any]] | None = None
) -> Request:
    """Return the request of one question, in blocks or as one text."""
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": blocks or [{"text": user}]}],
        "inferenceConfig": {},
    }
    if system is not None:
        body["system"] = [{"text": system}]
    return Request(body)


def named(columns: frozenset[str]) -> str:
    """Return columns as a message names them.

    >>> named(frozenset({"title", "price"}))
    "'price', 'title'"
    """
    return ", ".join(repr(column) for column in sorted(columns))


def _check_said(template: Template, text: str, record_id: str) -> None:
    if not text or text.isspace():
        raise invalid(template.name, "it is blank for this row", record_id)
