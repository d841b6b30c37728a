"""The shapes of file that Batchwright takes, one a module; answers leave in the shape that came."""

import orjson

from batchwright.contract import Contract
from batchwright.dialects.converse import Converse
from batchwright.dialects.dialect import Dialect
from batchwright.dialects.openai_chat import OpenAIChat
from batchwright.errors import Refused
from batchwright.lines import Line

__all__ = ["Dialect", "detect", "errors_inline", "open_dialect"]

LINE_DIALECTS: dict[str, type[OpenAIChat | Converse]] = {
    OpenAIChat.name: OpenAIChat,
    Converse.name: Converse,
}
TABLE = "csv"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
KNOWN = "OpenAI Batch JSONL, Bedrock Converse JSONL, and CSV with a contract that holds a prompt"


def detect(first: Line, contract: Contract) -> Dialect:
    """Tell the dialect of a file from its first line that is not blank.

    Raises :class:`Refused` where the line is of no dialect that this version reads; ``invalid_json_line`` where another
    line may still tell.
    """
    content = first.content or b""
    if content.startswith(UTF_16) or b"\x00" in content:
        raise Refused(
            "unsupported_encoding", "the file is not UTF-8; save it as UTF-8", line=first.number
        )
    try:
        fields = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _of_text(content, first.number, contract)
    if isinstance(fields, dict):
        return _of_fields(fields, first.number)
    return _of_text(content, first.number, contract)


def open_dialect(name: str, contract: Contract, header: bytes | None) -> Dialect:
    """Return the dialect that :func:`detect` found, for a worker on one chunk."""
    if name == TABLE:
        return _table(header or b"", 1, contract)
    return LINE_DIALECTS[name]()


def errors_inline(name: str) -> bool:
    """Whether a dialect's output holds the failures, too, between the answers."""
    return name in LINE_DIALECTS and LINE_DIALECTS[name].errors_inline


def _of_fields(fields: dict[str, object], line: int) -> Dialect:
    if "custom_id" in fields or "body" in fields:
        if "params" in fields:
            raise Refused(
                "unsupported_dialect",
                "Anthropic Message Batches files are not read yet; use OpenAI Batch or Bedrock Converse JSONL",
                line=line,
            )
        return OpenAIChat()
    if "modelInput" in fields:
        if Converse.speaks(fields["modelInput"]):
            return Converse()
        raise Refused(
            "unsupported_dialect",
            "modelInput is a model's native InvokeModel body, which is not read yet; write it as Converse",
            line=line,
        )
    raise Refused(
        "unknown_dialect", f"line {line} is JSON of no known dialect; known are {KNOWN}", line=line
    )


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
            f" (contract {contract.name!r} holds none); known are {KNOWN}",
            line=line,
        )
    return _table(content, line, contract)


def _table(header: bytes, line: int, contract: Contract) -> Dialect:
    from batchwright.dialects.table import Table  # noqa: PLC0415 - jinja2 costs a cold start

    return Table.of_header(header, line, contract)
