"""Second models that judge what a record asks or what was answered: calls like any other, on the record's account.

They are governed, paid from the job's budget, asked again and counted as the record's own. Only they do not rest where
they are throttled: the record's answer is there, was paid for, and would be lost with the worker.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchwright.asking import Asker
from batchwright.contract import Contract
from batchwright.digest import digest_of_request, idempotency_key
from batchwright.job import Job
from batchwright.request import Request, estimated_tokens
from batchwright.route import Route
from batchwright.settling import Asked


class Judges:
    """Asks models that filters name."""

    def __init__(self, asker: Asker, contract: Contract, job: Job) -> None:
        """``asker`` must go on where the worker stops: :meth:`Asker.unresting`."""
        self._asker = asker
        self._contract = contract
        self._job = job

    def of(self, asked: Asked) -> "Account":
        """Return the models as one record asks them."""
        return Account(self, asked)

    async def ask(self, asked: Asked, body: dict[str, Any], wanted: Mapping[str, Any]) -> str:
        """Ask once for a record, and charge it."""
        route = route_of(wanted, self._contract)
        contract = self._job.contract_digest or ""
        digest = digest_of_request(route.model, body, contract)
        own = Asked(
            index=asked.index,
            model=route.model,
            input_tokens=estimated_tokens(_texts(body)),
            request_digest=digest,
            key=idempotency_key(self._job.job_id, asked.index, digest),
        )
        try:
            await self._asker.ask(Request(body), route, own, self._job.job_id, answered=True)
        finally:
            asked.charge(own)
        assert own.completion is not None  # noqa: S101 - asking ends with an answer, or raises
        return own.completion.text

    async def close(self) -> None:
        """Give back what is not needed."""
        await self._asker.close()


@dataclass(frozen=True, slots=True)
class Account:
    """Other models, asked for one record."""

    judges: Judges
    asked: Asked

    async def ask(self, body: dict[str, Any], route: Mapping[str, Any]) -> str:
        """Ask with a Converse body, and return the answer's text."""
        return await self.judges.ask(self.asked, body, route)


def route_of(wanted: Mapping[str, Any], contract: Contract) -> Route:
    """Return how a model is asked; where the filter tells no limits, they are those of the contract's route to it."""
    known = contract.named(wanted["model"])
    if known is not None and known.engine != "bedrock":
        return known.model_copy(update={"timeout": wanted.get("timeout", known.timeout)})
    limits = {"rpm": known.rpm, "tpm": known.tpm} if known else {}
    return Route.model_validate({**limits, **wanted})


def _texts(body: Mapping[str, Any]) -> list[str]:
    blocks = [*body["system"], *(block for turn in body["messages"] for block in turn["content"])]
    return [block["text"] for block in blocks]
