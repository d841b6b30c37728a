"""Review: which records of a job are held, what they hold, and what people decide about them.

``decisions.jsonl`` and ``released.jsonl`` only grow. Each is written over the very version that was read, so of two
reviewers the second sees what the first decided: a held text is decided once. The order is decision, ledger, released
line; whoever decides next finishes what a crash left between them.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import batched
from typing import Any

import orjson

from batchwright.decision import DECISIONS, RELEASED, Decision, Word, read_decisions
from batchwright.digest import digest
from batchwright.errors import AlreadyExists, BatchwrightError, LogBroken, Missing, Unavailable
from batchwright.job import timestamp
from batchwright.leaf import Salt
from batchwright.lines import lines
from batchwright.outcome import DECODER, Ending, Outcome
from batchwright.places import held_key, result_key
from batchwright.ports import Changeable, Clock, Ledger
from batchwright.verifying import OUTCOMES, SALT, gone

# So many at once are one write of the files; each is an entry of the ledger of its own.
AT_ONCE = 200
ATTEMPTS = 25
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides."""

    by: str
    identity: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that was held, and what was decided about it."""

    outcome: Outcome
    decision: Decision | None

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What holds it: not what was only noted or redacted."""
        return [each for each in self.outcome.findings if each["verdict"] in {"review", "block"}]

    @property
    def stage(self) -> str | None:
        """Where it was held: before it was asked, or when it was answered."""
        return self.findings[0]["stage"] if self.findings else None

    def to_json(self) -> dict[str, Any]:
        """Return it without a word of the record."""
        outcome = self.outcome
        return {
            "index": outcome.index,
            "line": outcome.line,
            "record_id": outcome.record_id,
            "status": outcome.status.value,
            "stage": self.stage,
            "filters": sorted({each["filter"] for each in self.findings}),
            "kinds": sorted({each["kind"] for each in self.findings}),
            "held": outcome.held,
            "decision": told(self.decision),
        }


@dataclass(frozen=True, slots=True)
class Decided:
    """What stands about a held text; ``new`` where it was decided now, by who asked."""

    decision: Decision
    new: bool


