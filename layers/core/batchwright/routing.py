"""Whom to ask for a record: what the contract says, as far as the stack may ask it and the model reads the line."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache

from batchwright.contract import Contract
from batchwright.embedding import check_offered
from batchwright.errors import LONGEST_NAME_SHOWN, RecordInvalid
from batchwright.record import Record
from batchwright.route import Route
from batchwright.suiting import (
    first_suiting,
    mismatch,
    stands_in,
    suits,
    without_guardrail,
    without_schema,
)

# Bedrock's own ids are <maker>.<model>, perhaps behind a geography; gpt-4.1-mini or claude-3.5-sonnet are not.
BEDROCK_ID = re.compile(r"^(arn:|([a-z]{2,6}(-[a-z]{3})?\.)?[a-z][a-z0-9]*\.[a-z])")


def route_for(contract: Contract, record: Record, served: tuple[str, ...]) -> Route:
    """Return whom to ask for a record.

    Raises :class:`RecordInvalid`: ``model_not_found`` where the contract does not know the name that the line
    says, or the stack may not ask the model; ``model_mismatch`` where the model could not read such a line;
    ``invalid_request`` where the model offers less than the line asks, or the contract asks more than it can.
    """
    target = _target(contract, record, served)
    named = contract.named(target)
    if named is not None and named.engine != "bedrock":
        return _elsewhere(named, record)
    if not _served(target, served):
        raise RecordInvalid(
            "model_not_found",
            f"this stack may not ask {target[:LONGEST_NAME_SHOWN]!r}: add its ARN to the parameter"
            " ModelArns and deploy",
            param="model",
            record_id=record.record_id,
        )
    if not suits(target, record):
        raise mismatch(target, record)
    if record.embeds:
        check_offered(record, target)
    if contract.output_config is not None and (record.native or record.embeds):
        raise without_schema(contract.name, record)
    # A name in the file may lead to a model without a route, but not round the guardrail.
    guardrail = contract.routes[0].guardrail
    if guardrail is not None and (record.native or record.embeds):
        raise without_guardrail(contract.name, record)
    return named or Route(model=target, guardrail=guardrail)


def _elsewhere(route: Route, record: Record) -> Route:
    """Return a route that leads elsewhere than to Bedrock, where no family's own words are known."""
    if record.family or record.embeds:
        raise mismatch(route.model, record)
    return route


def routes_for(contract: Contract, record: Record, served: tuple[str, ...]) -> tuple[Route, ...]:
    """Return whom to ask for a record, the first first; raises as :func:`route_for` does.

    A fallback must read the line as the first does, and the stack must be allowed to ask it; others are left out.
    """
    first = route_for(contract, record, served)
    place = contract.place_of(first)
    if not contract.fallback or place is None:
        return (first,)
    later = contract.routes[place + 1 :]
    return (
        first,
        *(route for route in later if _stands_in(route, first, record, served)),
    )


def _stands_in(route: Route, first: Route, record: Record, served: tuple[str, ...]) -> bool:
    if route.engine != "bedrock":
        return not (record.family or record.embeds)
    return _served(route.model, served) and stands_in(route.model, first.model, record)


@lru_cache(256)
def _served(model: str, served: tuple[str, ...]) -> bool:
    """Whether the stack may ask a model."""
    return any(fnmatchcase(model, pattern) for pattern in served)


def _target(contract: Contract, record: Record, served: tuple[str, ...]) -> str:
    model = record.model
    if model is not None and model in contract.models:
        return contract.models[model]
    if model is not None and any(route.model == model for route in contract.routes):
        return model
    if contract.built_in:
        if model is not None and BEDROCK_ID.match(model):
            return model
        return first_suiting(record, served) or contract.models.get("*", contract.routes[0].model)
    if model is None:
        return contract.routes[0].model
    if "*" in contract.models:
        return contract.models["*"]
    raise RecordInvalid(
        "model_not_found",
        f"contract {contract.name!r} does not say what to ask for {model[:LONGEST_NAME_SHOWN]!r}:"
        " add it, or '*', under models:",
        param="model",
        record_id=record.record_id,
    )
