"""The ledger of calls: one entry for every call that reached an operation."""

from dataclasses import dataclass, field

import orjson


@dataclass(slots=True, kw_only=True)
class Call:
    """One call: who asked what, the status sent (None: nothing was sent), and the tokens billed."""

    at: float
    api: str
    model: str
    metadata: dict[str, str] | None = None
    status: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """Calls in the order in which they were paid for or refused."""

    _calls: list[Call] = field(default_factory=list)

    def append(self, call: Call) -> None:
        """Write one call down; only its status may still change, when the answer is sent."""
        self._calls.append(call)

    def lines(self) -> bytes:
        """Return all of it as JSON lines."""
        return b"".join(
            orjson.dumps(call, option=orjson.OPT_APPEND_NEWLINE) for call in self._calls
        )
