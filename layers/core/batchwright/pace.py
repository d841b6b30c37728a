"""What the records of one worker share: whether to go on, whether to wait, and how many calls were made."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

# Asked to wait longer than this, a worker hands the waiting to the workflow, where it is free.
LONGEST_WAIT = 5.0
# A worker that had no answer at all for so long, against throttles, rests.
PATIENCE = 10.0
SHORTEST_REST = 60.0


class LeftForLater(Exception):
    """The worker stops; the record has no outcome and waits for the next worker."""


class LeftOpen(LeftForLater):
    """The record has no outcome from this worker, which goes on with the others."""


async def abreast() -> None:
    """Let the records that are ready come as far as this one before it goes on.

    What many records do one after the other finds its code in the CPU's caches. Where each of a hundred goes all its
    way alone, a worker needs a third more CPU.
    """
    await asyncio.sleep(0)


def _open() -> asyncio.Event:
    """Return an event that has happened: calls may be made until somebody holds them."""
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Pace:
    """What the records of one worker share: whether to go on, and since when nothing worked."""

    now: Callable[[], float]
    """Seconds of a clock that never jumps."""
    chance: Callable[[], float]
    """A random number from 0 to 1."""
    answered_at: float
    """When the last answer came, by the same clock; at first, when the worker began."""
    shortest_rest: float = SHORTEST_REST
    """Seconds that the workflow waits at least, on average, once somebody asked for it."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    rest: float | None = None
    """Seconds that the workflow should wait, once somebody asked for it."""
    calls: Counter[str] = field(default_factory=Counter)
    """How many were made since it was last asked, and how many of them are ``ambiguous``."""
    when_stopping: list[Callable[[], None]] = field(default_factory=list)
    """What is to be told when the worker stops, once."""
    _may_call: asyncio.Event = field(default_factory=_open)

    def stop(self) -> None:
        """Take no new record, and wait for nothing any more."""
        if not self.stopping.is_set():
            self.stopping.set()
            for tell in self.when_stopping:
                tell()

    def hold(self) -> None:
        """Let no new call be made until :meth:`go_on`."""
        self._may_call.clear()

    def go_on(self) -> None:
        """Let calls be made again."""
        self._may_call.set()

    async def may_call(self) -> None:
        """Wait while calls are held; raises :class:`LeftForLater` where the worker stops."""
        await self._may_call.wait()
        if self.stopping.is_set():
            raise LeftForLater

    async def wait(self, seconds: float, *, for_all: bool) -> None:
        """Wait, but not past the worker's stop; raises :class:`LeftForLater`.

        ``for_all`` means that other records would fare no better: then a long wait is the workflow's.
        """
        if for_all and self.too_long(seconds):
            self.rest_a_while(seconds)
        await self.sleep(seconds)
        if self.stopping.is_set():
            raise LeftForLater

    def too_long(self, seconds: float) -> bool:
        """Whether a wait that holds for all is the workflow's, or this worker had no answer for long."""
        return seconds > LONGEST_WAIT or self.now() - self.answered_at > PATIENCE

    async def sleep(self, seconds: float) -> None:
        """Let time pass, or the worker's stop come."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def take_calls(self) -> tuple[int, int]:
        """Return the calls, and those of them that are ambiguous, since this was last asked."""
        taken = self.calls["made"], self.calls["ambiguous"]
        self.calls.clear()
        return taken

    def rest_a_while(self, seconds: float = 0.0) -> None:
        """Rest for as long as the workflow waits at least, or for more seconds."""
        self.rest_for(max(seconds, self.shortest_rest * (0.5 + self.chance() / 2)))

    def rest_for(self, seconds: float) -> None:
        """Stop the worker and have the workflow wait."""
        self.rest = max(self.rest or 0, seconds)
        self.stop()

    def unresting(self) -> "Unresting":
        """Return the pace for what ends a record that was answered already: it counts, and is held, with this one."""
        return Unresting(
            now=self.now,
            chance=self.chance,
            answered_at=self.now(),
            calls=self.calls,
            _may_call=self._may_call,
        )


class Unresting(Pace):
    """Waits as long as the worker lives: who rests here would throw away an answer that was paid for."""

    def stop(self) -> None:
        """Go on: the worker's end is what ends it."""
