"""One line of the input, read."""

from typing import Any

from msgspec import Struct


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """One thing to ask, as its dialect checked it; the dialect makes the request of it when it is asked.

    A struct of msgspec, because planning makes one for every line of files of any size.
    """

    record_id: str
    model: str | None = None
    """The name found in the file, ``None`` where the file names none."""
    family: str | None = None
    """Whose models alone may be asked (:mod:`batchwright.families`): the line holds their native body, or a parameter
    that no other family has. ``None`` where any may be."""
    native: bool = False
    """Whether the line holds a native body of its family, which goes to InvokeModel as it is."""
    embeds: bool = False
    """Whether vectors are wanted and no text."""
    texts: int = 0
    """How many texts want a vector each."""
    dimensions: int | None = None
    """How long a vector shall be, if the line says."""
    input_tokens: int
    """An estimate."""
    max_tokens: int | None = None
    """The most tokens that the answer may have, if the line says."""
    tools: bool = False
    """Whether it brings tools in the words of Converse."""
    attachments: tuple[str, ...] = ()
    """The ``s3://`` addresses that the request names; they are fetched when it is asked."""
    shape: Any
    """The line as its dialect checked it; only the dialect looks inside."""


class Problem(Struct, frozen=True, kw_only=True):
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
