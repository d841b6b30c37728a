"""Which records may have killed their workers, and how to find the one that does.

A worker says in the chunk's log what it is about to work on, and in the end that it left. One that never left has died,
and any of the records that it had claimed and not settled may be the cause. After two such deaths the suspects are
worked on in small groups, each claimed before it is touched, so that the next death points at fewer; a record whose
worker died twice while it worked on nothing else is not tried any more. Then the others have long been settled.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import batched
from math import isqrt

from batchwright.segment import Claim

# A worker may die for reasons of its own; twice at the same records is no chance.
SUSPICIOUS = 2
# So few suspects are tried one by one; of more, a square root's worth at a time: a thousand take two more deaths to
# come down to one.
FEW = 16
# A record on which so many workers died that had nothing else to do is given up.
CONDEMNED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Records that are worked on together, and before any others are touched."""

    indexes: frozenset[int]
    deaths: int = 0
    """How many workers died at the one record of this group, if it is to be given up for that; else 0."""

    @property
    def claim(self) -> Claim:
        """What a worker says before it works on it."""
        return claim_of(self.indexes)


def groups_of(open_records: Collection[int], claims: Iterable[Claim]) -> list[Group]:
    """Return what to work on, in order: ``claims`` are those of workers that died.

    >>> [sorted(group.indexes) for group in groups_of({1, 2, 3}, [((1, 3),), ((2, 3),)])]
    [[1], [2], [3]]
    """
    deaths, alone = _deaths(claims)
    condemned = [index for index in sorted(open_records) if alone[index] >= CONDEMNED]
    groups = [Group(indexes=frozenset({each}), deaths=alone[each]) for each in condemned]
    levels: dict[int, list[int]] = {}
    for index in sorted(set(open_records).difference(condemned)):
        level = deaths[index] if deaths[index] >= SUSPICIOUS else 0
        levels.setdefault(level, []).append(index)
    for level, indexes in sorted(levels.items()):
        groups += _cut(indexes) if level else [Group(indexes=frozenset(indexes))]
    return groups


def claim_of(indexes: Collection[int]) -> Claim:
    """Return records as runs.

    >>> claim_of({5, 1, 2, 3})
    ((1, 3), (5, 5))
    """
    runs: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return tuple(runs)


def _deaths(claims: Iterable[Claim]) -> tuple[Counter[int], Counter[int]]:
    deaths: Counter[int] = Counter()
    alone: Counter[int] = Counter()
    for claim in claims:
        claimed = [index for first, last in claim for index in range(first, last + 1)]
        deaths.update(claimed)
        if len(claimed) == 1:
            alone.update(claimed)
    return deaths, alone


def _cut(suspects: list[int]) -> Iterator[Group]:
    size = 1 if len(suspects) <= FEW else isqrt(len(suspects) - 1) + 1
    for part in batched(suspects, size, strict=False):
        yield Group(indexes=frozenset(part))
