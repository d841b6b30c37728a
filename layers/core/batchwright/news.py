"""What one worker knows of a model's schedule and the others do not yet, and how it is told to them.

A change of the schedule tells all that is new, and is made whole or not at all: until it is known to be made, nothing
counts as told.
"""

from dataclasses import dataclass, field, replace

from batchwright.believed import (
    BEGAN,
    LOWERED,
    OPENED,
    PASSED,
    REFUSED,
    SINCE,
    STILL,
    WINDOWS,
    lowered,
    suspicious,
)
from batchwright.demand import Ticket
from batchwright.lengths import Lengths
from batchwright.reckoning import Reckoning
from batchwright.schedule import (
    ANSWERS,
    EXPIRATION,
    FORGET,
    LONGEST,
    MINUTE,
    RATIO,
    SECOND,
    Change,
    Item,
    slot,
    stale,
)
from batchwright.tenancy import Tenancy

# Of a stretch: less of the schedule than this is not worth a write to put it right.
WORTH_A_WRITE = 0.1


@dataclass(slots=True, kw_only=True)
class Untold:
    """What a worker has to tell the others."""

    tokens: int = 0
    """What its calls used, more than it told before."""
    credit: float = 0.0
    """Milliseconds of the schedule that it got and did not need; less than nothing where it took more."""
    refused: int | None = None
    """When the last call began that was refused."""
    under: int = 0
    """When the limit had been lowered under which it got its turn."""
    ahead: float = 0.0
    """How much of the schedule that is still to come was the worker's then, in milliseconds."""


