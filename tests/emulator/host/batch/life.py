"""The life of a job: from Submitted to its end, with the event of every change."""

import asyncio
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.emulator.host.account import ACCOUNT_FAULTS, Account
from tests.emulator.host.batch.answering import answered
from tests.emulator.host.batch.behaviour import BatchFault
from tests.emulator.host.batch.files import InputFile, fetched, published
from tests.emulator.host.batch.job import Job, JobFails
from tests.emulator.host.batch.record import Record
from tests.emulator.host.desk import Desk
from tests.emulator.host.wire.batch import Status

SERVICE = "bedrock.amazonaws.com"
CHANGE = "Batch Inference Job State Change"
ENDS: dict[str, tuple[Status, str]] = {
    "fail": ("Failed", "The job failed because of an internal error. Try again."),
    "partial": ("PartiallyCompleted", "Some records were not processed."),
    "expire": ("Expired", "The job expired before all records were processed."),
}
log = logging.getLogger(__name__)


class Halted(Exception):
    """Somebody asked for the job to be stopped."""


class Life:
    """One job that lives; whatever comes, it ends in a status that is an end."""

    def __init__(self, job: Job, desk: Desk, account: Account) -> None:
        self._job = job
        self._desk = desk
        self._account = account
        self._inputs: list[InputFile] = []
        self._begun = False
        """Whether any record was asked: before that, nothing is written."""

    async def run(self) -> None:
        """Live."""
        try:
            with TemporaryDirectory(prefix="batch-") as place:
                status, message = await self._end(Path(place))
                status, message = await self._publish() or (status, message)
        except Exception:
            log.exception("a batch job broke the host")
            status, message = "Failed", "The host is broken: see its log."
        await self._become(status, message)

    async def _publish(self) -> tuple[Status, str] | None:
        """Write what was answered, however the job ends; return how it ends where that fails."""
        if not self._begun:
            return None
        try:
            await asyncio.to_thread(published, self._files, self._job, self._inputs)
        except ACCOUNT_FAULTS as fault:
            return "Failed", f"The output could not be written: {fault}"
        return None

    async def _end(self, place: Path) -> tuple[Status, str]:
        """Go on to the end, and return which one it is."""
        try:
            await self._prepare(place)
            fault = await self._work()
        except Halted:
            await self._tell("Stopping")
            await asyncio.sleep(self._desk.behaviour.batch.stopping)
            return "Stopped", ""
        except JobFails as why:
            return "Failed", str(why)
        except ACCOUNT_FAULTS as why:
            return "Failed", f"The input could not be read: {why}"
        return ("Completed", "") if fault is None else ENDS[fault.do]

    async def _prepare(self, place: Path) -> None:
        """Read the input, as Bedrock does while it validates it."""
        job, behaviour = self._job, self._desk.behaviour.batch
        await self._tell("Submitted")
        await self._stay(behaviour.submitted)
        await self._proceed("Validating")
        await self._stay(behaviour.validating)
        self._files = await asyncio.to_thread(
            self._account.files_of, job.wish.role_arn, service=SERVICE, source=job.arn
        )
        self._inputs = await asyncio.to_thread(
            fetched, self._files, job, place, max_bytes=behaviour.max_bytes
        )
        self._check_count(sum(each.records for each in self._inputs))
        await self._proceed("Scheduled")
        await self._stay(behaviour.scheduled)

    def _check_count(self, count: int) -> None:
        job, behaviour = self._job, self._desk.behaviour.batch
        what = "(check service quota for changes to the limit)"
        if count < behaviour.min_records:
            raise JobFails(
                f"Batch job {job.arn} contains less records ({count}) than the required minimum of: "
                f"{behaviour.min_records} {what}"
            )
        if count > behaviour.max_records:
            raise JobFails(
                f"Batch job {job.arn} contains more records ({count}) than the allowed maximum of: "
                f"{behaviour.max_records} {what}"
            )
        job.counts.total = count

    async def _work(self) -> BatchFault | None:
        """Have the records answered, in an order of their own; return the fault that ended it before the last one."""
        await self._proceed("InProgress")
        self._begun = True
        behaviour, total = self._desk.behaviour.batch, self._job.counts.total
        fault = self._desk.batch_faults.ending(self._job.wish.job_name)
        most = total if fault is None else min(fault.after, total)
        places = _shuffled(
            self._inputs, seed=f"{self._desk.behaviour.seed}/{self._job.wish.job_name}"
        )
        for some in batched(places[:most], behaviour.in_parallel, strict=False):
            await self._stay(behaviour.in_progress * len(some) / total)
            await asyncio.gather(*(self._ask(*each) for each in some))
        return fault if most < total else None

    async def _ask(self, number: int, line: int) -> None:
        file, counts = self._inputs[number], self._job.counts
        record = Record.read(file.read(line))
        answer = await answered(record, self._job, self._desk, self._desk.batch_faults)
        file.write(answer.lines)
        counts.processed += 1
        counts.succeeded += answer.succeeded
        counts.failed += not answer.succeeded
        counts.input_tokens += answer.input_tokens
        counts.output_tokens += answer.output_tokens

    async def _stay(self, seconds: float) -> None:
        """Stay as it is for so long, unless it is asked to stop."""
        stop = self._job.asked_to_stop
        if not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)
        if stop.is_set():
            raise Halted

    async def _proceed(self, status: Status) -> None:
        """Become this, unless it was asked to stop meanwhile."""
        if self._job.asked_to_stop.is_set():
            raise Halted
        await self._become(status)

    async def _become(self, status: Status, message: str = "") -> None:
        self._job.become(status, message)
        await self._tell(status)

    async def _tell(self, status: Status) -> None:
        """Put the event of a change on the bus; nobody may rely on it, as with Bedrock's own."""
        doing = self._desk.batch_faults.of_event(self._job.wish.job_name, status)
        times = {"lose_event": 0, "double_event": 2}.get(doing or "", 1)
        detail = self._job.event(status)
        try:
            for _ in range(times):
                await asyncio.to_thread(
                    self._account.tell, SERVICE, kind=CHANGE, source=self._job.arn, detail=detail
                )
        except ACCOUNT_FAULTS:
            log.exception("the event of a batch job was not taken")


def _shuffled(inputs: Sequence[InputFile], *, seed: str) -> list[tuple[int, int]]:
    """Return all lines, as numbers of file and line, in another order than they came in."""
    places = list(_places(inputs))
    came = places[:]
    random.Random(seed).shuffle(places)
    return places[::-1] if places == came else places


def _places(inputs: Sequence[InputFile]) -> Iterator[tuple[int, int]]:
    for number, file in enumerate(inputs):
        for line in range(file.records):
            yield number, line
