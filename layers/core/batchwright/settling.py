"""From what happened to a record to its outcome, and to its line of the results."""

from copy import replace
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from batchwright.completion import Completion
from batchwright.dialects import Dialect
from batchwright.dialects.dialect import Answered, Unanswered
from batchwright.digest import digest, idempotency_key
from batchwright.errors import (
    BatchwrightError,
    ContentFiltered,
    RecordInvalid,
    Unforeseen,
    Withheld,
)
from batchwright.finding import Notes, Verdict
from batchwright.job import Job, Reason, timestamp
from batchwright.leaf import Salt, leaf_of
from batchwright.outcome import Ending, Outcome, add_costs
from batchwright.passages import body_of, texts_answered, texts_asked
from batchwright.placeholders import Placeholders
from batchwright.reader import Item
from batchwright.record import Problem, Record
from batchwright.request import Request
from batchwright.segment import Effort, Settled
from batchwright.usage import Usage

# An outcome tells so many findings of a record; metrics and the verdict know all.
MOST_FINDINGS = 100


@dataclass(slots=True, kw_only=True)
class Asked:
    """What asking for one record took, answered or not."""

    index: int = 0
    """The record's place in the input."""
    model: str = ""
    route: int | None = None
    """Its place in the contract; ``None`` where only a name in the file led to the model."""
    input_tokens: int = 0
    """An estimate of what the request has."""
    request_digest: str = ""
    key: str = ""
    calls: int = 0
    ambiguous_calls: int = 0
    waited: float = 0.0
    """Seconds spent waiting for turns and after failures, by this worker."""
    counted_calls: int = 0
    """The calls that may have failed for this record's own sake."""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    """What the answers cost, each at the price of the model that gave it."""
    saved_usd: float = 0.0
    """What prompt caches have saved of that."""
    completion: Completion | None = None
    """What the model answered."""
    released: Completion | None = None
    """What the filters let out of it."""
    cached: bool = False
    """Whether the completion was found in the exact cache."""
    collected: bool = False
    """Whether what a lane answered was counted."""
    handed: int = 0
    """The calls that a lane made for it, as far as they were counted."""
    notes: Notes = field(default_factory=Notes)
    placeholders: Placeholders = field(default_factory=Placeholders)

    def answer_with(self, kept: Completion) -> None:
        """Take an answer that was kept: what it took was paid for by who asked for it."""
        self.completion = kept
        self.cached = True

    def turn_to(self, model: str, route: int | None, *, request_digest: str, key: str) -> None:
        """Go on with another request, or another model; what was spent so far stays."""
        self.model, self.route = model, route
        self.request_digest, self.key = request_digest, key
        self.completion = self.released = None

    def charge(self, other: "Asked") -> None:
        """Count what another call took that was made for the same record."""
        self.calls += other.calls
        self.ambiguous_calls += other.ambiguous_calls
        self.usage += other.usage
        self.cost_usd = add_costs(self.cost_usd, other.cost_usd)

    def effort(self) -> Effort:
        """Return what it took so far, for the next worker if this one does not finish."""
        return Effort(
            calls=self.calls,
            ambiguous_calls=self.ambiguous_calls,
            counted_calls=self.counted_calls,
            usage=self.usage,
            cost_usd=self.cost_usd,
            saved_usd=self.saved_usd,
            collected=self.collected,
            handed=self.handed,
        )

    def facts(self) -> dict[str, Any]:
        """Return what the record's outcome tells of it."""
        completion = self.completion
        return {
            "model": self.model,
            "route": self.route,
            "tier": completion.tier if completion else None,
            "stop_reason": completion.stop_reason if completion else None,
            "attempts": self.calls,
            "ambiguous_attempts": self.ambiguous_calls,
            "usage": self.usage,
            "estimated": completion.estimated if completion else False,
            "cost_usd": self.cost_usd,
            "saved_usd": self.saved_usd,
            "cached": self.cached,
            "latency_ms": completion.latency_ms if completion and not self.cached else None,
            "waited_ms": round(self.waited * 1000),
            "request_digest": self.request_digest,
            "idempotency_key": self.key,
            "verdict": self.notes.verdict,
            "findings": [each.to_json() for each in self.notes.noted[:MOST_FINDINGS]],
        }

    def go_on_from(self, effort: Effort) -> None:
        """Take over what an earlier worker spent on the record."""
        self.calls = effort.calls
        self.ambiguous_calls = effort.ambiguous_calls
        self.counted_calls = effort.counted_calls
        self.usage = effort.usage
        self.cost_usd = effort.cost_usd
        self.saved_usd = effort.saved_usd
        self.collected = effort.collected
        self.handed = effort.handed


