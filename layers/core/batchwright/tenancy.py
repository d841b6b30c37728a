"""How a worker leases of a schedule that its job shares with others: how much at a time, and on which condition.

The schedule moves by what a lease takes. The job has a number of its own that moves by as much divided by its share, so
that it runs ahead of the time when the job takes more than its share.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from batchwright.believed import LOWERED, suspicious, unsettled
from batchwright.schedule import (
    GIVEN,
    JOB,
    LENGTH,
    MINUTE,
    PRIORITY,
    SECOND,
    Change,
    Item,
    share,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far ahead a schedule is given away, in milliseconds."""

    target: int
    """Stretches are made as long as brings their ends near it: the longer they are, the fewer are the writes."""
    horizon: int
    """A job gets its share so far ahead at most."""
    spare: int = 2 * SECOND
    """Where less than this is given away, others leave something."""

    @property
    def full(self) -> int:
        """From here on nobody gets anything."""
        return 2 * self.horizon


TOLD = Reach(target=6 * SECOND, horizon=7 * SECOND)
# A limit that is only believed may be another soon, and what was given away by it is not taken back.
BELIEVED = Reach(target=5 * SECOND, horizon=6 * SECOND)
# While nothing is known to go through, few calls are tried.
DOUBTFUL = Reach(target=3 * SECOND, horizon=4 * SECOND)
# While a limit is being learnt: what is given away goes on at the old pace when it is lowered.
LEARNING = Reach(target=SECOND, horizon=2 * SECOND, spare=SECOND // 2)
# A job that is behind its share by more than this begins anew: it does not get what it did not take.
BEHIND = 2 * SECOND
FIRST_STRETCH = 200.0
# From a worker's last turn to its next stretch; one that begins soon may always be had.
MOST_WAIT = 8 * SECOND
SOON = 3 * SECOND
# Where the limit was told, a worker that is new takes a part of what nobody has: the more there are, the less it is.
FIRST_PART = 1 / 24
# Where jobs take their shares, none comes back from a lead, however long its stretches are: they would stay short.
LEAD_COUNTS = 0.8
LONGEST_STEP = 500.0
MUCH_MORE = 1.5
# How often a worker says how long its stretches are.
SAYS_LENGTH = 0.25
# The first and the longest pause before the schedule is looked at again. What other jobs leave comes and goes fast.
PAUSES_ALONE = (3 * SECOND, 8 * SECOND)
PAUSES_AMONG_OTHERS = (SECOND // 4, SECOND)
MOST_TRIES = 3

type Standing = Literal["alone", "behind", "within", "spare", "full"]
"""How a job stands to its share: nobody else is there; it takes less than its share, about as much, or more, where
others leave it; or there is no room."""


@dataclass(slots=True, kw_only=True)
class Tenancy:
    """How one worker's job stands in a schedule, as far as the worker knows; times are milliseconds."""

    job: str
    priority: int
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    told: bool
    """Whether the limit was told."""
    length: float = FIRST_STRETCH
    """How long a stretch to ask for."""
    waited: int = 0
    """For how many milliseconds its calls have waited without a turn: the longer, the sooner must a stretch begin."""
    item: Item = field(default_factory=dict)
    _now: int = 0
    _behind: bool = True
    """Whether the schedule seemed to be idle."""
    _standing: Standing = "alone"
    _new: bool = True
    """Whether it has not leased anything yet."""
    _asked: float = 0.0
    _tries: int = 0
    _pauses: int = 0

    def __post_init__(self) -> None:
        """It is taken for the first worker until it hears of others."""
        if self.told:
            self.length = FIRST_PART * TOLD.horizon

    @property
    def share(self) -> float:
        """The part of the schedule that is the job's."""
        return share(self.item, self.job, self.priority, self._now)

    @property
    def reach(self) -> Reach:
        """How far ahead the schedule is given away now."""
        if not self.told and unsettled(self.item, self._now):
            return LEARNING
        if suspicious(self.item):
            return DOUBTFUL
        lowered = self._now - self.item.get(LOWERED, 0) < MINUTE
        return BELIEVED if lowered else TOLD

    @property
    def crowd(self) -> float:
        """The part of the fleet's calls that the worker makes, about."""
        return min(1.0, self.length / self.reach.target)

    def ask(self, change: Change, length: float, charge: float, now: int) -> None:
        """Put into a change what a stretch takes: ``charge`` is its length, what is owed, and what is given back."""
        self._now, self._asked = now, length
        self._ask_schedule(change, length, charge)
        self._ask_share(change, length, charge)
        change.put[PRIORITY + self.job] = self.priority
        if self.chance() < SAYS_LENGTH:
            change.put[LENGTH + self.job] = round(self.length)

    def give_back(self, change: Change, credit: float, end: int | None = None) -> None:
        """Put into a change what was not needed; where it is the schedule's ``end``, it must be so still."""
        change.add[GIVEN] = -round(credit)
        change.add[JOB + self.job] = -round(credit / self.share)
        if end is not None:
            change.within[GIVEN] = (end, end)

    def hear(self, item: Item, now: int) -> None:
        """Take in how the item stands. The workers of a job come to take stretches of one length."""
        self.item, self._now = item, now
        if self._new and self.told:
            self.length = self._first_length()
        self.length = (self.length + item.get(LENGTH + self.job, self.length)) / 2

    def _first_length(self) -> float:
        _, ahead = self._leads()
        return max(FIRST_STRETCH / 2, FIRST_PART * (self.reach.horizon - max(0, ahead)))

    def leased(self, *, whole: bool) -> None:
        """Take in that a stretch was leased; a ``whole`` one tells whether stretches are too long or too short."""
        self._tries = 0
        lead, ahead = self._leads()
        # While everybody begins, it tells nothing.
        if whole and not (self._new and self.told):
            stretched = self.reach.target / self.reach.spare * ahead
            self._adapt(ahead if self._standing == "alone" else min(LEAD_COUNTS * lead, stretched))
        self._new = False
        if self._alone:
            self._standing = "alone"
        else:
            self._standing = "within"

    def begin(self) -> int | None:
        """See how the job stands before anything is asked; return when there may be room, ``None`` for at once."""
        self._look()
        return self._pause() if self._standing == "full" else None

    def refused(self) -> int | None:
        """Take in that a lease was not granted; return when to try again, ``None`` for at once."""
        self._tries += 1
        self._look()
        return self._pause() if self._standing == "full" or self._tries == MOST_TRIES else None

    def _look(self) -> None:
        self._behind = self.item.get(GIVEN, 0) < self._oldest()
        self._standing = self._stands()

    def _pause(self) -> int:
        first, last = PAUSES_AMONG_OTHERS
        if self._standing == "full":
            self._standing = "alone" if self._alone else "within"
            first, last = PAUSES_ALONE if self._alone else PAUSES_AMONG_OTHERS
        self._tries = 0
        longest = min(last, first * 2**self._pauses)
        self._pauses += 1
        return self._now + int(max(self._soonest(), longest * (0.5 + self.chance() / 2)))

    def _soonest(self) -> float:
        """Return how long there will be no room at least: what is given away passes no faster than time does."""
        lead, ahead = self._leads()
        if self._alone:
            return ahead - self.reach.horizon
        # The longer it waits, the sooner must a stretch begin: as time passes, no room comes before the nearest.
        late = ahead - SOON if ahead > self._soon else 0
        own = max(lead - self.reach.horizon, ahead - self.reach.full, late)
        return min(own, ahead - self.reach.spare)

    @property
    def turns_from(self) -> int:
        """Return when the next stretch will begin at the soonest; nothing is known where other jobs may leave some."""
        return self.item.get(GIVEN, 0) if self._alone else 0

    def turn_came(self) -> None:
        """Take in that a call got its turn: the next pause is a short one."""
        self._pauses = 0

    @property
    def _alone(self) -> bool:
        return self.share == 1

    def _ask_schedule(self, change: Change, length: float, charge: float) -> None:
        now, oldest = self._now, self._oldest()
        if self._behind:
            change.put[GIVEN] = now + round(max(length, charge))
            change.within[GIVEN] = (None, oldest - 1)
        else:
            change.add[GIVEN] = round(charge)
            change.within[GIVEN] = (oldest, now + self._room())

    def _oldest(self) -> int:
        """Return up to when at least the schedule must be given away that the next stretch may follow.

        Half of it may have passed: where many ask at once, all but one would be refused if nothing may.
        """
        return self._now - round(self._asked / 2)

    def _ask_share(self, change: Change, length: float, charge: float) -> None:
        now, job = self._now, JOB + self.job
        if self._standing == "alone":
            change.put[job] = now + self.reach.target
        elif self._standing == "spare":
            change.put[job] = now + self.reach.horizon
        elif self._standing == "behind":
            change.put[job] = now + round(max(length, charge) / self.share)
            change.within[job] = (None, now - BEHIND - 1)
        else:
            change.add[job] = round(charge / self.share)
            change.within[job] = (now - BEHIND, now + self.reach.horizon)

    def _room(self) -> int:
        """Return how far ahead the schedule may be given away where a stretch begins."""
        rooms = {"alone": self.reach.horizon, "spare": self.reach.spare, "full": 0}
        return min(rooms.get(self._standing, self.reach.full), self._soon)

    @property
    def _soon(self) -> int:
        """How far away a stretch may begin, after so long a wait."""
        return max(SOON, MOST_WAIT - self.waited)

    def _leads(self) -> tuple[int, int]:
        """Return how far ahead of the time the job is, and the schedule."""
        return (
            self.item.get(JOB + self.job, 0) - self._now,
            self.item.get(GIVEN, 0) - self._now,
        )

    def _stands(self) -> Standing:
        lead, ahead = self._leads()
        if self._alone:
            return "alone" if ahead <= self.reach.horizon else "full"
        if lead <= self.reach.horizon and ahead <= min(self.reach.full, self._soon):
            return "behind" if lead < -BEHIND else "within"
        return "spare" if ahead <= self.reach.spare else "full"

    def _adapt(self, lead: float) -> None:
        """Make stretches as long as brings the end of the last one near the target."""
        wanted = self.reach.target / max(lead, 1)
        if wanted < MUCH_MORE:
            self.length = min(self.length * max(0.5, wanted), self.length + LONGEST_STEP)
        else:
            self.length *= min(2.0, wanted)
