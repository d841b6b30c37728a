"""One record's way through a worker: its request is screened, asked, its answer screened, and the record settled."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from batchwright.answers import Answers
from batchwright.asking import Asker
from batchwright.attachments import Attachments, Fetched
from batchwright.contract import Contract
from batchwright.dialects import Dialect
from batchwright.digest import digest_of_request, idempotency_key
from batchwright.errors import (
    AskAgain,
    BatchwrightError,
    RecordEnds,
    Truncated,
    Unavailable,
    Withheld,
)
from batchwright.handing import Hand
from batchwright.job import Job, Reason
from batchwright.outcome import Ending
from batchwright.pace import LeftOpen, Pace, abreast
from batchwright.places import held_key
from batchwright.ports import Clock, Objects
from batchwright.reader import Item
from batchwright.record import Record
from batchwright.repairing import answered
from batchwright.request import Request
from batchwright.route import Route
from batchwright.routing import routes_for
from batchwright.screens import Screens
from batchwright.segment import Effort, Settled
from batchwright.settling import Asked, Settler
from batchwright.workplace import Report

# Between two tries to put something into the quarantine.
PAUSE = 1.0


class EachRecord:
    """Settles the records of one worker, many at once."""

    def __init__(  # noqa: PLR0913 - what a record meets on its way
        self,
        job: Job,
        contract: Contract,
        dialect: Dialect,
        *,
        asker: Asker,
        screens: Screens,
        answers: Answers,
        attachments: Attachments,
        quarantine: Objects,
        hand: Hand | None,
        pace: Pace,
        clock: Clock,
        report: Report,
        efforts: Mapping[int, Effort],
    ) -> None:
        """With a ``hand`` nobody is asked; ``efforts`` are what earlier workers spent on the records."""
        self._job = job
        self._contract = contract
        self._dialect = dialect
        self._settler = Settler(job, dialect)
        self._asker = asker
        self._screens = screens
        self._answers = answers
        self._attachments = attachments
        self._quarantine = quarantine
        self._hand = hand
        self._pace = pace
        self._clock = clock
        self._report = report
        self._efforts = efforts
        self._asking: dict[int, Asked] = {}

    def spent(self) -> dict[int, Effort]:
        """Return what was spent on the records that were begun and are not settled."""
        return {index: asked.effort() for index, asked in self._asking.items() if asked.calls}

    async def settled(self, item: Item) -> Settled:
        """Settle a record, whatever is odd about it: the others go on.

        Raises :class:`JobStops` where all would, :class:`LeftOpen` where nobody may be asked for this one, and
        :class:`LeftForLater` where the worker stops.
        """
        if item.record is None or item.problem is not None:
            return self._settler.at_fault(item, self._clock.now())
        settled = await self._asked(item, item.record)
        del self._asking[item.index]
        return settled

    def unforeseen(self, item: Item, fault: Exception) -> Settled:
        """Settle a record that met an exception nobody foresaw."""
        asked = self._asking.pop(item.index, None)
        spent = asked.effort() if asked else self._spent_before(item)
        return self._settler.unforeseen(item, fault, self._clock.now(), spent)

    def given_up(self, item: Item, reason: Reason) -> Settled:
        """Settle a record that is not asked any more."""
        spent = self._spent_before(item)
        return self._settler.left_open(item, Ending.FAILED, reason, self._clock.now(), spent)

    def _spent_before(self, item: Item) -> Effort:
        return self._efforts.get(item.index, Effort())

    async def _asked(self, item: Item, record: Record) -> Settled:
        # The plan went through the same contract: what cannot be prepared is a problem already.
        request = self._dialect.request(record)
        routes = routes_for(self._contract, record, self._job.models)
        asked = self._asking[item.index] = self._to_ask(item.index, record)
        try:
            # Where the filters withhold it, its outcome tells what would have been asked.
            told = self._turn(asked, record, routes[0], request)
            if (screened := await self._screens.asked(asked, request)) is not request:
                request = screened
                told = self._turn(asked, record, routes[0], request)
            async with self._attachments.fetched(record, request) as fetched:
                if record.attachments:
                    told = self._turn(asked, record, routes[0], fetched.told)
                await self._ask_in_turn(asked, record, routes, fetched, told)
        except Withheld as fault:
            settled = await self._hold(item, asked, fault, request)
        except (RecordEnds, AskAgain) as fault:
            await self._release_what_was_cut(asked, fault, request)
            settled = self._settler.ended(item, asked, fault, self._clock.now())
        else:
            settled = self._settler.succeeded(item, asked, self._clock.now())
        self._report.look_back(asked.notes)
        if asked.completion and not asked.cached:
            self._report.latencies_ms.append(asked.completion.latency_ms)
        return settled

    async def _ask_in_turn(
        self,
        asked: Asked,
        record: Record,
        routes: tuple[Route, ...],
        fetched: Fetched,
        told: Request,
    ) -> None:
        """Ask the routes one after the other, as far as the contract lets one stand in for the one before.

        ``told`` is the first one's request as its digest tells it.
        """
        for route in routes:
            if route is not routes[0]:
                told = self._turn(asked, record, route, fetched.told)
            request = told
            # Attachments stand in the digest by their contents' own.
            if fetched.request is not fetched.told:
                request = self._contract.prepared(route, record, fetched.request)
            falls_back_on = self._contract.falls_back_on if route is not routes[-1] else ()
            ask = partial(self._asker.ask, route=route, asked=asked, job_id=self._job.job_id)
            # What a lane was paid for is that record's own answer, whatever was kept of others since.
            paid = self._asker.was_asked(asked.index)
            if not paid and (kept := await self._answers.find(request, asked.request_digest)):
                asked.answer_with(kept)
            elif self._hand is not None:
                self._hand.take(asked, route.model, request)
                raise LeftOpen
            else:
                try:
                    await ask(request, falls_back_on=falls_back_on)
                except falls_back_on:
                    continue
            await abreast()
            as_it_is = await answered(self._screens, asked, request, partial(ask, answered=True))
            if as_it_is and asked.completion and not asked.cached:
                self._answers.keep(request, asked.request_digest, asked.completion)
            return

    async def _release_what_was_cut(
        self, asked: Asked, fault: BatchwrightError, request: Request
    ) -> None:
        """Let the filters look at the part of an answer that a failure shows, too."""
        if isinstance(fault, Truncated) and asked.completion:
            with suppress(Withheld):  # then nothing of it is shown
                await self._screens.answered(asked, request, cut=True)

    async def _hold(self, item: Item, asked: Asked, fault: Withheld, request: Request) -> Settled:
        """Put what is withheld into the quarantine; only then the record is settled."""
        now = self._clock.now()
        settled, held, content = self._settler.withheld(item, asked, fault, request, now)
        key = held_key(self._job.job_id, item.index, held)
        while True:
            try:
                await asyncio.to_thread(self._quarantine.write, key, content)
            except Unavailable:
                await self._pace.wait(PAUSE, for_all=True)
            else:
                return settled

    def _to_ask(self, index: int, record: Record) -> Asked:
        asked = Asked(index=index, input_tokens=record.input_tokens)
        if effort := self._efforts.get(index):
            asked.go_on_from(effort)
        return asked

    def _turn(self, asked: Asked, record: Record, route: Route, request: Request) -> Request:
        """Turn to a route; return the request as it is asked there."""
        told = self._contract.prepared(route, record, request)
        contract = self._job.contract_digest or ""
        request_digest = digest_of_request(route.model, told.body, contract, family=told.family)
        asked.turn_to(
            route.model,
            self._contract.place_of(route),
            request_digest=request_digest,
            key=idempotency_key(self._job.job_id, asked.index, request_digest),
        )
        return told
