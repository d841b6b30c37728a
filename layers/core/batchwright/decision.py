"""What a person decided about a record that was held: one line of ``decisions.jsonl``, and one entry of the ledger.

A decision is about one held text, named by its digest, and is made once. It changes no outcome: a release adds the
answer's line to ``released.jsonl``. The line tells who and why; the ledger tells who, and commits to the rest under the
record's salt, so that nothing can be guessed from it when the job is forgotten.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import DecodeError, Struct
from msgspec.json import Decoder, encode

from batchwright.digest import digest
from batchwright.errors import LogBroken
from batchwright.leaf import Salt, commitment
from batchwright.ledger import Entry
from batchwright.outcome import Outcome

DECISIONS, RELEASED = "decisions.jsonl", "released.jsonl"
LONGEST_NAME, LONGEST_REASON = 200, 2000


class Word(StrEnum):
    """What can be decided."""

    RELEASE = "release"
    REJECT = "reject"

    @property
    def done(self) -> str:
        """How it is told once it is done."""
        return f"{self.value.removesuffix('e')}ed"


class Decision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One decision, as its line tells it."""

    decision: Word
    job_id: str
    redrive: int
    """The run whose outcome the reviewer saw."""
    index: int
    line: int
    record_id: str | None
    held: str
    """SHA-256 of what the quarantine holds: the decision is about this and nothing else."""
    released: str | None
    """SHA-256 of the line that went to ``released.jsonl``, without its line end."""
    by: str
    """Who they say they are."""
    identity: str | None
    """Who AWS says they are."""
    why: str
    at: str

    @property
    def about(self) -> tuple[int, str]:
        """What it decides, once: a record's held text."""
        return self.index, self.held

    def content(self) -> bytes:
        """Return its line, without the line end."""
        return encode(self)

    def entry(self, salt: Salt) -> Entry:
        """Return its entry of the ledger."""
        own = salt.of(self.index)
        facts = {
            "by": self.by,
            "decision": commitment(own, digest(self.content())),
            "held": commitment(own, self.held),
            "identity": self.identity,
            "index": self.index,
            "released": commitment(own, self.released),
        }
        return Entry(self.decision.value, self.job_id, self.at, facts)

    def is_of(self, outcome: Outcome) -> bool:
        """Whether it is about what this outcome says that was held."""
        return (self.index, self.held, self.record_id, self.line) == (
            outcome.index,
            outcome.held,
            outcome.record_id,
            outcome.line,
        )

    def __str__(self) -> str:
        """Tell who did what, when and why."""
        who = self.by if self.identity is None else f"{self.by} ({self.identity})"
        return f"{self.decision.done} by {who} at {self.at}: {self.why}"


_DECISION = Decoder(Decision)


def read_decision(line: bytes) -> Decision:
    """Read one line; raises ``ValueError``."""
    try:
        return _DECISION.decode(line)
    except DecodeError:
        raise ValueError("it is no decision") from None


def read_decisions(content: Iterable[bytes]) -> Iterator[Decision]:
    """Read the lines of a job's decisions; raises :class:`LogBroken`."""
    for number, line in enumerate(content, 1):
        try:
            yield read_decision(line)
        except ValueError:
            raise LogBroken(
                f"{DECISIONS}, line {number}: it is no decision: stop and look"
            ) from None


def checked(text: str, what: str, longest: int) -> str:
    """Return a name or a reason as it may stand in a line; raises ``ValueError``."""
    text = text.strip()
    if not text:
        raise ValueError(f"{what} is missing")
    if len(text) > longest:
        raise ValueError(f"{what} has more than {longest} characters")
    if not text.isprintable():
        raise ValueError(f"{what} has characters that cannot be printed, or more than one line")
    return text
