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


@dataclass(slots=True)
class Lengths:
    """How long the newest answers were, in tokens: one worker's own, and of what the others saw the longest."""

    unshared: int = 0
    """Own answers that the others have not heard of."""
    _seen: int = 0
    _longest: deque[tuple[int, int]] = field(default_factory=deque)
    """Each answer that is longer than all later ones, with its number."""
    _others_seen: int = 0
    _others_longest: int = 0

    @property
    def longest(self) -> int:
        """The longest of the newest answers; own ones, once there are enough, tell best what this worker's are like."""
        own = self._longest[0][1] if self._longest else 0
        return own if self._seen >= NEWEST else max(own, self._others_longest)

    def add(self, length: int) -> None:
        """Note how long an answer was."""
        self._seen += 1
        self.unshared += 1
        while self._longest and self._longest[-1][1] <= length:
            self._longest.pop()
        self._longest.append((self._seen, length))
        if self._longest[0][0] <= self._seen - NEWEST:
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
        seen = max(self._seen, self._others_seen)
        if not seen:
            return most
        enough = HEADROOM * (1 + FEW / seen) * self.longest
        return min(most, max(least, int(enough) + SPARE))