@dataclass(slots=True, kw_only=True)
class News:
    """What one worker has to tell of one model; times are milliseconds since 1970."""

    job: str
    guesses: bool
    """Whether no limit was told."""
    reckoning: Reckoning
    tenancy: Tenancy
    lengths: Lengths
    item: Item = field(default_factory=dict)
    """What all know, as the worker heard it last."""
    heard_at: int = 0
    asked: float = 0.0
    """How much of the schedule the change asks for that is under way."""
    whole: bool = False
    """Whether that is as much as the worker may."""
    _untold: Untold = field(default_factory=Untold)
    _being_told: Untold = field(default_factory=Untold)
    _assumed: int = 0
    _sharing: int = 0
    _passed: int = 0

    @property
    def worth_a_write(self) -> bool:
        """Whether a worker that leaves should tell what is new.

        What went through in a minute is looked up only where the limit is believed.
        """
        untold, much = self._untold, abs(self._untold.credit)
        if self.guesses or LOWERED in self.item:
            much = max(much, abs(untold.tokens) * MINUTE / self.reckoning.pace())
        return untold.refused is not None or much >= WORTH_A_WRITE * self.tenancy.length

    def taken(self, ticket: Ticket, owed: float = 0.0) -> None:
        """Note a call that begins; it took so much more of the schedule than there was for it."""
        self._untold.tokens += ticket.expected
        self._untold.credit -= owed

    def ended(self, ticket: Ticket, *, used: int, calls: int) -> None:
        """Note what a call used in the end; one that was not made is none."""
        cost = self.reckoning.cost
        self._untold.tokens += used - ticket.expected
        self._untold.credit += cost(1, ticket.expected) - cost(calls, used)

    def refused(self, ticket: Ticket, *, ahead: float, unused: float) -> None:
        """Note a call that was refused: so much was the worker's of the schedule to come, and so much is given back."""
        untold = self._untold
        untold.refused = max(untold.refused or 0, ticket.began)
        untold.under = max(untold.under, ticket.under)
        untold.tokens -= ticket.expected
        untold.ahead = max(untold.ahead, ahead)
        untold.credit += unused

    def passed(self, began: int) -> None:
        """Note that a call was admitted."""
        self._passed = max(self._passed, began)

    @property
    def urgent(self) -> bool:
        """Whether the others should hear it now."""
        return self._lowers or self.knows_better

    @property
    def _lowers(self) -> bool:
        """Whether a call was refused under the limit of now: what was refused under one before may be told later."""
        untold = self._untold
        return untold.refused is not None and untold.under >= self.item.get(LOWERED, 0)

    @property
    def knows_better(self) -> bool:
        """Whether the others believe that nothing goes through, and the worker has seen that something does."""
        return suspicious(self.item) and self._passed > self.item.get(REFUSED, 0)

    def ask(self, length: float, first: Ticket | None, now: int) -> Change:
        """Return the change that asks for so much of the schedule, and tells all; ``first`` waits for it longest."""
        change = self._told_by(length, self._assume(length, first), now)
        self.tenancy.ask(change, length, length - self._untold.credit, now)
        self._tell_of_calls(change, now)
        return self._with_what_is_stale(change, now)

    def give_back(self, now: int, end: float = 0.0, given: int | None = None) -> Change:
        """Return the change that tells all, and gives back so much of the schedule's ``end`` if that is ``given``."""
        change = self._told_by(0.0, 0, now)
        self.tenancy.give_back(change, self._untold.credit + end, given)
        return self._with_what_is_stale(change, now)

    def told(self) -> None:
        """Take in that the change was made."""
        told, untold = self._being_told, self._untold
        untold.tokens -= told.tokens + self._assumed
        untold.credit -= told.credit
        if untold.refused == told.refused:
            untold.refused, untold.under, untold.ahead = None, 0, 0.0
        if self.asked:
            self.lengths.unshared -= self._sharing

    def _told_by(self, length: float, assumed: int, now: int) -> Change:
        self.asked, self._assumed = length, assumed
        self.whole = length >= self.tenancy.length
        self._being_told = replace(self._untold)
        change = Change(
            add={slot(now): self._untold.tokens + assumed},
            put={EXPIRATION: (now + FORGET) // SECOND},
        )
        self._tell_what_was_refused(change, now)
        return change

    def _with_what_is_stale(self, change: Change, now: int) -> Change:
        return replace(change, remove=stale(self.item, now) - change.add.keys() - change.put.keys())

    def _tell_what_was_refused(self, change: Change, now: int) -> None:
        if suspicious(self.item) and self._passed > self.item.get(PASSED, 0):
            change.put[PASSED] = self._passed
            if self.item.get(WINDOWS) and self._passed >= self.item[SINCE] + STILL:
                change.put[OPENED] = self._passed
        refused = self._untold.refused
        if refused is None:
            return
        change.put[REFUSED] = refused
        if not suspicious(self.item):
            change.put[SINCE] = now
        pace, under = self.reckoning.pace(), self._untold.under
        known = {**self.item, PASSED: max(self._passed, self.item.get(PASSED, 0))}
        known[slot(now)] = known.get(slot(now), 0) + self._past_tokens(pace)
        step = lowered(
            known, pace, refused, now, under=under, guessed=self.guesses, heard=self.heard_at
        )
        if step is not None:
            change.put.update(step.put)
            change.within.update(step.within)

    def _past_tokens(self, pace: float) -> int:
        """Return what the worker has to tell of the past: what was assumed of turns to come is still given away.

        Of a probe nothing is to come: what was assumed is the call that was refused.
        """
        if suspicious(self.item):
            return self._untold.tokens
        assumed = round(self._untold.ahead * pace / MINUTE)
        return self._untold.tokens + min(assumed, max(0, -self._untold.tokens))

    def _assume(self, length: float, first: Ticket | None) -> int:
        """Return what a stretch is likely to use: told at once, since the next word may come late."""
        if first is None:
            return 0
        one = self.reckoning.expected(first.tokens)
        if suspicious(self.item):
            return one
        return max(one, round(length * self.reckoning.pace() / MINUTE))

    def _tell_of_calls(self, change: Change, now: int) -> None:
        if self.reckoning.ratio is not None:
            change.put[RATIO + self.job] = round(1000 * self.reckoning.ratio)
        self._sharing = self.lengths.unshared
        if self._sharing:
            change.add[ANSWERS + self.job] = self._sharing
            change.put[LONGEST + self.job] = self.lengths.of_the_job
        if BEGAN not in self.item:
            change.put[BEGAN] = now
            change.within[BEGAN] = (None, 0)
