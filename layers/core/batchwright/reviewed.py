"""A job's decisions and released lines, held to its outcomes, to each other, and to the ledger.

People may decide while it is read: first the decision is written, then the ledger's entry, then the released line. So
what must have a decision is read before the decisions are, and what a decision must have is looked for after.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import orjson

from batchwright.decision import DECISIONS, RELEASED, Decision, Word, read_decision
from batchwright.digest import digest
from batchwright.errors import Missing
from batchwright.holding import Blocks, Difference
from batchwright.leaf import Salt
from batchwright.lines import lines
from batchwright.outcome import Ending, Outcome

HELD = (Ending.REVIEW, Ending.BLOCKED)


class Reviewed:
    """What people decided about one job; both files may be missing, where nobody decided anything."""

    def __init__(self, blocks: Blocks, receipt: dict[str, Any]) -> None:
        """Read the released lines and the decisions: they are people's, so they are few."""
        self._blocks = blocks
        self._released = [digest(line) for line in _lines(blocks, RELEASED)]
        self._job_id = receipt["job_id"]
        self._redrive = receipt["redrive"]["number"] if receipt["redrive"] else 0
        self._unread: list[Difference] = []
        self._decisions: dict[int, list[tuple[int, Decision]]] = {}
        self._promised: dict[str | None, Decision] = {}
        about: set[tuple[int, str]] = set()
        for number, line in enumerate(_lines(blocks, DECISIONS), 1):
            try:
                decision = read_decision(line)
            except ValueError as fault:
                told = Difference(file=DECISIONS, line=number, reason=f"{fault}: it was changed")
                self._unread.append(told)
                continue
            if decision.about in about:
                self._unread.append(_of(decision, number, "it was decided before"))
            about.add(decision.about)
            if decision.decision is Word.RELEASE:
                self._promised[decision.released] = decision
            self._decisions.setdefault(decision.index, []).append((number, decision))

    def match(self, outcome: Outcome) -> Iterable[Difference]:
        """Hold the decisions about a record to its outcome."""
        return self._held(outcome) if outcome.index in self._decisions else ()

    def _held(self, outcome: Outcome) -> Iterator[Difference]:
        for number, decision in self._decisions.pop(outcome.index, ()):
            # What an earlier run held, this one's outcomes need not know any more.
            known = decision.redrive == self._redrive or decision.held == outcome.held
            if known and not (decision.is_of(outcome) and outcome.status in HELD):
                yield _of(decision, number, "the record was not held as this says: it was changed")
            if decision.job_id != self._job_id:
                yield _of(decision, number, "it is of another job")

    def differences(self) -> Iterator[Difference]:
        """Yield what is wrong with the rest, and with the lines that were released."""
        yield from self._unread
        for rest in self._decisions.values():
            for number, decision in rest:
                yield _of(decision, number, "the job has no such record")
        waiting = self._promised
        for number, line in enumerate(self._released, 1):
            if waiting.pop(line, None) is None:
                reason = "nobody released this line: it was changed or added"
                yield Difference(file=RELEASED, line=number, reason=reason)
        since = {digest(line) for line in _lines(self._blocks, RELEASED)} if waiting else set()
        for decision in waiting.values():
            if decision.released not in since:
                reason = "its line is missing here: release the record once more to finish it"
                yield Difference(file=RELEASED, record_id=decision.record_id, reason=reason)


def decisions_in(blocks: Blocks) -> list[Decision]:
    """Return the decisions that can be read; the others are told where a job's files are."""
    found = []
    for line in _lines(blocks, DECISIONS):
        with suppress(ValueError):
            found.append(read_decision(line))
    return found


def held_to_ledger(
    decisions: Iterable[Decision],
    entries: Iterable[bytes],
    since: Iterable[Decision],
    *,
    salt: Salt,
    job_id: str,
) -> Iterator[Difference]:
    """Yield the decisions that the ledger does not know, and those that it knows and that are not here.

    ``decisions`` were read before the entries, ``since`` after.
    """
    known: dict[bytes, int] = {}
    for content in entries:
        entry = orjson.loads(content)
        if entry["job"] == job_id and entry["kind"] in set(Word):
            known[content] = entry["index"]
    for number, decision in enumerate(decisions, 1):
        if known.pop(decision.entry(salt).content(), None) is None:
            yield _of(decision, number, "it is not in the ledger: it was changed or added")
    for decision in since:
        known.pop(decision.entry(salt).content(), None)
    for index in known.values():
        reason = f"a decision about record {index} (from 0) is in the ledger and not here"
        yield Difference(file=DECISIONS, reason=reason)


def _lines(blocks: Blocks, name: str) -> Iterator[bytes]:
    try:
        for line in lines(blocks(name)):
            yield line.content or b""
    except Missing:
        return


def _of(decision: Decision, number: int, reason: str) -> Difference:
    return Difference(file=DECISIONS, line=number, record_id=decision.record_id, reason=reason)
