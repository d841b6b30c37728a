"""Prompt and policy in one file: which models may be asked, with what limits, and for tables with what prompt."""

import re
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import rfc8785
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from batchwright.digest import digest_of_envelope
from batchwright.document import COLUMNS, JOINED, Document
from batchwright.embedding import NEUTRAL, check_offered, native_body
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContractInvalid,
    ModelUnknown,
    RecordInvalid,
    Throttled,
    Unavailable,
)
from batchwright.families import EMBEDDING, family_of
from batchwright.money import BILLIONTHS
from batchwright.natives import native
from batchwright.prices import price_of
from batchwright.record import Record
from batchwright.request import Request
from batchwright.schema import Schema, structured_output
from batchwright.suiting import (
    LONGEST_NAME_SHOWN,
    first_suiting,
    mismatch,
    stands_in,
    suits,
    without_schema,
)

DEFAULT = "default"
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
SPAN = r"^[1-9][0-9]{0,5}[mhd]$"
LARGEST_CONTRACT = 256 * 1024
# Bedrock reserves max_tokens of the minute's quota before it answers, and the model's own maximum where nothing is
# said: the largest cause of throttling. Every text model that Bedrock serves takes this many.
DEFAULT_MAX_TOKENS = 2048
# Working files are kept for 30 days, and a run of the workflow has 25,000 events, which waiting uses up
# (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
LONGEST_DEADLINE = timedelta(days=14)
# The bucket's lifecycle deletes what was kept for so long.
LONGEST_CACHE = timedelta(days=30)
# Bedrock's own ids are <maker>.<model>, perhaps behind a geography; gpt-4.1-mini or claude-3.5-sonnet are not.
BEDROCK_ID = re.compile(r"^(arn:|([a-z]{2,6}(-[a-z]{3})?\.)?[a-z][a-z0-9]*\.[a-z])")

MOST_ROUTES = 4
# What may befall a call so that the next route is asked.
FALLBACKS: dict[str, tuple[type[BatchwrightError], ...]] = {
    "unavailable": (Unavailable,),
    "throttled": (Throttled,),
    "denied": (AccessDenied, ModelUnknown),
}

_STRICT = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Route(BaseModel):
    """One model to ask, and what it is asked with where the request says nothing."""

    model_config = _STRICT

    engine: Literal["bedrock"] = "bedrock"
    model: Annotated[str, Field(min_length=1, max_length=2048)]
    max_tokens: PositiveInt | None = None
    reserve_at_least: PositiveInt = 1
    """The fewest tokens that are reserved for an answer where its request allows as many."""
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    tier: Literal["flex", "default", "priority"] | None = None
    """Bedrock's service tier (docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html)."""
    timeout: PositiveInt = 300
    """Seconds that one call may take; less where the worker has less left."""
    rpm: PositiveInt | None = None
    """Requests a minute that all jobs together may make of the model."""
    tpm: PositiveInt | None = None
    """Tokens a minute that they may take of its quota."""

    @property
    def asks(self) -> tuple[str, str, str | None]:
        """What is asked by it: routes that differ in this have nothing to do with each other's failures."""
        return self.engine, self.model, self.tier


class Prompt(BaseModel):
    """The prompt for tables: Jinja templates over a row's columns, and the column that holds the record's id."""

    model_config = _STRICT

    system: str | None = None
    user: Annotated[str, Field(min_length=1)]
    id: str = "id"


