"""A circuit breaker: a model that is down is not asked by every record in turn, but by one, now and then.

Each worker has one a model, which needs no look at a table to let a call pass. That a model is down the workers tell
each other, and of all of them one at a time tries whether it is back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from batchwright.circuit import Circuit
from batchwright.errors import (
    AskAgain,
    BatchwrightError,
    JobStops,
    RecordEnds,
    Throttled,
    Unavailable,
)
from batchwright.ports import Circuits
from batchwright.route import Route

# So many calls in a row, over all records of the worker, that found the model down and no answer in between.
FAILURES = 10
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 60.0
# How soon to look again while somebody tries whether the model is back.
PROBING = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakers:
    """The breakers of one worker, one for all that asks the same."""

    circuits: Circuits
    holder: str
    """The worker's own name."""
    now: Callable[[], float]
    """A clock that never jumps."""
    time: Callable[[], float]
    """Seconds since 1970."""
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    _kept: dict[tuple[str, str, str | None], "Breaker"] = field(default_factory=dict)

    def of(self, route: Route) -> "Breaker":
        """Return the breaker for calls of a route."""
        asks = route.asks
        if asks not in self._kept:
            name = "#".join(filter(None, asks))
            others = Others(circuits=self.circuits, name=name, holder=self.holder, time=self.time)
            self._kept[asks] = Breaker(route.model, others, now=self.now, chance=self.chance)
        return self._kept[asks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """What the workers tell each other of one model; who does not reach them hears nothing, and decides alone."""

    circuits: Circuits
    name: str
    holder: str
    time: Callable[[], float]

    async def state(self) -> Circuit | None:
        """Return what they know."""
        return await _reached(self.circuits.state, self.name)

    async def open(self, failures: int) -> int | None:
        """Tell that the model is down; return since when, as they know it then."""
        now = int(self.time())
        told = await _reached(self._open, failures, now)
        return now if told else None

    async def half_open(self, opened_at: int) -> bool | None:
        """Whether this worker is the one that tries."""
        return await _reached(self._half_open, opened_at)

    async def open_again(self, failures: int, opened_at: int) -> bool | None:
        """Tell that the model is down still; ``False`` where another worker tries by now, or has."""
        return await _reached(self._open_again, failures, opened_at)

    async def close(self) -> None:
        """Tell that the model is back."""
        await _reached(self.circuits.close, self.name)

    def _open(self, failures: int, opened_at: int) -> bool:
        self.circuits.open(self.name, failures=failures, opened_at=opened_at)
        return True

    def _open_again(self, failures: int, opened_at: int) -> bool:
        return self.circuits.open_again(
            self.name, self.holder, failures=failures, opened_at=opened_at
        )

    def _half_open(self, opened_at: int) -> bool:
        return self.circuits.half_open(self.name, self.holder, opened_at=opened_at)


async def _reached[*Given, Answer](
    ask: Callable[[*Given], Answer], *given: *Given
) -> Answer | None:
    try:
        return await asyncio.to_thread(ask, *given)
    except BatchwrightError:
        return None


class Breaker:
    """Lets calls to one model pass while it answers, and while it is down one after every pause, of all workers'.

    The pauses grow, and are jittered: where workers do not hear of each other, each has its own.
    """

    def __init__(
        self,
        model: str,
        others: Others,
        *,
        now: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        """``now`` is a clock that never jumps, ``chance`` a random number from 0 to 1."""
        self._model = model
        self._others = others
        self._now = now
        self._chance = chance
        self._failures = 0
        self._next_probe: float | None = None
        self._probing = False
        # Since when the model is down that this worker was chosen to try; None where it was not.
        self._elected: int | None = None
        # Since when the model is down, as the other workers know it; None where they do not.
        self._known_since: int | None = None
        self._denied: JobStops | None = None
        self._has_heard = False
        self._hearing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether the model is taken to be down."""
        return self._next_probe is not None

    def call(self) -> "Call":
        """Make a call in it, which hears how that ended."""
        return Call(self)

    async def begin(self) -> bool:
        """Say whether a call is a probe.

        Where none may be made raises :class:`Unavailable`, or how the model was denied before.
        """
        if self._denied is not None:
            raise type(self._denied)(str(self._denied))
        if not self._has_heard:
            await self._heard()
        if self._next_probe is None:
            return False
        if self._probing:
            raise self._down(PROBING)
        self._wait_until_due()
        self._probing = True
        probes = False
        try:
            probes = await self._probes()
        finally:
            self._probing = probes
        return probes

    async def ended(self, fault: BaseException | None, *, probe: bool) -> None:
        """Take in how a call ended."""
        elected = self._elected if probe else None
        try:
            if isinstance(fault, JobStops):
                self._denied = fault
            answers = _answers(fault, probe=probe)
            if answers:
                self._answered()
                if elected is not None:
                    await self._others.close()
            elif answers is None:
                # A probe that was given up has told nothing: the next one tries, this worker's or another's.
                if elected is not None:
                    await self._leave(elected)
            elif self._opens(probe=probe):
                await (self._tell() if elected is None else self._tell_again())
        finally:
            if probe:
                # Not before all is told: who begins meanwhile would find its own worker to be the one that tries.
                self._probing, self._elected = False, None

    async def _heard(self) -> None:
        """Wait for what others know, which is asked once: who is given up meanwhile does not end that for all."""
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear())
        await asyncio.shield(self._hearing)

    async def _hear(self) -> None:
        circuit = await self._others.state()
        if circuit is not None and circuit.opened_at is not None:
            self._adopt(circuit, circuit.opened_at)
        self._has_heard = True

    async def _probes(self) -> bool:
        """Whether this call is the one that tries; ``False`` where another worker's has found the model back."""
        if self._known_since is None:
            return True
        circuit = await self._others.state()
        if circuit is None:
            return True
        if circuit.opened_at is None:
            self._answered()
            return False
        if circuit.holder == self._others.holder:  # the reply was lost
            self._elected = circuit.opened_at
            return True
        if circuit.holder is not None:
            raise self._down_for(PROBING)
        if circuit.opened_at != self._known_since:
            self._adopt(circuit, circuit.opened_at)
            self._wait_until_due()
        won = await self._elect(circuit.opened_at)
        if won is False:
            raise self._down_for(PROBING)
        self._elected = circuit.opened_at if won else None
        return True

    async def _elect(self, opened_at: int) -> bool | None:
        """Whether this worker is the one that tries; who is given up meanwhile leaves that to another."""
        election = asyncio.create_task(self._others.half_open(opened_at))
        try:
            return await asyncio.shield(election)
        except asyncio.CancelledError:
            await asyncio.wait([election])  # a thread writes to its end
            await self._leave(opened_at)
            raise

    async def _leave(self, opened_at: int) -> None:
        """Let another try, and as soon as this one would have."""
        await self._others.open_again(max(self._failures, FAILURES), opened_at)

    async def _tell(self) -> None:
        """Tell that the model is down, or hear that it is known, and since when."""
        circuit = await self._others.state()
        if circuit is not None and circuit.opened_at is not None:
            # What is known already does not end a pause: the table may take no word of it.
            if self.open and circuit.opened_at != self._known_since:
                self._adopt(circuit, circuit.opened_at)
            return
        known_since = await self._others.open(self._failures)
        if self.open:  # no call that was under way has found it back meanwhile
            self._known_since = known_since

    async def _tell_again(self) -> None:
        """Tell that the model is down still; who took so long that another tries, or has, looks what came of that."""
        now = int(self._others.time())
        told = await self._others.open_again(self._failures, now)
        if self.open and told is False:
            self._next_probe = self._now() + PROBING
        elif self.open:
            self._known_since = now if told else None

    def _adopt(self, circuit: Circuit, opened_at: int) -> None:
        self._known_since = opened_at
        self._failures = max(circuit.failures, FAILURES)
        left = self._pause() - (self._others.time() - opened_at)
        self._next_probe = self._now() + max(left, PROBING if circuit.holder else 0.0)

    def _wait_until_due(self) -> None:
        wait = (self._next_probe or 0.0) - self._now()
        if wait > 0:
            raise self._down(wait)

    def _down_for(self, wait: float) -> Unavailable:
        self._next_probe = self._now() + wait
        return self._down(wait)

    def _down(self, wait: float) -> Unavailable:
        return Unavailable(
            f"{self._model} is down, and not asked before it had a pause", retry_after=wait
        )

    def _answered(self) -> None:
        self._failures = 0
        self._next_probe = self._known_since = None

    def _opens(self, *, probe: bool) -> bool:
        """Whether a call that found the model down opens the breaker, or opens it again."""
        if not probe and self.open:
            return False
        self._failures += 1
        if not probe and self._failures < FAILURES:
            return False
        self._next_probe = self._now() + self._pause()
        return True

    def _pause(self) -> float:
        """Twice as long after every probe, and jittered."""
        doublings = min(max(self._failures - FAILURES, 0), 8)
        return min(FIRST_PAUSE * 2.0**doublings, LONGEST_PAUSE) * (0.5 + self._chance() / 2)


def _answers(fault: BaseException | None, *, probe: bool) -> bool | None:
    """Whether the model answers, by how a call ended; ``None`` where that does not tell."""
    if fault is None or isinstance(fault, RecordEnds | JobStops):
        return True
    if isinstance(fault, Unavailable):
        return False
    if probe and isinstance(fault, AskAgain):
        # A throttle is a word of a model that is up; of other faults nobody knows whose they are.
        return isinstance(fault, Throttled)
    return None


class Call:
    """One call to a model; the breaker hears how it ended."""

    __slots__ = ("_breaker", "_probe")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._probe = False

    async def __aenter__(self) -> None:
        """Begin it, as :meth:`Breaker.begin` says."""
        self._probe = await self._breaker.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        await self._breaker.ended(fault, probe=self._probe)
