"""What is believed of a limit that nobody told: learnt from what went through and what was refused.

Everything is a function of the shared item and the time, so that all workers believe the same and only a refusal
costs a write. The limit is in tokens a minute. At first it doubles every few seconds until something is refused. A
refusal lowers it for all; then it comes back to just below where it was refused, stays there, and after a quiet minute
feels its way upwards, ever faster (as TCP's CUBIC does, rfc-editor.org/rfc/rfc9438).

Two kinds of limit look different when they are reached: of a bucket, some calls still go through, so that it is the
pace that was too high; of a window, none does until its end, and what went through in the last minute is the limit.
"""

from batchwright.schedule import GIVEN, MINUTE, SECOND, SLOT, Change, Item, Span, used

BEGAN = "began"
"""When the first call of the model was allowed."""
LOWERED = "lowered"
"""When the limit was lowered last."""
TOP, BASE = "top", "base"
"""Where it comes back to, and where it began to."""
TIMES = "times"
"""How often it was lowered in a row, soon one after the other."""
WINDOWS = "windows"
"""1 where the limit is one of fixed windows."""
REFUSED, PASSED = "refused", "passed"
"""When the last call began that is known to be refused, and admitted."""
SINCE = "since"
"""When the refusals began of which none is known to be followed by a call that was admitted."""
OPENED = "opened"
"""When a window began, in whose predecessor nothing had gone through any more."""

# What an account may usually ask where AWS's own table says nothing.
USUAL = 1_000_000
# No limit is reached by a quarter of its minute: so much may go faster, up to four times after two seconds.
FIRST_PART = 0.25
HURRY = 2
# Then a first guess doubles so fast, as long as this part of it was used in the last minute.
DOUBLES = 20 * SECOND
USED_PART = 0.25
# Where a limit comes back to and where it begins to, as parts of what was refused: of a first guess, and the deeper the
# more often it was refused soon after it had been lowered.
FIRST_FALL = (0.75, 0.5)
FALLS = ((0.985, 0.93), (0.97, 0.8), (0.9, 0.6))
SOON = 10 * SECOND
# A first guess falls at once to what really went through, to this part of itself at least, and comes back to twice of
# that: while one call in two seconds is tried, less goes through than could.
STEEPEST = 1 / 8
ABOVE_SEEN = 2.0
# Who fell to less than this part of where it comes back to is as good as new.
DEEP = 0.7
RECOVERY = 15 * SECOND
MOST_ABOVE_USE = 1.3
# Where nothing went through for so long, a window is used up.
STILL = 3 * SECOND


def believed(item: Item, now: int) -> float | None:
    """Return the tokens a minute that are believed to be the limit, ``None`` where nothing was refused yet."""
    if LOWERED not in item:
        return None
    top, base, quiet = item[TOP], item[BASE], now - item[LOWERED]
    if quiet < RECOVERY:
        return top - (top - base) * (1 - max(quiet, 0) / RECOVERY) ** 3
    minutes = (quiet - RECOVERY) / MINUTE
    # What passes the limit of a window is refused until its end: there it is tried more slowly.
    grown = top * (1 + (0.02 * minutes**2 if item.get(WINDOWS) else 0.1 * minutes**3))
    # What nobody uses is not known to be there.
    return min(grown, max(top, MOST_ABOVE_USE * used(item, now)))


def first_guess(item: Item, now: int, usual: float) -> float:
    """Return what is tried where nothing is told and nothing was refused: ``usual`` is what accounts mostly have."""
    age, minute = now - item.get(BEGAN, now), used(item, now)
    if minute < FIRST_PART * usual:
        return usual * 2 ** min(age / SECOND, HURRY)
    return max(usual, min(usual * 2 ** min(age / DOUBLES, 40), minute / USED_PART))


def unsettled(item: Item, now: int) -> bool:
    """Whether a limit is still being found: nothing was refused yet, or it fell deep, not long ago."""
    if LOWERED not in item:
        return True
    return now - item[LOWERED] < RECOVERY and item[BASE] < DEEP * item[TOP]


def suspicious(item: Item) -> bool:
    """Whether nothing is known to have gone through since the last refusal."""
    return item.get(REFUSED, 0) > item.get(PASSED, 0)


