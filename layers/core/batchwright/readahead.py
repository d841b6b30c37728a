"""Reading ahead: several things at once, handed on in order, and no more of them than fit into memory."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

READERS = 8
# What may wait to be handed on, in bytes.
AHEAD = 48_000_000


def read_ahead[Place, Found](
    places: Iterable[Place],
    read: Callable[[Place], Found],
    *,
    expected: Callable[[Place], int],
    weight: Callable[[Found], int],
) -> Generator[Found]:
    """Yield what ``read`` finds at each place, in order.

    ``weight`` is a finding's size in bytes, ``expected`` a guess at it before it is read. All guesses are raised by as
    much as the worst of them was too small so far.
    """
    queue = Queue(weight)
    with ThreadPoolExecutor(READERS) as readers:
        for place in places:
            guess = expected(place)
            while queue.full(guess):
                yield queue.first()
            queue.add(guess, readers.submit(read, place))
        while queue:
            yield queue.first()


class Queue[Found]:
    """What is being read, in order."""

    def __init__(self, weight: Callable[[Found], int]) -> None:
        """Nothing is being read yet."""
        self._weight = weight
        self._waiting: deque[tuple[int, Future[Found]]] = deque()
        self._guessed = 0
        self._worst = 1.0

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiting)

    def full(self, guess: int) -> bool:
        """Whether one more must wait; the only one never does."""
        much = (self._guessed + guess) * self._worst > AHEAD
        return bool(self) and (much or len(self) >= READERS)

    def add(self, guess: int, reading: Future[Found]) -> None:
        """Put one at the end."""
        self._waiting.append((guess, reading))
        self._guessed += guess

    def first(self) -> Found:
        """Take out the first, as soon as it is read."""
        guess, reading = self._waiting.popleft()
        found = reading.result()
        self._guessed -= guess
        self._worst = max(self._worst, self._weight(found) / guess)
        return found
