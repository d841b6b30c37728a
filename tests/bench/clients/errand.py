"""What a client is sent to do, and how it reports: a program each, so that the peers can have their own environment.

A client reads its errand from the command line, opens what it needs, says ``ready``, waits for a line, asks for all
of its prompts, and says how many were answered.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

REGION = "us-east-1"
STATE_TABLE = "state"
# More a minute than any bench asks for.
NO_LIMIT = 1_200_000
# Four characters are a token of the model host's echo: so much goes in, and as much comes out.
TOKENS = 64


type Report = dict[str, float]


# What a report calls the permits that were taken at a time of day, in seconds since 1970.
PERMITS_AT = "permits@"


class Permits:
    """When permits to make a call were given, by clients whose calls wait for one."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def take(self) -> None:
        """Note one; threads may do so at the same time."""
        self._times.append(time.time())

    def report(self) -> Report:
        """Return how many there were, by tenths of a second."""
        return {f"{PERMITS_AT}{at}": float(n) for at, n in self._counted().items()}

    def _counted(self) -> Counter[float]:
        return Counter(round(at, 1) for at in self._times)


@dataclass(frozen=True, kw_only=True)
class Errand:
    """Prompts to ask, so many at once."""

    model: str
    prompts: int
    """Of all clients together."""
    in_flight: int
    max_tokens: int
    clients: int = 1
    number: int = 0
    """Which of them this one is."""
    mode: str = ""
    """Which of its ways of retrying the client takes, where it has several."""
    rpm: int | None = None
    """The limit, where the client is told."""
    tpm: int | None = None
    folder: str = ""
    """Where its input lies, for a client that reads one."""

    @property
    def share(self) -> int:
        """How many prompts each client has; the last may have fewer."""
        return -(-self.prompts // self.clients)

    def texts(self) -> list[str]:
        """Return the client's own prompts."""
        first = self.number * self.share
        return self.all_texts()[first : first + self.share]

    def all_texts(self) -> list[str]:
        """Return the prompts of all clients."""
        return [text_of(number) for number in range(self.prompts)]

    def told(self) -> str:
        """Return it for the command line."""
        return json.dumps(asdict(self))


def text_of(number: int) -> str:
    """Return a prompt of :data:`TOKENS` tokens.

    >>> len(text_of(7))
    256
    """
    return f"{number:06d} ".ljust(4 * TOKENS, "x")


def asked_by_threads(errand: Errand, answered: Callable[[str], bool]) -> int:
    """Ask all prompts, a thread for each that may be in flight; return how many were answered."""
    with ThreadPoolExecutor(errand.in_flight) as pool:
        return sum(pool.map(answered, errand.texts()))


def carry_out(prepare: Callable[[Errand], Callable[[], Report]]) -> None:
    """Run a client: ``prepare`` opens what it needs and returns what asks. Its environment leads to the host."""
    ask_all = prepare(Errand(**json.loads(sys.argv[1])))
    print("ready", flush=True)  # noqa: T201 - told to the parent
    sys.stdin.readline()
    print(json.dumps(ask_all()), flush=True)  # noqa: T201 - told to the parent