def reopens(item: Item, now: int, chance: float) -> int | None:
    """Return when a worker should look again after a window was used up, ``None`` where none seems to be.

    Windows begin in the same second of each minute. Where it is not known in which, workers look one after the other.
    """
    if not suspicious(item) or now < item[SINCE] + STILL:
        return None
    since = item[SINCE]
    if OPENED in item:
        opens = since + (item[OPENED] - since) % MINUTE
        if now < opens + STILL:
            return max(now, opens) + int(chance * SECOND)
    left = since + MINUTE - now
    return now + int(chance * left) if left > 0 else None


def lowered(
    item: Item,
    limit: float,
    refused: int,
    now: int,
    *,
    under: int,
    guessed: bool = False,
    heard: int | None = None,
) -> Change | None:
    """Return what a refusal changes, if anything: a call that began at ``refused`` was one too many at ``limit``.

    ``under`` is when the limit had been lowered under which the call got its turn: those that got theirs before the
    last time say nothing new. ``guessed`` means that ``limit`` is a first guess. ``heard`` is when the item stood so;
    nothing said is now.
    """
    last = item.get(LOWERED, 0)
    seen: Span = (last, last) if last else (None, 0)
    if last and suspicious(item):
        return _exhausted(item, seen, refused, now)
    if under < last:
        return None
    minute = _went_through(item, limit, now, now if heard is None else heard)
    times = item.get(TIMES, 0) + 1 if last and now - last < SOON else 0
    if item.get(WINDOWS):
        top = base = max(0.99 * min(limit, minute), limit / 8)
    else:
        fall = FIRST_FALL if guessed and not last else _fall(times)
        young = guessed and now - item.get(BEGAN, 0) < MINUTE
        top, base = _levels(limit, minute, _deepened(item, limit, fall, now) if young else fall)
    put = {TOP: int(top), BASE: int(base), LOWERED: now, TIMES: times}
    return Change(put=put, within={LOWERED: seen})


def _fall(times: int) -> tuple[float, float]:
    return FALLS[min(times, len(FALLS) - 1)]


def _deepened(item: Item, limit: float, fall: tuple[float, float], now: int) -> tuple[float, float]:
    """Let a guess, which may be wrong by any factor, fall to what goes through; where nothing did, nothing is known."""
    through = _through(item, limit, now) / limit
    if not through:
        return fall
    through = max(STEEPEST, through)
    return min(fall[0], ABOVE_SEEN * through), min(fall[1], through)


def _levels(limit: float, minute: float, fall: tuple[float, float]) -> tuple[float, float]:
    """Whatever kind of limit it is: in a minute no more than twice of it goes through."""
    base = min(limit, max(fall[1] * limit, minute / 2))
    return max(base, fall[0] * limit), base


def _went_through(item: Item, limit: float, now: int, heard: int) -> float:
    """Return what went through in the last minute.

    Calls are counted when their turns are given away. So what was given away for later is counted already; and what
    went through at the minute's begin was counted before it, by as much as was given away when the item was heard.
    """
    ahead = max(0, item.get(GIVEN, 0) - heard)
    return max(0.0, used(item, now, span=MINUTE + ahead) - _for_later(item, limit, now))


def _through(item: Item, limit: float, now: int) -> float:
    """Return the tokens a minute that went through in the newest slots; a bucket gave a second's worth besides."""
    slots = now % SLOT + SLOT
    calls = max(0.0, used(item, now, span=slots) - _for_later(item, limit, now))
    return calls * MINUTE / (min(slots, now - item[BEGAN]) + SECOND)


def _for_later(item: Item, limit: float, now: int) -> float:
    return max(0, item.get(GIVEN, 0) - now) / MINUTE * min(limit, used(item, now))


def _exhausted(item: Item, seen: Span, refused: int, now: int) -> Change | None:
    """Nothing went through for seconds: that is a window, and its limit is what went through before."""
    passed = item.get(PASSED, 0)
    if item.get(WINDOWS) or refused < max(item[SINCE], passed) + STILL:
        return None
    top = int(0.99 * used(item, now)) or item[TOP] // 4
    put = {TOP: top, BASE: top, LOWERED: now, WINDOWS: 1}
    return Change(put=put, within={LOWERED: seen, PASSED: (None, passed)})
