"""The reviewer's desk: what the page asks for and tells, as JSON values, whatever carries them."""

from itertools import islice
from typing import Any

from batchwright.decision import LONGEST_REASON, Word, checked
from batchwright.errors import Missing
from batchwright.marked import shown, visible
from batchwright.outcome import Outcome
from batchwright.reviewing import Review, Reviewer, Waiting, told

# More than anybody goes through at a sitting; the rest comes when the page is served again.
MOST = 5_000


class Desk:
    """The records of one job that are held, for one reviewer."""

    def __init__(self, review: Review, reviewer: Reviewer, *, blocked: bool = False) -> None:
        """Reads the queue once: outcomes do not change, and what is decided is looked up each time."""
        self._review = review
        self._reviewer = reviewer
        found = [*islice(self._open(blocked), MOST + 1)]
        self._more = len(found) > MOST
        self._outcomes: dict[int, Outcome] = {
            each.outcome.index: each.outcome for each in found[:MOST]
        }

    def queue(self) -> dict[str, Any]:
        """Return who is held, and what was decided since."""
        decided = self._review.decided()
        return {
            "job_id": self._review.job_id,
            "by": self._reviewer.by,
            "identity": self._reviewer.identity,
            "more": self._more,
            "held": [
                _named(Waiting(each, decided.get((each.index, each.held or ""))))
                for each in self._outcomes.values()
            ],
        }

    def record(self, index: int) -> dict[str, Any]:
        """Return one record's texts in pieces, and what was found."""
        outcome = self._outcome(index)
        held = self._review.held(outcome)
        texts = {
            name: [[piece.to_json() for piece in pieces] for pieces in parts]
            for name, parts in shown(held).items()
        }
        return {
            "index": index,
            "stage": held["stage"],
            "releasable": held["answer"] is not None,
            "findings": outcome.findings,
            **texts,
        }

    def decide(self, index: int, word: str, why: str) -> dict[str, Any]:
        """Decide about one record; returns what stands. Raises ``ValueError`` where a reason is missing."""
        outcome = self._outcome(index)
        why = checked(why, "the reason", LONGEST_REASON)
        (decided,) = self._review.decide([outcome], Word(word), why, self._reviewer)
        return {"new": decided.new, **_named(Waiting(outcome, decided.decision))}

    def _open(self, blocked: bool) -> Any:
        return (each for each in self._review.waiting(blocked=blocked) if each.decision is None)

    def _outcome(self, index: int) -> Outcome:
        try:
            return self._outcomes[index]
        except KeyError:
            raise Missing(f"record {index} is not on this desk") from None


def _named(waiting: Waiting) -> dict[str, Any]:
    facts = waiting.to_json()
    decision = told(waiting.decision)
    return facts | {"record_id": visible(facts["record_id"] or ""), "decision": decision}
