"""Trace: the whole story of one record, as far as the stack keeps it."""

from typing import TYPE_CHECKING, Any

import orjson

from batchwright.aws.clock import SystemClock
from batchwright.cli.evidence import ended
from batchwright.errors import Missing
from batchwright.job import JobRow
from batchwright.listing import listed_chunks
from batchwright.places import chunk_prefix, held_key
from batchwright.proof import outcome_of
from batchwright.reviewing import Review, told
from batchwright.segment import read_segment
from batchwright.verifying import OUTCOMES

if TYPE_CHECKING:
    from batchwright.cli.stack import Stack


def trace(row: JobRow, record_id: str, stack: "Stack") -> dict[str, Any]:
    """Return what became of one record: its outcome, and every segment of a chunk log that tells of it."""
    outcome, line = outcome_of(record_id, ended(row, stack).blocks(OUTCOMES))
    held, decided = None, {}
    if outcome.held:
        review = Review(row.job_id, row.redrives, stack.objects, stack.ledger, SystemClock())
        decided = review.decided()
        held = stack.address(held_key(row.job_id, outcome.index, outcome.held))
    return {
        "job_id": row.job_id,
        "contract": row.contract,
        **orjson.loads(line),
        "quarantine": held,
        "decision": told(decided.get((outcome.index, outcome.held or ""))),
        "segments": _segments(row, outcome.index, stack),
    }


def _segments(row: JobRow, index: int, stack: "Stack") -> list[dict[str, Any]]:
    """Return who claimed the record, who left it with what effort, and who settled it, over all runs."""
    found = []
    try:
        chunk = next(
            each.chunk
            for each in listed_chunks(stack.objects, row.job_id)
            if index in each.chunk.indexes
        )
    except (Missing, StopIteration):
        return []  # working files are kept for less time than results
    for redrive in range(row.redrives + 1):
        prefix = chunk_prefix(row.job_id, chunk.chunk, redrive)
        for number, key in enumerate(stack.objects.keys(prefix)):
            place = (row.job_id, chunk.chunk, number)
            header, entries = read_segment(stack.objects.read(key), place=place)
            told = {
                "claimed": any(first <= index <= last for first, last in header.claim or ()),
                "effort": header.efforts.get(index),
                "settled": any(entry.counted.index == index for entry in entries),
            }
            if any(told.values()):
                effort = told["effort"]
                told["effort"] = orjson.loads(orjson.dumps(effort)) if effort else None
                found.append({"segment": stack.address(key), "writer": header.writer, **told})
    return found
