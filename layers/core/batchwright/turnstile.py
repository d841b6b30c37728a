"""One worker's turns in a model's schedule: whose call may be made when, and what is told to the others.

Pure: the clock is an argument, and the table is somebody else's. Times are milliseconds since 1970.

The schedule is one number, up to when it is given away (a theoretical arrival time, as in the generic cell rate
algorithm). A worker leases a stretch by moving that number with one write; in its stretch it makes calls at the
whole fleet's pace, or later, where it is slower. So the fleet goes no faster than the limit, with clocks that agree to
some hundred milliseconds, and the stretch of a worker that died passes by itself. Every job has such a number of its
own, too, that moves faster the smaller the job's share is: a job that is ahead of its share gets only what the others
leave.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean

from batchwright.believed import LOWERED, SINCE, USUAL, reopens, suspicious
from batchwright.demand import Demand, Ticket, endless
from batchwright.lengths import Lengths
from batchwright.news import News
from batchwright.quotas import Quota
from batchwright.reckoning import Reckoning
from batchwright.schedule import ANSWERS, GIVEN, LONGEST, SECOND, Change, Item
from batchwright.stretch import ADMITTED, Stretch
from batchwright.tenancy import Tenancy

# A stretch is asked for so long before it is needed: a write takes five to ten milliseconds.
AHEAD = 150
# So much of the schedule is worth a write to give it back.
WORTH_A_WRITE = 100.0
# While nothing is known to go through, the fleet tries one call in so many milliseconds.
BETWEEN_PROBES = 2.0 * SECOND
# A worker whose next turn is further away leaves: waiting elsewhere is free, and to leave and come back costs as much.
PATIENCE = 5 * SECOND
# It leaves for about so many seconds where nobody knows when there will be room.
REST = 60.0
# Nor for longer than such a part of what its records take: the others may be done before, and the limit stand idle.
SHARE_OF_WORK = 1 / 8
# Without the table: a part of the limit, among as many workers as there seem to be, and at least a call in ten seconds.
CAUTION = 0.1
SLOWEST = 10 * SECOND
NEXT_LOOK = 5 * SECOND
# A worker that never heard anything is the slowest, and looks again sooner.
FIRST_LOOK = SECOND


@dataclass(slots=True, kw_only=True)
class Turnstile:
    """What one worker of a job knows of one model's schedule, and its waiting and running calls."""

    caps: Quota
    """The limits that were told."""
    job: str
    priority: int
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    lengths: Lengths = field(default_factory=Lengths)
    """How long answers are: what the others saw of them is heard here, and told."""
    to_come: Callable[[], int] = endless
    """How many records there are besides, as far as it is known."""
    usual: int = USUAL
    """The tokens a minute that are tried first where nothing was told."""
    patience: int = PATIENCE
    """For how long its calls wait without a turn; where that is less than usual, a turn that is refused is none."""
    rested: float = 0.0
    """For how many seconds the worker had left before, 0 where it had not."""
    waiting: deque[Ticket] = field(default_factory=deque)
    running: dict[Ticket, None] = field(default_factory=dict)
    asking: bool = False
    """Whether a change is under way."""
    deaf: bool = False
    """Whether the table failed the last time."""
    _heard: bool = False
    _now: int = 0
    _pause_until: int = 0
    _waits_since: int = 0
    _busy_since: int = 0
    _next_alone: int = 0
    _had_turns: bool = False
    _leaves: bool = False
    """Whether there was no room for it soon when it last looked."""
    _opens: int | None = None
    """When a window opens, where that is what it has to wait for."""
    _stretches: deque[Stretch] = field(default_factory=deque)
    _demand: Demand = field(init=False)
    _reckoning: Reckoning = field(init=False)
    _tenancy: Tenancy = field(init=False)
    _news: News = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self._reckoning = Reckoning(
            caps=self.caps, job=self.job, before=self.lengths.earlier.ratio, usual=self.usual
        )
        self._demand = Demand(reckoning=self._reckoning, to_come=self.to_come)
        self._tenancy = Tenancy(
            job=self.job, priority=self.priority, chance=self.chance, told=self.caps != Quota()
        )
        self._news = News(
            job=self.job,
            guesses=self.caps == Quota(),
            reckoning=self._reckoning,
            tenancy=self._tenancy,
            lengths=self.lengths,
        )

    @property
    def item(self) -> Item:
        """What all know of the model, as the worker heard it last."""
        return self._news.item

    @property
    def ratio(self) -> float | None:
        """What calls use of what they reserve, on average, as far as it is known."""
        return self._reckoning.known_ratio

    def begin(self, item: Item, now: int) -> None:
        """Take in how the item stood before the worker asks for anything."""
        self._waits_since = now
        self._hear(item, now)
        pause = self._tenancy.begin()
        if pause is not None:
            self._wait_for_room(pause)

    # ---- calls -----------------------------------------------------------------------------------------------------

    def wait(self, tokens: int, now: int) -> Ticket:
        """Queue a call that reserves so many tokens of the quota."""
        if not self.waiting:
            self._waits_since = now
            if not self.running:
                self._busy_since = now
        ticket = Ticket(tokens)
        self.waiting.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up waiting, or a turn that was not taken."""
        if ticket in self.running:
            self._end(ticket, used=0, calls=0)
        elif ticket in self.waiting:
            self.waiting.remove(ticket)

    def released(self, now: int) -> list[Ticket]:
        """Return the calls whose turn it is."""
        self._at(now)
        calls = []
        while self.waiting and (turn := self._next_turn()) is not None and turn <= now:
            calls.append(self._take())
        return calls

    def goes_at_once(self, now: int) -> bool:
        """Let the only call that waits go if its turn has come, where nothing else follows from that."""
        if len(self.waiting) > 1 or suspicious(self.item):
            return False
        return bool(self.released(now))

    def wakes_at(self, now: int) -> int:
        """Return when to look again if nothing happens before."""
        self._at(now)
        times = [now + SECOND]
        if self.waiting:
            turn = self._next_turn()
            times.append(self._pause_until if turn is None else int(turn) + 1)
            times.append(int(self._stretches[-1].end) - AHEAD if self._stretches else now)
        if suspicious(self.item) and self.running:
            times.append(next(reversed(self.running)).began + ADMITTED)
        return min((time for time in times if time > now), default=now + SECOND)

    def settle(self, ticket: Ticket, used: int, now: int) -> None:
        """Note what an answered call used, in tokens as the quota counts them."""
        self._at(now)
        self._news.passed(ticket.began)
        self._reckoning.learn(ticket.tokens, used, now - ticket.began)
        self._end(ticket, used=used, calls=1)

    def fail(self, ticket: Ticket) -> None:
        """Note a call that was admitted and got no answer: what it used is not known."""
        self._news.passed(ticket.began)
        self.running.pop(ticket, None)

    def throttle(self, ticket: Ticket, now: int, retry_after: float | None) -> None:
        """Note a call that was refused for the limit: the worker goes on when the others know."""
        self._at(now)
        self.running.pop(ticket, None)
        # What is left of this stretch passes unused; the others' begin behind it.
        unused = sum(each.length for each in list(self._stretches)[1:])
        self._news.refused(ticket, ahead=self._ahead(), unused=unused)
        self._stretches.clear()
        if retry_after:
            self._pause_until = max(self._pause_until, now + int(retry_after * SECOND))

    def rest(self, now: int) -> float | None:
        """Return for how many seconds the worker should leave, where its calls would wait for too long."""
        if not self.waiting or self.deaf:
            return None
        if self.patience < PATIENCE:
            since = self._stuck_since()
            stuck = since is not None and now - since >= self.patience
            return self._long_rest() if stuck else None
        # Who stayed for another's sake may find that its turn has come near.
        if not self._leaves or self._stretches or self.asking or not self._is_late(now):
            return None
        if self._opens is not None:
            return (self._opens - now) / SECOND
        return self._rest_until_room(now)

    def _rest_until_room(self, now: int) -> float:
        """Return for how long to leave: until what is given away has passed; a minute at most, where that was in vain.

        Who got turns after a rest leaves for half as long the next time.
        """
        before = self.rested / 2 if self._had_turns else REST if self.rested else 0.0
        ahead = (self._tenancy.turns_from - now) / SECOND
        seconds = min(REST, max(ahead, min(before, SHARE_OF_WORK * self._records_take())))
        return max(PATIENCE / SECOND, seconds * (0.75 + self.chance() / 2))

    def _records_take(self) -> float:
        """Return the seconds that the worker's records take, as far as they are known, where all have as many.

        Of more than sixty workers it is less than that: nobody knows how many there are.
        """
        records = len(self.waiting) + self.to_come()
        a_call = mean(self._reckoning.expected(ticket.tokens) for ticket in self.waiting)
        return self._reckoning.cost(records, records * a_call) / self._tenancy.crowd / SECOND

    def _long_rest(self) -> float:
        return REST * (0.5 + self.chance())

    def _stuck_since(self) -> int | None:
        """Return since when no call can have gone through, ``None`` where a turn is in sight."""
        if suspicious(self.item):
            return max(self._busy_since, self.item.get(SINCE, 0))
        return None if self._stretches or self.asking else self._waits_since

    def _at(self, now: int) -> None:
        self._now = now
        self._reckoning.look(self.item, now)

    def _end(self, ticket: Ticket, *, used: int, calls: int) -> None:
        if ticket in self.running:
            del self.running[ticket]
            self._news.ended(ticket, used=used, calls=calls)

    # ---- turns -----------------------------------------------------------------------------------------------------

    def _next_turn(self) -> float | None:
        while self._stretches:
            stretch = self._stretches[0]
            self._draw_out(stretch)
            made = self._made(stretch)
            if not stretch.over(made, self._now):
                return max(stretch.turn(made, self._now), stretch.proved_at())
            self._stretches.popleft()
        return self._next_alone if self.deaf else None

    def _draw_out(self, stretch: Stretch) -> None:
        """Let a stretch last as long as the worker needs for it, as answers come now."""
        oldest = next(iter(self.running), None)
        stretch.slowness = self._demand.slowness(
            len(self.waiting) + len(self.running),
            age=self._now - oldest.began if oldest else 0,
        )

    def _made(self, stretch: Stretch) -> float:
        return self._reckoning.cost(stretch.calls, stretch.tokens)

    def _left(self, stretch: Stretch) -> float:
        return stretch.left(self._made(stretch), self._now)

    def _take(self) -> Ticket:
        ticket = self.waiting.popleft()
        self._waits_since = self._now
        self._tenancy.turn_came()
        self._had_turns = True
        self._demand.take()
        ticket.began, ticket.expected = self._now, self._reckoning.expected(ticket.tokens)
        self.running[ticket] = None
        self._reckoning.count(ticket.expected)
        if self._stretches:
            stretch = self._stretches[0]
            stretch.take(ticket.expected, self._now)
            ticket.under = stretch.under
            # The last call may take more than is left of the stretch: that is owed.
            self._news.taken(ticket, owed=max(0.0, -self._left(stretch)))
        else:
            self._news.taken(ticket)
            ticket.under = self.item.get(LOWERED, 0)
            self._next_alone = self._now + self._alone(ticket.expected)
        return ticket

    def _alone(self, tokens: int) -> int:
        """Return how long to wait between calls while the table does not answer."""
        if not self._heard:
            return SLOWEST
        part = CAUTION * self._tenancy.crowd
        return min(SLOWEST, int(self._reckoning.cost(1, tokens) / part))

    # ---- what is told ----------------------------------------------------------------------------------------------

    def change(self, now: int) -> Change | None:
        """Return what should be written now, if anything; :meth:`heard` or :meth:`failed` must follow."""
        self._at(now)
        if self.asking or (self.deaf and now < self._pause_until):
            return None
        wanted = self._stretch_wanted() if self._wants_turns() else 0.0
        if not wanted and not self._has_news():
            return None
        return self._telling(wanted)

    def _has_news(self) -> bool:
        self._see_passing()
        return self._news.urgent

    def _telling(self, wanted: float) -> Change:
        self._see_passing()
        self.asking = True
        if not wanted:
            return self._news.give_back(self._now)
        self._tenancy.waited = self._now - self._waits_since
        return self._news.ask(wanted, self.waiting[0] if self.waiting else None, self._now)

    def closing(self, now: int) -> Change | None:
        """Return what gives back what is not needed any more, if anything; :meth:`heard` must follow, and another look.

        Of the schedule only its very end can be given back. A part before that would be a hole, and who got it would
        call at the same time as another: more than a bucket holds.
        """
        self._at(now)
        last = self._stretches[-1] if self._stretches else None
        self._stretches.clear()
        if last and (left := self._left(last)) >= WORTH_A_WRITE:
            self.asking = True
            return self._news.give_back(self._now, left, round(last.given))
        return self._telling(0.0) if self._news.worth_a_write and self._heard else None

    def heard(self, applied: bool, item: Item, now: int) -> None:
        """Take in how the item stands: after the change where it was done, else as the change found it."""
        self._hear(item, now)
        if applied:
            self._news.told()
            if self._news.asked:
                self._lease()
            return
        pause = self._tenancy.refused()
        if pause is not None:
            self._wait_for_room(pause)

    def _hear(self, item: Item, now: int) -> None:
        self._news.item, self._news.heard_at = item, now
        self._at(now)
        self.asking = self.deaf = self._leaves = False
        self._heard = True
        self._tenancy.hear(item, now)
        self.lengths.hear(item.get(ANSWERS + self.job, 0), item.get(LONGEST + self.job, 0))

    def _wait_for_room(self, pause: int) -> None:
        """Wait until it is worth another look, or leave where the next turn would come too late."""
        self._opens = reopens(self.item, self._now, self.chance())
        self._leaves, self._pause_until = self._is_late(self._now), pause
        if not self._leaves:
            # Nothing is known of when others leave some: to ask again and again would not bring it nearer.
            turn = self._waits_since + PATIENCE
            if self._tenancy.turns_from:
                turn = max(self._now + AHEAD, self._room_from)
            self._pause_until = min(pause, turn)

    def _is_late(self, now: int) -> bool:
        """Whether the turn of the call that waits longest comes too late: where there is room now, it may be had."""
        if 0 < self._room_from <= now:
            return False
        return max(now + AHEAD, self._room_from) > self._waits_since + PATIENCE

    @property
    def _room_from(self) -> int:
        """From when on there is room at the soonest; 0 where nobody knows."""
        return self._tenancy.turns_from if self._opens is None else self._opens

    def failed(self, now: int) -> None:
        """Note that the table did not answer."""
        self._at(now)
        self.asking = False
        if not self.deaf:
            self._next_alone = now + int(self.chance() * SLOWEST)
        self.deaf = True
        look = NEXT_LOOK if self._heard else FIRST_LOOK
        self._pause_until = now + int(look * (0.5 + self.chance()))

    def _wants_turns(self) -> bool:
        if not self.waiting or self._now < self._pause_until:
            return False
        if len(self._stretches) != 1:
            return not self._stretches
        last = self._stretches[0]
        return self._left(last) * last.slowness <= min(AHEAD, last.length / 2)

    def _see_passing(self) -> None:
        for ticket in reversed(self.running):
            if ticket.began <= self._now - ADMITTED:
                self._news.passed(ticket.began)
                break

    def _stretch_wanted(self) -> float:
        """Return how much of the schedule to ask for."""
        if suspicious(self.item):
            self._see_passing()
            if not self._news.knows_better:
                return BETWEEN_PROBES
        left = sum(max(0.0, self._left(each)) for each in self._stretches)
        return self._demand.wanted(
            self.waiting, len(self.running), left=left, length=self._tenancy.length
        )

    def _ahead(self) -> float:
        """Return how much of the schedule that is to come is the worker's."""
        return sum(min(each.length, max(0.0, each.given - self._now)) for each in self._stretches)

    def _lease(self) -> None:
        end, doubtful = self.item[GIVEN], suspicious(self.item)
        begin = end - self._news.asked
        self._demand.leased(self._now, begin)
        self._stretches.append(
            Stretch(
                begin=begin,
                length=self._news.asked,
                probe=doubtful,
                under=self.item.get(LOWERED, 0),
            )
        )
        self._tenancy.leased(whole=self._news.whole and not doubtful)
