"""The shapes of file that Batchwright takes, one a module; answers leave in the shape that came."""

from functools import cache
from importlib import import_module
from typing import Any, Protocol

import orjson

from batchwright.contract import Contract
from batchwright.dialects.dialect import Dialect
from batchwright.errors import Refused
from batchwright.lines import Line

__all__ = ["NAMES", "Dialect", "detect", "errors_inline", "open_dialect"]

# Module and class of each, in the order in which a line is shown to them; a worker loads only the one that it needs.
OF_OBJECTS = {
    "anthropic": ("anthropic", "Anthropic"),
    "openai_responses": ("openai_responses", "OpenAIResponses"),
    "openai_completions": ("openai_completions", "OpenAICompletions"),
    "openai_embeddings": ("openai_embeddings", "OpenAIEmbeddings"),
    "openai_chat": ("openai_chat", "OpenAIChat"),
    "bedrock_converse": ("converse", "Converse"),
    "bedrock_invoke": ("invoke_model", "InvokeModel"),
    "gemini": ("gemini", "Gemini"),
    "vertex": ("gemini", "Vertex"),
}
# These are filled into the contract's prompt.
TABLES = ("csv", "tsv")
ROWS = ("rows_jsonl", "parquet")
DOCUMENTS = ("document", "document_join")
NAMES = (*OF_OBJECTS, *TABLES, *ROWS, "document")
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
KNOWN = "; docs/formats.md tells the dialects, and --dialect says which it is"


def detect(first: Line, contract: Contract, wanted: str | None = None) -> Dialect:
    """Tell the dialect of a file from its first line that is not blank, or take the one that is ``wanted``.

    Raises :class:`Refused` where the line is of no dialect that is known, or may be broken and another still tell.
    """
    content = first.content or b""
    if content.startswith(UTF_16) or b"\x00" in content:
        raise Refused(
            "unsupported_encoding", "the file is not UTF-8; save it as UTF-8", line=first.number
        )
    if wanted is not None:
        return _wanted(wanted, first, contract)
    try:
        fields = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _of_text(content, first.number, contract)
    if isinstance(fields, dict):
        return _of_fields(fields, first.number, contract)
    return _of_text(content, first.number, contract)


def open_dialect(name: str, contract: Contract, header: bytes | None) -> Dialect:
    """Return the dialect that :func:`detect` found, for a worker on one chunk."""
    if name in TABLES:
        return _table(header or b"", 1, contract, name)
    if name in ROWS:
        return _rows(contract, name)
    if name in DOCUMENTS:
        return _document(contract, name)
    return _of_objects(name, contract)


def errors_inline(name: str) -> bool:
    """Whether a dialect's output holds the failures, too, between the answers."""
    return name in OF_OBJECTS and bool(_class_of(name).errors_inline)


class Speaker(Dialect, Protocol):
    """A dialect whose lines are JSON objects that tell by themselves what they are."""

    def speaks(self, fields: dict[str, Any]) -> bool:
        """Whether a line is of this dialect."""
        ...


def _of_objects(name: str, contract: Contract) -> Speaker:
    made = _class_of(name)
    # Only native bodies need to know whom the contract asks: some do not tell their family.
    opened: Speaker = made(contract) if name == "bedrock_invoke" else made()
    return opened


@cache
def _class_of(name: str) -> Any:
    module, class_name = OF_OBJECTS[name]
    return getattr(import_module(f"batchwright.dialects.{module}"), class_name)


def _wanted(name: str, first: Line, contract: Contract) -> Dialect:
    if name not in NAMES:
        raise Refused("unknown_dialect", f"known dialects are {', '.join(NAMES)}")
    return open_dialect(name, contract, first.content)


def _of_fields(fields: dict[str, Any], line: int, contract: Contract) -> Dialect:
    if contract.prompt is None:
        if spoken := _spoken(fields, contract):
            return spoken
        raise Refused(
            "unknown_dialect", f"line {line} is JSON of no known dialect{KNOWN}", line=line
        )
    from batchwright.dialects.jsonrows import JsonRows  # noqa: PLC0415 - jinja2 costs a cold start

    rows = JsonRows(contract)
    # Mails have a body, too: where all that a prompt names is there, a row is meant.
    if rows.wanted and rows.wanted <= fields.keys() and not _is_addressed(fields):
        return rows
    return _spoken(fields, contract) or JsonRows.of_first(fields, line, contract)


def _spoken(fields: dict[str, Any], contract: Contract) -> Dialect | None:
    dialects = (_of_objects(name, contract) for name in OF_OBJECTS)
    return next((dialect for dialect in dialects if dialect.speaks(fields)), None)


def _is_addressed(fields: dict[str, Any]) -> bool:
    """Whether a line says where it is to be sent, as OpenAI's do."""
    return fields.get("method") == "POST" or str(fields.get("url")).startswith("/v1/")


def _of_text(content: bytes, line: int, contract: Contract) -> Dialect:
    if content.lstrip().startswith(b"{"):
        raise Refused(
            "invalid_json_line",
            f"line {line} is not JSON, so the file's dialect cannot be told",
            line=line,
        )
    if contract.prompt is None:
        raise Refused(
            "unknown_dialect",
            f"line {line} is not a JSON object; to run a table, name a contract that holds a prompt"
            f" (contract {contract.name!r} holds none){KNOWN}",
            line=line,
        )
    return _table(content, line, contract)


def _table(header: bytes, line: int, contract: Contract, name: str | None = None) -> Dialect:
    from batchwright.dialects.table import Table  # noqa: PLC0415 - jinja2 costs a cold start

    return Table.of_header(header, line, contract, name)


def _rows(contract: Contract, name: str) -> Dialect:
    from batchwright.dialects.jsonrows import JsonRows  # noqa: PLC0415 - jinja2 costs a cold start

    return JsonRows(contract, name)


def _document(contract: Contract, name: str) -> Dialect:
    from batchwright.dialects.document import Document, DocumentJoin  # noqa: PLC0415 - as above

    return Document(contract) if name == Document.name else DocumentJoin(contract)
