"""How long a model's answers to a job are, so that no more is reserved for the next one than it may need.

Bedrock takes the whole ``max_tokens`` of a call out of the minute's quota for as long as the call lasts
(docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html): a limit far above what is written costs most
of the throughput. Whatever answers are like, as long as they stay so, at most one in :data:`NEWEST` is longer than the
longest of so many before it; and what is reserved lies well above that one.
"""

from collections import deque
from dataclasses import dataclass, field

# What is older than so many answers is forgotten.
NEWEST = 200
# Few tell little of the next: of so many, twice as much is reserved as of many, and so on.
FEW = 10
# What is reserved above the longest: a part of it, and some tokens for the very short.
HEADROOM = 1.1
SPARE = 16
# An answer that was cut was going to be so many times as long, until it is known.
CUT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What earlier jobs under the same contract have seen of a model's answers."""

    seen: int = 0
    longest: int = 0
    ratio: float | None = None
    """What calls used of what they might, on average."""


@dataclass(slots=True)
class Lengths:
    """How long the newest answers were, in tokens: one worker's own, and of what the others saw the longest."""

    unshared: int = 0
    """Own answers that the others have not heard of."""
    earlier: Earlier = Earlier()
    """Another file may be of another kind: all answers of earlier jobs together count as few."""
    seen: int = 0
    """Own answers."""
    _longest: deque[tuple[int, int]] = field(default_factory=deque)
    """Each answer that is longer than all later ones, with its number."""
    _others_seen: int = 0
    _others_longest: int = 0

    @property
    def of_the_job(self) -> int:
        """The longest of the job's newest; own ones, once there are enough, tell best what this worker's are like."""
        own = self._longest[0][1] if self._longest else 0
        return own if self.seen >= NEWEST else max(own, self._others_longest)

    @property
    def longest(self) -> int:
        """The longest of the newest answers; those of earlier jobs count until the job has enough of its own."""
        return max(self.of_the_job, self.earlier.longest if self._new else 0)

    @property
    def handed_on(self) -> int:
        """The longest for jobs to come: what earlier ones saw counts the less for it, the more this one has seen."""
        longest, part = self.of_the_job, max(self.seen, self._others_seen) / NEWEST
        fades = (1 - part) * (self.earlier.longest - longest) if self._new else 0
        return longest + max(0, round(fades))

    @property
    def _new(self) -> bool:
        return max(self.seen, self._others_seen) < NEWEST

    def add(self, length: int) -> None:
        """Note how long an answer was."""
        self.seen += 1
        self.unshared += 1
        while self._longest and self._longest[-1][1] <= length:
            self._longest.pop()
        self._longest.append((self.seen, length))
        if self._longest[0][0] <= self.seen - NEWEST:
            self._longest.popleft()

    def cut(self, limit: int) -> None:
        """Note an answer that this limit has cut short."""
        self.add(CUT * limit)

    def hear(self, seen: int, longest: int) -> None:
        """Take in what all workers together have seen."""
        self._others_seen, self._others_longest = seen, longest

    def limit(self, most: int, least: int = 1) -> int:
        """Return what to reserve for an answer that may have ``most`` tokens, and must be granted ``least``.

        >>> lengths = Lengths()
        >>> lengths.limit(2048)
        2048
        >>> for length in range(300):
        ...     lengths.add(length)
        >>> lengths.limit(2048), lengths.limit(2048, 600), lengths.limit(400, 600)
        (355, 600, 400)
        """
        seen = max(self.seen, self._others_seen) + min(self.earlier.seen, FEW)
        if not seen:
            return most
        enough = HEADROOM * (1 + FEW / seen) * self.longest
        return min(most, max(least, int(enough) + SPARE))
