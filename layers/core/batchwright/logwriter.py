"""How a worker's outcomes get into the log: as they fall due, one segment after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from batchwright.chunklog import ChunkLog
from batchwright.errors import Unavailable
from batchwright.pace import Pace
from batchwright.segment import Claim, Effort, Settled

# At the going price of a call and of a PUT, and one worker lost in a day, about the cheapest interval (design §2): as
# many outcomes as there are calls in flight, where nobody says otherwise.
FLUSH_OUTCOMES = 400
FLUSH_SECONDS = 5.0
# Between two tries of a write that fails; the client has tried some times itself by then.
PAUSE = 1.0


class LogWriter:
    """Appends the outcomes of one worker, whole and in turn; nobody else appends under its name.

    While a write fails no new call is made: what is answered and not written would be paid for again.
    """

    def __init__(
        self,
        log: ChunkLog,
        pace: Pace,
        *,
        flushed: Callable[[], Awaitable[None]],
        time_left: Callable[[], float],
    ) -> None:
        """``flushed`` is awaited after every time that was due, ``time_left`` is how long to try."""
        self._log = log
        self._pace = pace
        self._flushed = flushed
        self._time_left = time_left
        self._unwritten: list[Settled] = []
        self._due = asyncio.Event()
        self._turn = asyncio.Lock()
        self._finished = False
        self.to_come = 0
        """How many outcomes are to come; the last of them go with the word that the worker leaves."""

    def add(self, settled: Settled) -> None:
        """Take an outcome."""
        self._unwritten.append(settled)
        self.to_come -= 1
        if len(self._unwritten) >= FLUSH_OUTCOMES and self.to_come:
            self._due.set()

    async def keep_writing(self) -> None:
        """Write what falls due, until it is finished."""
        while not self._finished:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), FLUSH_SECONDS)
            self._due.clear()
            if not self._finished:
                await self.write()
                await self._flushed()

    def finish(self) -> None:
        """Let :meth:`keep_writing` end; what is not written then is for the last :meth:`write`."""
        self._finished = True
        self._due.set()

    async def write(
        self,
        *,
        claim: Claim | None = None,
        efforts: Mapping[int, Effort] | None = None,
        left: bool = False,
    ) -> None:
        """Append what there is, with what the worker tells besides.

        Raises :class:`Unavailable` when the time is up; at once where nothing is lost by it.
        """
        async with self._turn:
            # Taken here and not in the thread, where an outcome could slip in between.
            settled, self._unwritten = self._unwritten, []
            calls, ambiguous = self._pace.take_calls()
            await self._written(
                lambda: self._log.append(
                    settled,
                    calls=calls,
                    ambiguous_calls=ambiguous,
                    efforts=efforts,
                    claim=claim,
                    left=left,
                ),
                at_stake=bool(settled or calls),
            )

    async def _written(self, append: Callable[[], object], *, at_stake: bool) -> None:
        """Try until it works: the very same bytes, so that a write whose reply was lost is known again."""
        while True:
            try:
                await asyncio.to_thread(append)
            except Unavailable:
                self._pace.hold()
                if not at_stake or self._time_left() < PAUSE:
                    raise
                await asyncio.sleep(PAUSE)
            else:
                self._pace.go_on()
                return
