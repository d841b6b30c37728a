"""What asynchronous lanes need of the world, in memory; tests/contract holds it to the same rules as on AWS."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from batchwright.errors import Missing
from batchwright.submission import SubmissionRow
from tests.canary import silent


class MemorySubmissions:
    """How submissions stand."""

    def __init__(self) -> None:
        self.rows: dict[str, SubmissionRow] = {}
        self._lock = Lock()

    def add(self, row: SubmissionRow) -> SubmissionRow:
        silent("the row of a submission", row)
        with self._lock:
            bare = SubmissionRow(name=row.name, records=row.records, reserved=row.reserved)
            return self.rows.setdefault(row.name, bare)

    def get(self, name: str) -> SubmissionRow | None:
        return self.rows.get(name)

    def started(self, name: str, place: str) -> None:
        self._change(name, place=place)

    def register(self, name: str, token: str) -> SubmissionRow:
        return self._standing(self._change(name, token=token), name)

    def arrived(self, name: str, indexes: Iterable[int]) -> SubmissionRow | None:
        row = self.rows.get(name)
        return row and self._change(name, arrived=row.arrived.union(indexes))

    def ended(self, name: str) -> SubmissionRow | None:
        return self._change(name, ended=True)

    def _change(self, name: str, **new: Any) -> SubmissionRow | None:
        with self._lock:
            row = self.rows.get(name)
            if row is not None:
                row = self.rows[name] = replace(row, **new)
            return row

    def _standing(self, row: SubmissionRow | None, name: str) -> SubmissionRow:
        if row is None:
            raise Missing(name)
        return row


@dataclass
class MemorySlots:
    """Who holds which place."""

    clock: Callable[[], float]
    places: dict[str, dict[str, float]] = field(default_factory=dict)

    def take(self, resource: str, holder: str, *, limit: int, until: float) -> bool:
        held = self.places.setdefault(resource, {})
        for name in [name for name, end in held.items() if end <= self.clock()]:
            del held[name]
        if holder not in held and len(held) >= limit:
            return False
        held[holder] = until
        return True

    def give(self, resource: str, holder: str) -> None:
        self.places.get(resource, {}).pop(holder, None)

    def held(self, resource: str) -> frozenset[str]:
        now = self.clock()
        return frozenset(name for name, end in self.places.get(resource, {}).items() if end > now)


@dataclass
class ListedTasks:
    """Tasks that wait, by their tokens, and what they were told."""

    waiting: set[str] = field(default_factory=set)
    told: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def succeed(self, token: str, answer: Mapping[str, Any]) -> bool:
        silent("the answer to a task", answer)
        if token not in self.waiting:
            return False
        self.waiting.remove(token)
        self.told[token] = answer
        return True
