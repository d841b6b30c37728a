"""Prompts that many records of a worker begin with: the model's service is asked to keep them.

Who comes first writes the cache, and the others read it; so the first goes alone, and they wait for it a moment, those
of other workers, too.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Literal

from batchwright.errors import BatchwrightError
from batchwright.marking import Key, Prefix, is_marked, marked, prefix_of
from batchwright.pace import Pace
from batchwright.prices import base_id
from batchwright.promptcaches import PromptCache, prompt_cache_of
from batchwright.request import Request
from batchwright.warmth import Warmth

# What is kept must be read again, or it costs more than it saves: so often a beginning is met before it is marked.
MET_BEFORE = 3
# The beginning is read and kept long before the answer is written: nobody waits longer than this for the first.
PATIENCE = 10.0
# While another worker's call writes it, it is looked after about so many seconds whether it is there.
LOOK = 1.0
# Beginnings that are remembered; those met last stay.
MOST_KNOWN = 50


@dataclass(slots=True, eq=False)
class Known:
    """A beginning that was met."""

    met: int = 0
    warm_until: float = 0.0
    """Until when the service keeps it, by the worker's clock."""
    warming: asyncio.Event | None = None
    """Set when the call that writes it has ended."""


class Warming:
    """Marks what is worth it in the requests of one worker."""

    def __init__(self, pace: Pace, wish: bool | Literal["auto"], warmth: Warmth) -> None:
        """``wish`` is the contract's: to mark nothing, all that a model can keep, or what pays by all that is known."""
        self._pace = pace
        self._wish = wish
        self._warmth = warmth
        self._known: OrderedDict[tuple[str, Key], Known] = OrderedDict()
        self._looking = asyncio.Lock()
        self._looked = False
        pace.when_stopping.append(self._let_all_go)

    def shared(self, request: Request, model: str) -> AbstractAsyncContextManager[Request]:
        """Give the request as it is to be asked, when it is to be asked; hear whether it was answered."""
        offered = prompt_cache_of(base_id(model)) if self._wish else None
        prefix = prefix_of(request) if offered else None
        if (
            offered is None
            or prefix is None
            or not self._fits(prefix, offered)
            or is_marked(request)
        ):
            return nullcontext(request)
        return self._with_others(request, model, prefix, offered)

    @asynccontextmanager
    async def _with_others(
        self, request: Request, model: str, prefix: Prefix, offered: PromptCache
    ) -> AsyncIterator[Request]:
        known = self._meet(model, prefix.key)
        if not await self._is_shared(known, model, prefix.key):
            yield request
        elif known.warming is None and self._pace.now() >= known.warm_until:
            async with self._alone(known):
                if not await self._another_warms(model, prefix.key):
                    async with self._telling(model, prefix.key, offered):
                        yield marked(request)
                    known.warm_until = self._pace.now() + offered.seconds
                    return
                known.warm_until = self._pace.now() + offered.seconds
            yield marked(request)
        else:
            await self._wait_for(known, offered)
            yield marked(request)
            known.warm_until = self._pace.now() + offered.seconds

    async def _is_shared(self, known: Known, model: str, key: Key) -> bool:
        """Whether a beginning was met often enough to be kept, by this worker or by another.

        What others met is looked up once, of the first that comes: prompts that nobody shares must not cost a look
        each.
        """
        if self._wish is True:
            return True
        async with self._looking:
            if not self._looked:
                self._looked = True
                seconds = await self._warmth.known(model, key)
                if seconds is not None:
                    known.met += MET_BEFORE
                    known.warm_until = self._pace.now() + seconds
        return known.met > MET_BEFORE

    async def _another_warms(self, model: str, key: Key) -> bool:
        """Wait while another worker writes a beginning; say whether it is there, or the caller has to write it."""
        while (whose := await self._warmth.claim(model, key, PATIENCE)) == "another's":
            await self._pace.sleep(LOOK * (0.5 + self._pace.chance()))
            if self._pace.stopping.is_set():
                return True
        return whose == "kept"

    @asynccontextmanager
    async def _telling(self, model: str, key: Key, offered: PromptCache) -> AsyncIterator[None]:
        try:
            yield
        except BatchwrightError:
            await self._warmth.tell(model, key, 0)
            raise
        await self._warmth.tell(model, key, offered.seconds)

    def _fits(self, prefix: Prefix, offered: PromptCache) -> bool:
        if offered.most is not None and prefix.tokens > offered.most:
            return False
        return self._wish is True or prefix.tokens >= offered.least

    def _meet(self, model: str, key: Key) -> Known:
        known = self._known.setdefault((model, key), Known())
        self._known.move_to_end((model, key))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        known.met += 1
        return known

    @asynccontextmanager
    async def _alone(self, known: Known) -> AsyncIterator[None]:
        known.warming = asyncio.Event()
        try:
            yield
        finally:
            known.warming.set()
            known.warming = None

    async def _wait_for(self, known: Known, offered: PromptCache) -> None:
        if known.warming is None or self._pace.now() < known.warm_until:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(known.warming.wait(), PATIENCE)
            return
        known.warm_until = self._pace.now() + offered.seconds

    def _let_all_go(self) -> None:
        for known in self._known.values():
            if known.warming is not None:
                known.warming.set()
