"""What is believed of a limit that nobody told: learnt from what went through and what was refused.

Everything is a function of the shared item and the time, so that all workers believe the same and only a refusal
costs a write. The limit is in tokens a minute. At first it doubles every few seconds until something is refused. A
refusal lowers it for all; then it comes back to just below where it was refused, stays there, and after a quiet minute
feels its way upwards, ever faster (as TCP's CUBIC does, rfc-editor.org/rfc/rfc9438).

Two kinds of limit look different when they are reached: of a bucket, some calls still go through, so that it is the
pace that was too high; of a window, none does until its end, and what went through in the last minute is the limit.
"""

from batchwright.schedule import GIVEN, MINUTE, SECOND, SLOT, Change, Item, Span, busiest, used

BEGAN = "began"
"""When the first call of the model was allowed."""
LOWERED = "lowered"
"""When the limit was lowered last."""
TOP, BASE = "top", "base"
"""Where it comes back to, and where it began to."""
LAST_MINUTE = "minute"
"""What had gone through in the minute before."""
TIMES = "times"
"""How often it was lowered in a row, soon one after the other."""
WINDOWS = "windows"
"""1 where the limit is one of fixed windows."""
REFUSED, PASSED = "refused", "passed"
"""When the last call began that is known to be refused, and admitted."""
SINCE = "since"
"""When the refusals began of which none is known to be followed by a call that was admitted."""

START = 60_000
DOUBLES = 8 * SECOND
# As slots are ten seconds long, what is used now may be so many times what the busiest slot says.
HEADROOM = 8
SLOTS = MINUTE // SLOT
RECOVERY = 15 * SECOND
PROBING = 0.02
MOST_ABOVE_USE = 1.3
# Refusals of calls that began so soon after the limit was lowered are of the time before.
SETTLING = 3 * SECOND
SOON = 10 * SECOND
# Lowered so often in a row, it is lowered faster.
MANY = 3
# The pace may be so many times what the busiest slot says.
MOST_ABOVE_SLOTS = 1.5


def believed(item: Item, now: int) -> float | None:
    """Return the tokens a minute that are believed to be the limit, ``None`` where nothing was refused yet."""
    if LOWERED not in item:
        return None
    top, base, quiet = item[TOP], item[BASE], now - item[LOWERED]
    if quiet < RECOVERY:
        return top - (top - base) * (1 - max(quiet, 0) / RECOVERY) ** 3
    grown = top * (1 + PROBING * ((quiet - RECOVERY) / MINUTE) ** 2)
    # What nobody uses is not known to be there.
    return min(grown, max(top, MOST_ABOVE_USE * used(item, now)))


def first_guess(item: Item, now: int) -> float:
    """Return what is tried where neither the contract nor anybody's refusal says anything."""
    doubled: float = START * 2 ** min((now - item.get(BEGAN, now)) / DOUBLES, 40)
    return min(doubled, max(START, HEADROOM * busiest(item) * SLOTS))


def suspicious(item: Item) -> bool:
    """Whether nothing is known to have gone through since the last refusal."""
    return item.get(REFUSED, 0) > item.get(PASSED, 0)


def lowered(
    item: Item, limit: float, refused: int, now: int, *, guessed: bool = False
) -> Change | None:
    """Return what a refusal changes, if anything: a call that began at ``refused`` was one too many at ``limit``.

    ``guessed`` means that ``limit`` is a first guess.
    """
    last = item.get(LOWERED, 0)
    seen: Span = (last, last) if last else (None, 0)
    if last and suspicious(item) and item.get(PASSED, 0) < item[SINCE]:
        return _exhausted(item, seen) if refused >= item[SINCE] + SETTLING else None
    if refused < last + SETTLING:
        return None
    minute = _went_through(item, limit, now)
    times = item.get(TIMES, 0) + 1 if now - last < SOON else 0
    if guessed and not last:
        top, base = _first_levels(limit, busiest(item) * SLOTS)
    else:
        top, base = _levels(limit, times, minute if item.get(WINDOWS) else None)
    put = {TOP: int(top), BASE: int(base), LOWERED: now, LAST_MINUTE: int(minute), TIMES: times}
    return Change(put=put, within={LOWERED: seen})


def _went_through(item: Item, limit: float, now: int) -> float:
    """Return what went through in the last minute: what is given away for later is counted already."""
    counted = used(item, now)
    later = max(0, item.get(GIVEN, now) - now) / MINUTE
    return counted - later * min(limit, counted)


def _first_levels(limit: float, fastest: float) -> tuple[float, float]:
    """A guess says little: perhaps nobody went so fast."""
    base = min(0.93 * limit, max(MOST_ABOVE_SLOTS * fastest, limit / 8))
    return min(0.985 * limit, 2 * base), base


def _levels(limit: float, times: int, minute: float | None) -> tuple[float, float]:
    if minute is not None:
        top = max(0.99 * min(limit, minute), limit / 8)
        return top, top
    if times:
        return 0.97 * limit, (0.8 if times < MANY else 0.6) * limit
    return 0.985 * limit, 0.93 * limit


def _exhausted(item: Item, seen: Span) -> Change | None:
    """Nothing went through for seconds: that is a window, and its limit is what went through before."""
    if item.get(WINDOWS):
        return None
    top = int(min(item[TOP], 0.99 * item[LAST_MINUTE] or item[BASE] / 8))
    return Change(put={TOP: top, BASE: top, WINDOWS: 1}, within={LOWERED: seen})
