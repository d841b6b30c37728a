"""One line of the input, read."""

from dataclasses import dataclass
from typing import Any

from batchwright.request import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing to ask, as its dialect brought it.

    ``model`` is the name found in the file, ``None`` where the file names none. ``source`` is what the dialect's
    answer repeats of the input: a table's row, Bedrock's ``modelInput``.
    """

    record_id: str
    model: str | None
    request: Request
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a line, or the whole file, may not run: one line of ``problems.jsonl``.

    ``line`` is counted from 1; ``None`` means the file or the message as a whole.
    """

    line: int | None
    record_id: str | None
    code: str
    message: str
    param: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it in the words of OpenAI's and Azure's batch errors."""
        return {
            "line": self.line,
            "record_id": self.record_id,
            "code": self.code,
            "message": self.message,
            "param": self.param,
        }
