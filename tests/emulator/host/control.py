"""The host's own routes, under /_host: how it is told to behave, and what it was paid for."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from tests.emulator.host import answers
from tests.emulator.host.batch.jobs import Jobs
from tests.emulator.host.desk import Desk
from tests.emulator.host.endpoints.operations import Endpoints
from tests.emulator.host.http1 import Answer, Request
from tests.emulator.host.refusals import Refusal
from tests.emulator.host.wire.shapes import malformed

_GIVEN: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class Control:
    """What one says to the host about itself."""

    def __init__(self, desk: Desk, jobs: Jobs, endpoints: Endpoints) -> None:
        self._desk = desk
        self._jobs = jobs
        self._endpoints = endpoints

    async def health(self, _: Request) -> Answer:
        """Say that the host is up."""
        return answers.plain({"status": "ok"})

    async def told(self, _: Request) -> Answer:
        """Show how the host behaves."""
        return answers.plain(self._desk.behaviour.model_dump())

    async def tell(self, request: Request) -> Answer:
        """Change what is given, keep the rest, and show the whole; an engine given is loaded."""
        try:
            given = _GIVEN.validate_json(request.body)
            self._desk.behave(given)
            if "endpoints" in given:
                await self._endpoints.forget()
            if "engine" in given:
                await self._desk.engine.ready()
        except ValidationError as error:
            return answers.refused(malformed(error))
        except Refusal as refusal:
            return answers.refused(refusal)
        return await self.told(request)

    async def calls(self, _: Request) -> Answer:
        """List the calls as JSON lines."""
        return answers.lines(self._desk.ledger.lines())

    async def reset(self, request: Request) -> Answer:
        """Forget the calls, the batch jobs and the endpoints, and begin again as at the start."""
        await self._jobs.forget()
        await self._endpoints.forget()
        self._desk.reset()
        return await self.told(request)
