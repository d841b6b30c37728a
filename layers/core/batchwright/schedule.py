"""A model's schedule: what all workers of all jobs know of it, as one flat item of whole numbers.

Times are milliseconds since 1970. The item holds up to when the schedule is given away, what is believed of the limit,
what went through in the last minute, and the jobs that share the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

type Item = Mapping[str, int]
type Span = tuple[int | None, int]
"""From and to, both counted in. Where nothing is said of the lower end, the number need not be there."""

SECOND = 1000
MINUTE = 60 * SECOND
SLOT = 10 * SECOND
# A job that took nothing for so long has no share.
ACTIVE = 10 * SECOND
# Nothing is remembered of a model that nobody asked for so long.
FORGET = 60 * MINUTE
# Later than any time there is.
EVER = 10**12

GIVEN = "given"
EXPIRATION = "expiration"
USED = "used#"
JOB = "job#"
PRIORITY = "priority#"
RATIO = "ratio#"
LENGTH = "length#"
ANSWERS = "answers#"
LONGEST = "longest#"
JOB_NUMBERS = (JOB, PRIORITY, RATIO, LENGTH, ANSWERS, LONGEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write: done whole where every number lies in its span, else not at all."""

    add: dict[str, int] = field(default_factory=dict)
    put: dict[str, int] = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    within: dict[str, Span] = field(default_factory=dict)


def slot(now: int) -> str:
    """Return the name of the slot in which what is used now is counted."""
    return f"{USED}{now // SLOT}"


def used(item: Item, now: int, *, span: int = MINUTE) -> float:
    """Return the tokens that were counted in the last minute; the oldest slot counts by the part that lies in it.

    What was counted too much in one slot may be taken off in a later one.

    >>> used({"used#9": 60, "used#8": 60, "used#3": 100, "used#2": 7}, 95_000)
    170.0
    >>> used({"used#9": -60, "used#8": 100}, 95_000)
    40.0
    """
    counted, less = 0.0, 0
    slots = {
        int(name.removeprefix(USED)): tokens
        for name, tokens in item.items()
        if name.startswith(USED)
    }
    for number in sorted(slots, reverse=True):
        tokens = slots[number] + less
        less = min(0, tokens)
        counted += max(0, tokens) * _part(number, now - span)
    return counted


def _part(number: int, begin: int) -> float:
    return min(1.0, max(0.0, ((number + 1) * SLOT - begin) / SLOT))


def share(item: Item, job: str, priority: int, now: int) -> float:
    """Return the part of the schedule that is a job's: by priority, among all jobs that take of it.

    >>> share({"job#a": 1000, "priority#a": 6, "job#b": 900, "priority#b": 9}, "c", 3, 11_000)
    0.3333333333333333
    """
    others = sum(
        item.get(PRIORITY + name, 0)
        for name in (key.removeprefix(JOB) for key in item if key.startswith(JOB))
        if name != job and item[JOB + name] >= now - ACTIVE
    )
    return priority / (priority + others)


def stale(item: Item, now: int) -> frozenset[str]:
    """Return the names of what need not be kept: slots of earlier minutes, jobs that take nothing any more.

    A slot more than a minute has is kept, for what is counted before it goes through.
    """
    oldest = (now - MINUTE) // SLOT - 1
    slots = {
        name for name in item if name.startswith(USED) and int(name.removeprefix(USED)) < oldest
    }
    jobs = {
        name.removeprefix(JOB)
        for name, at in item.items()
        if name.startswith(JOB) and at < now - MINUTE
    }
    return frozenset(slots | {kind + job for job in jobs for kind in JOB_NUMBERS})
