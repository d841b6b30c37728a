"""A segment: some outcomes of a chunk, one immutable object of its log.

The first line is the header; then every outcome has two lines: its facts, and the very line of ``output.jsonl`` or
``errors.jsonl``. So the log is the content of the results, and closing a job copies bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from batchwright.digest import digest
from batchwright.errors import LogBroken
from batchwright.outcome import Outcome
from batchwright.usage import Usage

type Settled = tuple[Outcome, bytes]
"""An outcome and its line of the results, without line end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What was spent on a record that is still open."""

    calls: int = 0
    ambiguous_calls: int = 0
    counted_calls: int = 0
    usage: Usage = field(default_factory=Usage)

    def to_json(self) -> dict[str, Any]:
        """Return it as a header holds it."""
        return {
            "calls": self.calls,
            "ambiguous_calls": self.ambiguous_calls,
            "counted_calls": self.counted_calls,
            "usage": self.usage.to_json(),
        }

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Effort":
        """Read what :meth:`to_json` wrote."""
        return cls(**{**facts, "usage": Usage(**facts["usage"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who wrote a segment, where it belongs, what it holds, and which calls were made since the writer's last one."""

    job_id: str
    chunk: int
    segment: int
    writer: str
    outcomes: int
    calls: int
    ambiguous_calls: int
    efforts: dict[str, dict[str, Any]]
    """What was spent on records that the writer left open, by index."""
    digest: str
    """SHA-256 of everything after the header line."""


def write_segment(
    settled: Sequence[Settled],
    *,
    place: tuple[str, int, int],
    writer: str,
    calls: int,
    ambiguous_calls: int,
    efforts: Mapping[int, Effort],
) -> bytes:
    """Return the segment's bytes; ``place`` is job, chunk and segment number."""
    body = b"".join(
        orjson.dumps(outcome.to_json()) + b"\n" + result + b"\n" for outcome, result in settled
    )
    job_id, chunk, segment = place
    header = {
        "job_id": job_id,
        "chunk": chunk,
        "segment": segment,
        "writer": writer,
        "outcomes": len(settled),
        "calls": calls,
        "ambiguous_calls": ambiguous_calls,
        "efforts": {str(index): effort.to_json() for index, effort in efforts.items()},
        "digest": digest(body),
    }
    return orjson.dumps(header) + b"\n" + body


def read_segment(content: bytes, *, place: tuple[str, int, int]) -> tuple[Header, list[Settled]]:
    """Return a segment's header and outcomes.

    Raises :class:`LogBroken` where it is torn, changed, or belongs somewhere else.
    """
    first, _, body = content.partition(b"\n")
    try:
        header = Header(**_object(first))
    except (orjson.JSONDecodeError, TypeError):
        raise LogBroken(f"segment {place} has no readable header") from None
    if (header.job_id, header.chunk, header.segment) != place:
        raise LogBroken(f"segment {place} says it is another one")
    if header.digest != digest(body):
        raise LogBroken(f"segment {place} is torn or was changed")
    try:
        settled = list(_settled(body))
    except (orjson.JSONDecodeError, ValueError, TypeError, KeyError):
        raise LogBroken(f"segment {place} holds what this version cannot read") from None
    if len(settled) != header.outcomes:
        raise LogBroken(f"segment {place} does not hold the outcomes that its header counts")
    return header, settled


def _settled(body: bytes) -> Iterator[Settled]:
    # Nothing but line feeds may split here: results hold every other line end that Unicode knows.
    parts = iter(body.removesuffix(b"\n").split(b"\n") if body else ())
    for facts, result in zip(parts, parts, strict=True):
        yield Outcome.from_json(orjson.loads(facts)), result


def _object(line: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = orjson.loads(line)
    return fields
