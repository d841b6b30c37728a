"""What a worker finds around it, and what it reports."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from batchwright.filters import Means
from batchwright.finding import Notes, Stage, Verdict
from batchwright.outcome import Tally
from batchwright.ports import Budgets, Circuits, Clock, Engine, Jobs, Objects, Schedules


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a worker needs of the world."""

    objects: Objects
    jobs: Jobs
    budgets: Budgets
    schedules: Schedules
    circuits: Circuits
    engine: Engine
    clock: Clock
    seconds: Callable[[], float]
    """A clock that never jumps."""
    time: Callable[[], float]
    """Seconds since 1970; workers must agree about it to some hundred milliseconds."""
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    new_id: Callable[[], str]
    """An id that nobody else has."""
    means: Means = field(default_factory=Means)
    """What filters may use."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What one worker did, for the metrics: never whose records, never what they say."""

    tally: Tally = field(default_factory=Tally)
    latencies_ms: list[int] = field(default_factory=list)
    seconds: float = 0.0
    cache_faults: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    findings: Counter[tuple[Stage, str, str]] = field(default_factory=Counter)
    """By stage, filter and kind."""

    def look_back(self, notes: Notes) -> None:
        """Count what the filters found for one record."""
        if notes.verdict is not None:
            self.verdicts[notes.verdict] += 1
        for each in notes.noted:
            self.findings[each.stage, each.filter, each.finding.kind] += 1
