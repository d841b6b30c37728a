"""A segment: some outcomes of a chunk, one immutable object of its log.

The first line is the header; then every outcome has two lines: its facts, and the very line of ``output.jsonl`` or
``errors.jsonl``. So the log is the content of the results, and closing a job copies bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import DecodeError
from msgspec.json import Decoder, Encoder

from batchwright.digest import digest
from batchwright.errors import LogBroken
from batchwright.outcome import Counted, Outcome
from batchwright.usage import Usage

type Settled = tuple[Outcome, bytes]
"""An outcome and its line of the results, without line end."""


class LogEntry(NamedTuple):
    """A settled outcome as the log holds it: its two lines, without their ends, and what counts of the first."""

    counted: Counted
    facts: bytes
    result: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What was spent on a record that is still open."""

    calls: int = 0
    ambiguous_calls: int = 0
    counted_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    saved_usd: float = 0.0
    collected: bool = False
    """Whether what a lane answered is among it."""
    handed: int = 0
    """How many of the calls were the lane's."""

    def facts(self) -> dict[str, Any]:
        """Return what the outcome of a record that stays without an answer tells of it."""
        return {
            "attempts": self.calls,
            "ambiguous_attempts": self.ambiguous_calls,
            "usage": self.usage,
            "cost_usd": self.cost_usd,
            "saved_usd": self.saved_usd,
        }


type Claim = tuple[tuple[int, int], ...]
"""Records that a worker works on, as the first and the last index of every run of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a writer tells besides outcomes, all of it since its last segment."""

    calls: int = 0
    ambiguous_calls: int = 0
    efforts: Mapping[int, Effort] = field(default_factory=dict)
    """What was spent on records that the writer leaves open, by index."""
    claim: Claim | None = None
    """What it works on from now on, instead of what it claimed before."""
    left: bool = False
    """That this is its last segment. A writer that claimed and never left has died, or may still be at it."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        return self == NOTHING


NOTHING = Note()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who wrote a segment, where it belongs, what it holds, and what the writer tells besides: see :class:`Note`."""

    job_id: str
    chunk: int
    segment: int
    writer: str
    outcomes: int
    calls: int
    ambiguous_calls: int
    efforts: Mapping[int, Effort]
    digest: str
    """SHA-256 of everything after the header line."""
    claim: Claim | None = None
    left: bool = False
    began: bool = False
    """Whether the log's first segment is this writer's claim, and nothing else."""


ENCODER = Encoder()
HEADER = Decoder(Header)
COUNTED = Decoder(Counted)


def write_segment(
    settled: Sequence[Settled],
    *,
    place: tuple[str, int, int],
    writer: str,
    note: Note,
    began: bool = False,
) -> bytes:
    """Return the segment's bytes; ``place`` is job, chunk and segment number, for ``began`` see :class:`Header`."""
    body = b"".join(outcome.facts() + b"\n" + result + b"\n" for outcome, result in settled)
    job_id, chunk, segment = place
    header = Header(
        job_id=job_id,
        chunk=chunk,
        segment=segment,
        writer=writer,
        outcomes=len(settled),
        calls=note.calls,
        ambiguous_calls=note.ambiguous_calls,
        efforts=note.efforts,
        digest=digest(body),
        claim=note.claim,
        left=note.left,
        began=began,
    )
    return ENCODER.encode(header) + b"\n" + body


def who_began(content: bytes) -> str | None:
    """Return who wrote a segment, if its log's first one is that writer's claim, and nothing else."""
    try:
        header = HEADER.decode(content.partition(b"\n")[0])
    except DecodeError:
        return None  # whoever reads all of it will tell
    return header.writer if header.began else None


def read_segment(content: bytes, *, place: tuple[str, int, int]) -> tuple[Header, list[LogEntry]]:
    """Return a segment's header and entries.

    Raises :class:`LogBroken` where it is torn, changed, or belongs somewhere else.
    """
    first, _, body = content.partition(b"\n")
    try:
        header = HEADER.decode(first)
    except DecodeError:
        raise LogBroken(f"segment {place} has no readable header") from None
    if (header.job_id, header.chunk, header.segment) != place:
        raise LogBroken(f"segment {place} says it is another one")
    if header.digest != digest(body):
        raise LogBroken(f"segment {place} is torn or was changed")
    try:
        entries = _entries(body)
    except (DecodeError, ValueError):
        raise LogBroken(f"segment {place} holds what this version cannot read") from None
    if len(entries) != header.outcomes:
        raise LogBroken(f"segment {place} does not hold the outcomes that its header counts")
    return header, entries


def _entries(body: bytes) -> list[LogEntry]:
    # Nothing but line feeds may split here: results hold every other line end that Unicode knows.
    lines = body.split(b"\n")
    facts, results = lines[:-1:2], lines[1::2]
    counted = map(COUNTED.decode, facts)
    return [LogEntry(*each) for each in zip(counted, facts, results, strict=True)]
