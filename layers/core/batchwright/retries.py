"""A budget of retries: a service that fails is not asked several times as much as one that works.

(aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter)
"""

# A record's first call by a worker earns so much of a retry. What an earlier worker left in flight is no failure.
SHARE = 0.2
# A worker may begin with so many: a few records that fail again and again are no failing service.
FLOOR = 50


class Retries:
    """What one worker may still ask again. A job is its workers: none has more than its share."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._left = float(FLOOR)

    @property
    def spent(self) -> bool:
        """Whether no call may be made again now."""
        return self._left < 1

    def earn(self) -> None:
        """Count a first call."""
        self._left += SHARE

    def take(self) -> bool:
        """Take one retry, if one is left."""
        if self.spent:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """Take back that a call was made again."""
        self._left += 1
