"""The operations of the control plane: CreateModelInvocationJob and what follows it."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.emulator.host import answers
from tests.emulator.host.batch.jobs import Jobs
from tests.emulator.host.desk import Desk
from tests.emulator.host.http1 import Answer, Request
from tests.emulator.host.ledger import Call
from tests.emulator.host.refusals import Refusal, unsigned
from tests.emulator.host.wire.batch import CreateJob, listing
from tests.emulator.host.wire.shapes import read

type Handler = Callable[..., Awaitable[Answer]]
type Act = Callable[[], dict[str, Any]]


class Operations:
    """What one may ask of the jobs; each is written down, and may be hit by a fault."""

    def __init__(self, desk: Desk, jobs: Jobs) -> None:
        self._desk = desk
        self._jobs = jobs

    @property
    def routes(self) -> list[tuple[str, str, Handler]]:
        """The methods and paths by which they are asked."""
        return [
            ("POST", "/model-invocation-job", self.create),
            ("GET", r"/model-invocation-jobs(?:\?.*)?", self.listed),
            ("GET", "/model-invocation-job/([^/]+)", self.told),
            ("POST", "/model-invocation-job/([^/]+)/stop", self.stop),
        ]

    async def create(self, request: Request) -> Answer:
        """Begin a job."""

        def begin(call: Call) -> tuple[str, Act]:
            wish = read(CreateJob, request.body)
            call.model, call.metadata = wish.model_id, {"jobName": wish.job_name}
            return wish.job_name, lambda: {"jobArn": self._jobs.create(wish).arn}

        return await self._answer(request, "CreateModelInvocationJob", begin)

    async def told(self, request: Request, identifier: str) -> Answer:
        """Tell how a job stands."""

        def look(_: Call) -> tuple[str, Act]:
            return identifier, lambda: self._jobs.get(identifier).told()

        return await self._answer(request, "GetModelInvocationJob", look)

    async def listed(self, request: Request) -> Answer:
        """List jobs."""

        def look(_: Call) -> tuple[str, Act]:
            asked = listing(request.path)
            return asked.name_contains, lambda: self._jobs.listed(asked)

        return await self._answer(request, "ListModelInvocationJobs", look)

    async def stop(self, request: Request, identifier: str) -> Answer:
        """Have a job stopped."""

        def halt(_: Call) -> tuple[str, Act]:
            return identifier, lambda: self._jobs.stop(identifier)

        return await self._answer(request, "StopModelInvocationJob", halt)

    async def _answer(
        self, request: Request, api: str, read_it: Callable[[Call], tuple[str, Act]]
    ) -> Answer:
        """Answer as what was read says; ``read_it`` returns what faults match on, and what is to be done."""
        call = Call(at=time.time(), api=api, model="")
        try:
            if "authorization" not in request.headers:
                raise unsigned()
            subject, act = read_it(call)
            doing = self._desk.fault(subject, api)
            body = act()
        except Refusal as refusal:
            self._desk.refuse(call, refusal)
            return answers.refused(refusal)
        self._desk.ledger.append(call)
        return await answers.paid(call, body, doing=doing, latency_ms=0, tier=None)
