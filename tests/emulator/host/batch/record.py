"""One line of a job's input."""

import uuid
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Record:
    """What is asked, and under which id."""

    id: str
    model_input: Any

    @classmethod
    def read(cls, line: bytes) -> "Record":
        """Read a line, or raise ValueError; a record without an id is given one, as Bedrock does."""
        members = orjson.loads(line)
        if not isinstance(members, dict) or "modelInput" not in members:
            raise ValueError("the line is no record")
        return cls(str(members.get("recordId") or uuid.uuid4().hex), members["modelInput"])

    def said(self, **outcome: Any) -> bytes:
        """Return a line of the output."""
        told = {"modelInput": self.model_input, **outcome, "recordId": self.id}
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