class Review:
    """The held records of one job that has ended."""

    def __init__(
        self, job_id: str, redrive: int, objects: Changeable, ledger: Ledger, clock: Clock
    ) -> None:
        """``redrive`` is the newest run: its outcomes are looked at."""
        self.job_id = job_id
        self._redrive = redrive
        self._objects = objects
        self._ledger = ledger
        self._clock = clock

    def waiting(self, *, blocked: bool = False, kind: str | None = None) -> Iterator[Waiting]:
        """Yield the records that were held, in order; ``blocked`` adds those that were blocked."""
        wanted = {Ending.REVIEW, Ending.BLOCKED} if blocked else {Ending.REVIEW}
        decided = self.decided()
        key = result_key(self.job_id, OUTCOMES, self._redrive)
        try:
            pin = self._objects.pin(key)
        except Missing:
            raise gone(self.job_id, OUTCOMES) from None
        for line in lines(self._objects.blocks(pin)):
            if b'"held":"' not in (line.content or b""):
                continue  # most records are nobody's to review
            outcome = DECODER.decode(line.content or b"")
            if outcome.held is None:
                continue
            found = Waiting(outcome, decided.get((outcome.index, outcome.held or "")))
            if outcome.status in wanted and (kind is None or kind in found.to_json()["kinds"]):
                yield found

    def find(self, record_id: str) -> Waiting:
        """Return one record that was held; raises :class:`Missing`."""
        return self.find_all([record_id])[0]

    def find_all(self, record_ids: Iterable[str]) -> list[Waiting]:
        """Return records that were held, as they are named, each once; raises :class:`Missing`."""
        sought = dict.fromkeys(record_ids)
        found: dict[str | None, Waiting] = {}
        for each in self.waiting(blocked=True):
            if each.outcome.record_id in sought:
                found.setdefault(each.outcome.record_id, each)
            if len(found) == len(sought):
                break
        for record_id in sought:
            if record_id not in found:
                raise Missing(f"job {self.job_id} holds no record {record_id!r}")
        return [found[record_id] for record_id in sought]

    def held(self, outcome: Outcome) -> dict[str, Any]:
        """Return what the quarantine holds of a record; raises :class:`Missing` and :class:`LogBroken`."""
        whose = f"record {outcome.record_id!r}"
        try:
            content = self._objects.read(held_key(self.job_id, outcome.index, outcome.held or ""))
        except Missing:
            raise Missing(
                f"{whose}: what was held is no longer in the quarantine (QuarantineRetentionDays);"
                f" ask it again with: batchwright redrive {self.job_id} --only {outcome.status.value}"
            ) from None
        if digest(content) != outcome.held:
            raise LogBroken(
                f"{whose}: what lies in the quarantine is not what was held: it was changed; release nothing of it"
            )
        found: dict[str, Any] = orjson.loads(content)
        return found

    def decided(self) -> dict[tuple[int, str], Decision]:
        """Return what was decided, by what it is about."""
        try:
            content = self._objects.read(result_key(self.job_id, DECISIONS))
        except Missing:
            return {}
        return {each.about: each for each in read_decisions(content.splitlines())}

    def decide(
        self, outcomes: Iterable[Outcome], word: Word, why: str, reviewer: Reviewer
    ) -> Iterator[Decided]:
        """Decide about held records; yields what stands, once each, which may be what somebody else decided before.

        Raises :class:`Missing` where there is no answer to release, and what :meth:`held` raises, before anything is
        decided about the records of the same write.
        """
        for some in batched(outcomes, AT_ONCE, strict=False):
            once = {(each.index, each.held or ""): each for each in some}
            answers = {
                about: self._line(each) if word is Word.RELEASE else None
                for about, each in once.items()
            }
            wished = [
                self._wish(each, answers[about], why, reviewer) for about, each in once.items()
            ]
            yield from self._decide(wished, answers)

    def _wish(self, outcome: Outcome, line: bytes | None, why: str, reviewer: Reviewer) -> Decision:
        """Return a decision as it would be: a release, where there is a line to release."""
        return Decision(
            decision=Word.REJECT if line is None else Word.RELEASE,
            job_id=self.job_id,
            redrive=self._redrive,
            index=outcome.index,
            line=outcome.line,
            record_id=outcome.record_id,
            held=outcome.held or "",
            released=digest(line) if line is not None else None,
            by=reviewer.by,
            identity=reviewer.identity,
            why=why,
            at=timestamp(self._clock.now()),
        )

    def _line(self, outcome: Outcome) -> bytes:
        answer = self.held(outcome)["answer"]
        if answer is None:
            raise Missing(
                f"record {outcome.record_id!r} was held before it was asked: there is no answer to release; change the"
                " contract's filters and submit the record again"
            )
        return orjson.dumps(answer)

    def _decide(
        self, wished: Sequence[Decision], answers: Mapping[tuple[int, str], bytes | None]
    ) -> Iterator[Decided]:
        standing: dict[tuple[int, str], Decision] = {}

        def undecided(content: list[bytes]) -> list[bytes]:
            standing.clear()
            standing.update((each.about, each) for each in read_decisions(content))
            return [each.content() for each in wished if each.about not in standing]

        self._grow(DECISIONS, undecided)
        ours = {each.about: each for each in wished}
        standing = ours | standing
        for each in wished:
            self._ledger.append(standing[each.about].entry(self._salt))
        self._publish(standing.values(), answers)
        for each in wished:
            yield Decided(standing[each.about], new=standing[each.about] == each)

    def _publish(
        self, decisions: Iterable[Decision], answers: Mapping[tuple[int, str], bytes | None]
    ) -> None:
        """Add the lines that were released and are not in the file yet, in the order in which that was decided."""
        released = [each for each in decisions if each.released is not None]

        def unpublished(content: list[bytes]) -> list[bytes]:
            there = {*map(digest, content)}
            lacking = [each for each in released if each.released not in there]
            found = (answers.get(each.about) or self._line_of(each) for each in lacking)
            return [line for line in found if line is not None]

        if released:
            self._grow(RELEASED, unpublished)

    def _line_of(self, decision: Decision) -> bytes | None:
        """Return a released line as the quarantine holds it; ``None`` where it is there no longer: verify tells."""
        key = held_key(self.job_id, decision.index, decision.held)
        try:
            content = self._objects.read(key)
        except BatchwrightError:
            return None
        if digest(content) != decision.held:
            return None
        self._ledger.append(decision.entry(self._salt))  # once, whoever did it before
        return orjson.dumps(orjson.loads(content)["answer"])

    def _grow(self, name: str, more: Callable[[list[bytes]], list[bytes]]) -> None:
        """Add lines to a file, chosen in view of those that it has; over nothing that was not seen."""
        key = result_key(self.job_id, name)
        for attempt in range(ATTEMPTS):
            try:
                pin = self._objects.pin(key)
                content = self._objects.read_pinned(pin, span=(0, pin.size))
            except Missing:
                pin, content = None, b""
            added = more(content.splitlines())
            if not added:
                return
            try:
                self._objects.swap(key, content + b"".join(line + b"\n" for line in added), pin)
            except AlreadyExists:
                time.sleep(random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)))  # noqa: S311 - jitter
            else:
                return
        raise Unavailable(f"write of {key}: others were faster {ATTEMPTS} times")

    @cached_property
    def _salt(self) -> Salt:
        key = result_key(self.job_id, SALT, self._redrive)
        return Salt(self._objects.read(key).decode().strip())


def told(decision: Decision | None) -> dict[str, Any] | None:
    """Return a decision for programs and for the page."""
    return None if decision is None else orjson.loads(decision.content())
