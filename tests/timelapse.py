"""An event loop whose time is its own: where everybody only waits, it passes at once.

What would take minutes takes none, and takes the same however busy the machine is. While a thread works, or somebody
speaks to a socket, time passes as on any other day.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ClassVar

DAY_BEGAN = time.time() - time.monotonic()
SELF_PIPE = 1


def of_day(loop: asyncio.AbstractEventLoop) -> float:
    """Return the seconds since 1970, as a loop's clock tells them."""
    return DAY_BEGAN + loop.time()


def passed() -> float:
    """Return the same wherever no loop is at hand."""
    return DAY_BEGAN + TimeLapse.now


class TimeLapse(asyncio.SelectorEventLoop):
    """The next such loop begins when the one before ended."""

    now: ClassVar[float] = time.monotonic()

    def __init__(self) -> None:
        """Make a loop on which nobody waits yet."""
        self._at_work = 0
        self._looking = Impatient(self._somebody_works, self._pass)
        super().__init__(self._looking)

    def time(self) -> float:
        """Return the seconds that have passed on such loops."""
        return TimeLapse.now

    def run_in_executor[*Given, Answer](
        self, executor: Executor | None, func: Callable[[*Given], Answer], *args: *Given
    ) -> asyncio.Future[Answer]:
        """Let a thread work, and count it until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._at_work += 1
        future.add_done_callback(self._done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads to end, which is work, too."""
        self._at_work += 1
        await super().shutdown_default_executor(timeout)
        self._at_work -= 1

    def _done(self, _: object) -> None:
        self._at_work -= 1

    def _somebody_works(self) -> bool:
        return self._at_work > 0 or len(self._looking.get_map()) > SELF_PIPE

    @staticmethod
    def _pass(seconds: float) -> None:
        TimeLapse.now += seconds


class Impatient(selectors.DefaultSelector):
    """Waits only for who works; else it says that the time is over."""

    def __init__(self, somebody_works: Callable[[], bool], over: Callable[[float], None]) -> None:
        """``over`` is told how many seconds were waited, or would have been."""
        super().__init__()
        self._somebody_works = somebody_works
        self._over = over

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(timeout if self._somebody_works() else 0)
        if not ready:
            self._over(timeout)
        return ready


def run[Answer](work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run something to its end, as `asyncio.run` does, without its waits."""
    return asyncio.run(work, loop_factory=TimeLapse)
