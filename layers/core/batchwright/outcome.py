"""How one record ended, and how many ended how."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from batchwright.usage import Usage


class Ending(StrEnum):
    """The six ways in which a record can end (law 1)."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    REVIEW = "review"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Outcome(Struct, frozen=True, kw_only=True, gc=False):
    """One record's end: our own facts, one line of ``outcomes.jsonl``.

    ``attempts`` counts the calls that were made for it, ``ambiguous_attempts`` those that got no whole answer and may
    have been billed. ``cost_usd`` is ``None`` where the model's price is not known. ``cached`` says that an earlier
    answer to the same request stands for this record, too.
    """

    index: int
    line: int
    record_id: str | None
    status: Ending
    error: dict[str, Any] | None = None
    model: str | None = None
    route: int | None = None
    tier: str | None = None
    stop_reason: str | None = None
    attempts: int = 0
    ambiguous_attempts: int = 0
    usage: Usage = Usage()
    estimated: bool = False
    """Whether its last answer's tokens were estimated: whoever answered did not count them."""
    cost_usd: float | None = 0.0
    saved_usd: float = 0.0
    """What prompt caches have saved of that."""
    cached: bool = False
    latency_ms: int | None = None
    waited_ms: int = 0
    """How long its last worker waited for turns at the model, and after calls that failed."""
    request_digest: str | None = None
    idempotency_key: str | None = None
    contract_digest: str
    verdict: str | None = None
    """What the filters say; ``None`` where nothing was looked at."""
    findings: list[dict[str, Any]] = []
    """What they found: filter, kind and place, never the text."""
    held: str | None = None
    """SHA-256 of the object in the quarantine that holds what was withheld."""
    input_digest: str | None = None
    """SHA-256 of the record's line in the input, without its line end; ``None`` where it is too long to be read."""
    output_digest: str | None = None
    """SHA-256 of the line that went to ``output.jsonl`` or ``errors.jsonl``, without its line end."""
    leaf: str | None = None
    """The hash of the record's leaf in the job's tree; ``None`` in jobs of versions that had none."""
    at: str
    """When it was settled, ISO 8601 in UTC."""

    def facts(self) -> bytes:
        """Return its line, in the order in which its facts stand here: so they are read best."""
        return ENCODER.encode(self)


ENCODER = Encoder()
DECODER = Decoder(Outcome)


class Counted(Struct, frozen=True, gc=False):
    """What is read again of an outcome: enough to find and count it. The rest is carried as the bytes that it is."""

    index: int
    status: Ending
    usage: Usage
    cost_usd: float | None
    saved_usd: float = 0.0
    cached: bool = False
    leaf: str | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """How many records ended how, what they used, and what that cost."""

    counts: dict[Ending, int] = field(default_factory=lambda: dict.fromkeys(Ending, 0))
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    calls: int = 0
    ambiguous_calls: int = 0
    cached: int = 0
    """The records that the exact cache has answered."""
    saved_usd: float = 0.0
    """What prompt caches have saved."""

    @property
    def settled(self) -> int:
        """The records that have ended."""
        return sum(self.counts.values())

    def add(self, outcome: Outcome | Counted) -> None:
        """Count one outcome. Its calls are not taken from it: segments count those, wasted ones included."""
        self.counts[outcome.status] += 1
        self.usage += outcome.usage
        self.cached += outcome.cached
        self.cost_usd = add_costs(self.cost_usd, outcome.cost_usd)
        self.saved_usd = round(self.saved_usd + outcome.saved_usd, 12)

    def add_all(self, other: "Tally") -> None:
        """Count what another tally has counted."""
        for ending, count in other.counts.items():
            self.counts[ending] += count
        self.usage += other.usage
        self.cost_usd = add_costs(self.cost_usd, other.cost_usd)
        self.calls += other.calls
        self.ambiguous_calls += other.ambiguous_calls
        self.cached += other.cached
        self.saved_usd = round(self.saved_usd + other.saved_usd, 12)

    def to_json(self) -> dict[str, Any]:
        """Return it as the job's row and the receipt keep it."""
        return {
            "counts": {ending.value: count for ending, count in self.counts.items()},
            "usage": self.usage.to_json(),
            "cost_usd": self.cost_usd,
            "calls": self.calls,
            "ambiguous_calls": self.ambiguous_calls,
            "cached": self.cached,
            "saved_usd": self.saved_usd,
        }

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Tally":
        """Read what :meth:`to_json` wrote."""
        return cls(
            counts={ending: int(facts["counts"].get(ending, 0)) for ending in Ending},
            usage=Usage(**{name: int(count) for name, count in facts["usage"].items()}),
            cost_usd=None if facts["cost_usd"] is None else float(facts["cost_usd"]),
            calls=int(facts["calls"]),
            ambiguous_calls=int(facts["ambiguous_calls"]),
            cached=int(facts.get("cached", 0)),  # earlier versions had no caches
            saved_usd=float(facts.get("saved_usd", 0)),
        )


def tally_of(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    total = Tally()
    for tally in tallies:
        total.add_all(tally)
    return total


def add_costs(known: float | None, more: float | None) -> float | None:
    """Add two costs; an unknown one makes the sum unknown."""
    # Rounded to what a table can mean: a millionth of a millionth of a dollar.
    return None if known is None or more is None else round(known + more, 12)