class Settler:
    """Writes outcomes of one job in one dialect."""

    def __init__(self, job: Job, dialect: Dialect) -> None:
        """``dialect`` must be the one that the chunk was planned with."""
        self._job_id = job.job_id
        self._contract_digest = job.contract_digest or ""
        self._salt = None if job.salt is None else Salt(job.salt)
        self._dialect = dialect

    def succeeded(self, item: Item, asked: Asked, at: datetime) -> Settled:
        """Settle a record with its answer."""
        assert item.record is not None  # noqa: S101 - only a record that was read can have been asked
        assert asked.released is not None  # noqa: S101 - and only what was looked at is let out
        line = self._answer(item.record, asked, asked.released, at)
        return self._written(item, asked, Ending.SUCCEEDED, None, at, line)

    def ended(self, item: Item, asked: Asked, fault: BatchwrightError, at: datetime) -> Settled:
        """Settle a record that was asked and has no answer to release."""
        ending = Ending.BLOCKED if isinstance(fault, ContentFiltered) else Ending.FAILED
        shown = asked.released if fault.code == "truncated" else None
        param = fault.param if isinstance(fault, RecordInvalid) else None
        return self._unanswered(item, asked, ending, (fault.code, str(fault), param), at, shown)

    def withheld(
        self, item: Item, asked: Asked, fault: Withheld, request: Request, at: datetime
    ) -> tuple[Settled, str, bytes]:
        """Settle a record of which nothing may be released.

        Returns with it what the quarantine keeps, behind its digest: what was asked and answered, and the line that
        would have been the record's.
        """
        assert item.record is not None  # noqa: S101 - only a record that was read is looked at
        ending = Ending.REVIEW if fault.verdict is Verdict.REVIEW else Ending.BLOCKED
        raw = asked.completion
        content = orjson.dumps(
            {
                "job_id": self._job_id,
                "index": item.index,
                "line": item.line,
                "record_id": item.record.record_id,
                "stage": fault.stage.value,
                "verdict": fault.verdict.value,
                "findings": [each.to_json() for each in asked.notes.noted],
                "asked": texts_asked(request),
                "answered": texts_answered(body_of(raw)) if raw else [],
                "answer": self._answer(item.record, asked, raw, at) if raw else None,
            }
        )
        held = digest(content)
        told = (fault.code, str(fault), None)
        outcome, line = self._unanswered(item, asked, ending, told, at, None)
        return (self._sealed(replace(outcome, held=held)), line), held, content

    def at_fault(self, item: Item, at: datetime) -> Settled:
        """Settle a record whose line may not run."""
        assert item.problem is not None  # noqa: S101 - what is not at fault was read, and is asked
        problem = item.problem
        told = (problem.code, problem.message, problem.param)
        return self._unanswered(item, None, Ending.FAILED, told, at, None)

    def unforeseen(self, item: Item, fault: BaseException, at: datetime, spent: Effort) -> Settled:
        """Settle a record that met an exception nobody foresaw; its input is not repeated, it may be the cause."""
        told = Unforeseen.told(fault)
        bare = Item(
            index=item.index,
            line=item.line,
            record=None,
            digest=item.digest,
            problem=Problem(
                line=item.line,
                record_id=item.record.record_id if item.record else None,
                code=told.code,
                message=f"the record could not be worked on: {told}",
            ),
        )
        return self._charged(self.at_fault(bare, at), spent)

    def left_open(
        self, item: Item, ending: Ending, reason: Reason, at: datetime, spent: Effort
    ) -> Settled:
        """Settle a record that nobody asks, or asks any more; ``spent`` is what earlier workers did on it."""
        if item.problem is not None:
            return self.at_fault(item, at)
        told = (reason.code, reason.message, None)
        return self._charged(self._unanswered(item, None, ending, told, at, None), spent)

    def _charged(self, settled: Settled, spent: Effort) -> Settled:
        """Return an outcome that tells of no call, with what calls for it took."""
        outcome, line = settled
        return self._sealed(replace(outcome, **spent.facts())), line

    def _answer(
        self, record: Record, asked: Asked, completion: Completion, at: datetime
    ) -> dict[str, Any]:
        answered = Answered(key=asked.key, model=asked.model, at=at)
        return self._dialect.answer(record, completion, answered)

    def _unanswered(
        self,
        item: Item,
        asked: Asked | None,
        ending: Ending,
        told: tuple[str, str, str | None],
        at: datetime,
        shown: Completion | None,
    ) -> Settled:
        code, message, param = told
        record_id = item.record.record_id if item.record else _known_id(item)
        unanswered = Unanswered(
            code=code,
            message=message,
            line=item.line,
            param=param,
            key=asked.key if asked else idempotency_key(self._job_id, item.index, ""),
            model=asked.model if asked else None,
            at=at,
        )
        line = self._dialect.failure(record_id, item.record, shown, unanswered)
        error = {"code": code, "message": message, "param": param}
        return self._written(item, asked, ending, error, at, line)

    def _written(
        self,
        item: Item,
        asked: Asked | None,
        ending: Ending,
        error: dict[str, Any] | None,
        at: datetime,
        line: dict[str, Any],
    ) -> Settled:
        result = orjson.dumps(line)
        outcome = Outcome(
            index=item.index,
            line=item.line,
            record_id=item.record.record_id if item.record else _known_id(item),
            status=ending,
            error=error,
            input_digest=item.digest,
            output_digest=digest(result),
            contract_digest=self._contract_digest,
            at=timestamp(at),
            **(asked.facts() if asked else {}),
        )
        return self._sealed(outcome), result

    def _sealed(self, outcome: Outcome) -> Outcome:
        """Return an outcome with its leaf, for which nothing of it may change any more."""
        if self._salt is None:
            return outcome
        return replace(outcome, leaf=leaf_of(self._job_id, outcome, self._salt).hex())


def _known_id(item: Item) -> str | None:
    return item.problem.record_id if item.problem else None