class ResponseFormat(BaseModel):
    """The JSON Schema that answers must have; sent to the model as structured output."""

    model_config = ConfigDict(**_STRICT, populate_by_name=True)

    json_schema: Annotated[Schema, Field(alias="schema", min_length=1)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "answer"

    @cached_property
    def output_config(self) -> dict[str, Any]:
        """Converse's ``outputConfig`` that asks for it."""
        return structured_output(rfc8785.dumps(self.json_schema).decode(), self.name)


class Budget(BaseModel):
    """What a job may cost."""

    model_config = _STRICT

    usd: Annotated[float, Field(gt=0, le=1_000_000)]

    @property
    def billionths(self) -> int:
        """The same in billionths of a dollar."""
        return round(self.usd * BILLIONTHS)


class Cache(BaseModel):
    """What need not be asked, or read by the model, a second time."""

    model_config = _STRICT

    exact: Annotated[str, Field(pattern=SPAN)] | None = None
    """How long the answer to a request stands for the same request again, without a call: minutes, hours or days."""
    any_temperature: bool = False
    """Whether an answer that was drawn by chance stands, too: else only temperature 0 and vectors."""
    prompt: bool | Literal["auto"] = "auto"
    """Whether models are asked to keep system prompts that records share: ``auto`` where it pays."""

    @field_validator("exact")
    @classmethod
    def _check_exact(cls, exact: str | None) -> str | None:
        if exact and _span(exact) > LONGEST_CACHE:
            raise ValueError(f"at most {LONGEST_CACHE.days}d; answers are not kept for longer")
        return exact

    @model_validator(mode="after")
    def _check_any_temperature(self) -> Self:
        if self.any_temperature and self.exact is None:
            raise ValueError("any_temperature: it needs exact")
        return self

    @property
    def lifetime(self) -> timedelta:
        """``exact`` as a time span."""
        return _span(self.exact) if self.exact else timedelta()


class Contract(BaseModel):
    """A contract, as its author wrote it."""

    model_config = _STRICT

    name: Annotated[str, Field(pattern=NAME)]
    routes: Annotated[tuple[Route, ...], Field(min_length=1, max_length=MOST_ROUTES)]
    fallback: tuple[Literal["unavailable", "throttled", "denied"], ...] = ()
    """When the next route is asked instead; never, where nothing is said."""
    models: dict[str, str] = {}
    prompt: Prompt | None = None
    document: Document | None = None
    response: ResponseFormat | None = None
    strict: bool = False
    """Whether one bad line refuses the whole file."""
    deadline: Annotated[str, Field(pattern=SPAN)] = "24h"
    """How long a job may take: minutes, hours or days."""
    budget: Budget | None = None
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 6
    """Calls for one record that may end without a whole answer, each of which may be billed."""
    priority: Annotated[int, Field(ge=1, le=10)] = 5
    """The job's share of a model that others ask, too: jobs share it in proportion."""
    reservations: Literal["tight", "full"] = "tight"
    """What is reserved of a model's quota for an answer: what it will need by all that is known, or all it may have."""
    cache: Cache | None = None

    @field_validator("deadline")
    @classmethod
    def _check_deadline(cls, deadline: str) -> str:
        if _span(deadline) > LONGEST_DEADLINE:
            raise ValueError(f"at most {LONGEST_DEADLINE.days}d; split what takes longer")
        return deadline

    @model_validator(mode="after")
    def _check_documents(self) -> Self:
        if self.document is not None and self.prompt is None:
            raise ValueError("document: it needs a prompt")
        return self

    @model_validator(mode="after")
    def _check_routes(self) -> Self:
        if len({route.asks for route in self.routes}) < len(self.routes):
            raise ValueError("routes: one stands there twice")
        if self.budget is not None and any(route.tier == "priority" for route in self.routes):
            raise ValueError("budget: it needs a price, and that of tier: priority is not known")
        if self.fallback:
            self._check_fallbacks()
            return self
        led_to = {self.routes[0].model, *self.models.values()}
        for number, route in enumerate(self.routes):
            if route.model not in led_to or route is not self.named(route.model):
                raise ValueError(
                    f"routes.{number}: nothing leads to it: name its model under models:, or say when it"
                    " is asked instead of the one before, as fallback: [unavailable]"
                )
        return self

    def _check_fallbacks(self) -> None:
        if len(self.routes) == 1:
            raise ValueError("fallback: it needs a second route")
        unpriced = [route.model for route in self.routes[1:] if price_of(route.model) is None]
        if self.budget is not None and unpriced:
            raise ValueError(
                f"budget: the price of {unpriced[0][:LONGEST_NAME_SHOWN]!r} is not known, so it cannot be a fallback"
            )

    @property
    def falls_back_on(self) -> tuple[type[BatchwrightError], ...]:
        """What must befall a call so that the next route is asked."""
        return tuple(kind for name in self.fallback for kind in FALLBACKS[name])

    @property
    def lifetime(self) -> timedelta:
        """The deadline as a time span."""
        return _span(self.deadline)

    @property
    def keeps_prompts(self) -> bool | Literal["auto"]:
        """Whether models are asked to keep system prompts that records share."""
        return self.cache.prompt if self.cache else "auto"

    def digest(self) -> str:
        """Return the digest of what the author wrote, whatever the order and the layout."""
        return digest_of_envelope(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return what the author wrote, without the defaults."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def route_for(self, record: Record, served: tuple[str, ...]) -> Route:
        """Return whom to ask for a record.

        Raises :class:`RecordInvalid`: ``model_not_found`` where the contract does not know the name that the line
        says, or the stack may not ask the model; ``model_mismatch`` where the model could not read such a line;
        ``invalid_request`` where the model offers less than the line asks, or the contract asks more than it can.
        """
        target = self._target(record, served)
        if not any(fnmatchcase(target, pattern) for pattern in served):
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
        if self.response is not None and (record.native or record.embeds):
            raise without_schema(self.name, record)
        return self.named(target) or Route(model=target)

    def named(self, model: str) -> Route | None:
        """Return the first route to a model."""
        return next((route for route in self.routes if route.model == model), None)

    def place_of(self, route: Route) -> int | None:
        """Return where a route stands, ``None`` where only a name in the file led to its model."""
        return next((place for place, own in enumerate(self.routes) if own is route), None)

    def routes_for(self, record: Record, served: tuple[str, ...]) -> tuple[Route, ...]:
        """Return whom to ask for a record, the first first; raises as :meth:`route_for` does.

        A fallback must read the line as the first does, and the stack must be allowed to ask it; others are left out.
        """
        first = self.route_for(record, served)
        place = self.place_of(first)
        if not self.fallback or place is None:
            return (first,)
        later = self.routes[place + 1 :]
        return (
            first,
            *(
                route
                for route in later
                if any(fnmatchcase(route.model, pattern) for pattern in served)
                and stands_in(route.model, first.model, record)
            ),
        )

    def default_limit(self, record: Record, route: Route) -> int:
        """Return the most tokens that an answer may have where the record does not say."""
        if record.embeds:
            return 0
        limit = route.max_tokens or DEFAULT_MAX_TOKENS
        cap = native(record.family).largest_limit if record.native and record.family else None
        return min(limit, cap or limit)

    def prepared(self, route: Route, record: Record, request: Request) -> Request:
        """Return a request as a route is asked it: with what the contract adds where the record is silent."""
        if request.family == NEUTRAL:
            family, body = native_body(request.body, route.model)
            return Request(body, family, route.tier)
        if request.family is not None:
            request = replace(request, tier=route.tier)
            if record.embeds or request.max_tokens is not None:
                return request
            return request.with_max_tokens(self.default_limit(record, route))
        body = dict(request.body)
        body["inferenceConfig"] = {**_defaults(route), **body.get("inferenceConfig", {})}
        if self.response is not None and "outputConfig" not in body:
            body["outputConfig"] = self.response.output_config
        return Request(body, tier=route.tier)

    def _target(self, record: Record, served: tuple[str, ...]) -> str:
        model = record.model
        if model is not None and model in self.models:
            return self.models[model]
        if model is not None and any(route.model == model for route in self.routes):
            return model
        if self.name == DEFAULT:
            if model is not None and BEDROCK_ID.match(model):
                return model
            return first_suiting(record, served) or self.models.get("*", self.routes[0].model)
        if model is None:
            return self.routes[0].model
        if "*" in self.models:
            return self.models["*"]
        raise RecordInvalid(
            "model_not_found",
            f"contract {self.name!r} does not say what to ask for {model[:LONGEST_NAME_SHOWN]!r}:"
            " add it, or '*', under models:",
            param="model",
            record_id=record.record_id,
        )


def _span(written: str) -> timedelta:
    unit = {"m": "minutes", "h": "hours", "d": "days"}[written[-1]]
    return timedelta(**{unit: int(written[:-1])})


def _defaults(route: Route) -> dict[str, Any]:
    settings = {
        "maxTokens": route.max_tokens or DEFAULT_MAX_TOKENS,
        "temperature": route.temperature,
        "topP": route.top_p,
    }
    return {name: value for name, value in settings.items() if value is not None}


def default_contract(served: tuple[str, ...]) -> Contract:
    """Return the built-in contract: files run as they are.

    A Bedrock model id is asked as it stands; names of other houses (``gpt-4o-mini``) and lines that name no model are
    asked of the first of the stack's models that reads such a line.
    """
    named = [name for name in served if "*" not in name]
    first = next((name for name in named if family_of(name) not in EMBEDDING), None)
    first = first or next(iter(named), None)
    if first is None:
        raise ContractInvalid(
            "ModelArns holds patterns only: say in a contract which model is asked"
        )
    return Contract(name=DEFAULT, routes=(Route(model=first),), models={"*": first})


def read_contract(text: bytes, *, name: str) -> Contract:
    """Read a contract's YAML.

    Raises :class:`ContractInvalid` with every fault's path and what is wanted there, or the line of a YAML fault.
    """
    if len(text) > LARGEST_CONTRACT:
        raise ContractInvalid(f"contract {name!r} is larger than {LARGEST_CONTRACT:,} bytes")
    try:
        fields = yaml.safe_load(text)
        contract = Contract.model_validate(fields)
        contract.digest()
    except ValidationError as fault:
        raise ContractInvalid(f"contract {name!r}: {_faults(fault)}") from None
    except rfc8785.CanonicalizationError:
        raise ContractInvalid(
            f"contract {name!r} holds a number that JSON cannot carry exactly"
        ) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as fault:
        # YAML's own values, dates for one, raise whatever they like.
        raise ContractInvalid(f"contract {name!r} is not YAML{_place(fault)}") from None
    if contract.name != name:
        raise ContractInvalid(
            f"the contract in {name}.yaml says name: {contract.name!r}; make them the same"
        )
    _check_templates(contract)
    return contract


def contract_from_json(fields: dict[str, Any]) -> Contract:
    """Read a contract back from a job, as it was admitted."""
    return Contract.model_validate(fields)


def _place(fault: Exception) -> str:
    mark = getattr(fault, "problem_mark", None)
    return f": see line {mark.line + 1}, column {mark.column + 1}" if mark else " that can be read"


def _faults(fault: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(step) for step in error['loc']) or 'the file'}: {error['msg']}"
        for error in fault.errors(include_url=False, include_input=False, include_context=False)
    )


def _check_templates(contract: Contract) -> None:
    prompt, document = contract.prompt, contract.document
    if prompt is None:
        return
    columns = COLUMNS if document else None
    for name, text, known in (
        ("prompt.system", prompt.system, columns),
        ("prompt.user", prompt.user, columns),
        ("document.join", document and document.join, JOINED),
    ):
        if text:
            _check_template(name, text, known)


def _check_template(name: str, text: str, known: frozenset[str] | None) -> None:
    from batchwright.template import Template  # noqa: PLC0415 - jinja2 costs a cold start, and only prompts need it

    unknown = Template(text, name=name).columns - (known or frozenset())
    if known is not None and unknown:
        raise ContractInvalid(
            f"{name}: a document has no {min(unknown)!r}; it can use {', '.join(sorted(known))}"
        )
