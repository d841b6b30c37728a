"""Prompt and policy in one file: which models may be asked, with what limits, and for tables with what prompt."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from batchwright.baseurl import check_base_url
from batchwright.container import ENDPOINT, OPENAI, Container
from batchwright.digest import digest_of_envelope
from batchwright.document import Document
from batchwright.embedding import NEUTRAL, native_body
from batchwright.errors import (
    AccessDenied,
    BatchwrightError,
    ContractInvalid,
    ModelUnknown,
    Throttled,
    Unavailable,
)
from batchwright.families import EMBEDDING, family_of
from batchwright.filters import Filters
from batchwright.filters.schema import check_schema
from batchwright.lane import BEDROCK_BATCH, ENGINE, FLEX, TIERS, LaneWish, Missing, lane_fault
from batchwright.money import BILLIONTHS
from batchwright.natives import native
from batchwright.prices import Price, price_of
from batchwright.record import Record
from batchwright.request import Request
from batchwright.retention import Retention
from batchwright.schema import Schema, structured_output
from batchwright.suiting import LONGEST_NAME_SHOWN

DEFAULT = "default"
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailConfiguration.html, without DRAFT.
GUARDRAIL = (
    r"^([a-z0-9]{1,64}|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+)$"
)
VERSION = r"^[1-9][0-9]{0,7}$"
# docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
KEPT_KEY = r"^arn:aws(-[a-z-]+)?:secretsmanager:[a-z0-9-]{1,20}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$"
SPAN = r"^[1-9][0-9]{0,5}[mhd]$"
# Bedrock reserves max_tokens of the minute's quota before it answers, and the model's own maximum where nothing is
# said: the largest cause of throttling. Every text model that Bedrock serves takes this many.
DEFAULT_MAX_TOKENS = 2048
# Working files are kept for 30 days, and a run of the workflow has 25,000 events, which waiting uses up
# (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
LONGEST_DEADLINE = timedelta(days=14)
# The bucket's lifecycle deletes what was kept for so long.
LONGEST_CACHE = timedelta(days=30)

# How often a model is asked to repair an answer where the contract does not say.
REPAIRS = 1
MOST_ROUTES = 4
# What may befall a call so that the next route is asked.
FALLBACKS: dict[str, tuple[type[BatchwrightError], ...]] = {
    "unavailable": (Unavailable,),
    "throttled": (Throttled,),
    "denied": (AccessDenied, ModelUnknown),
}

# What only routes to some engines say.
OF_ENGINES: dict[str, tuple[str, ...]] = {
    "base_url": ("openai",),
    "secret": ("openai",),
    "price": ("openai", "sagemaker"),
    "endpoint": ("sagemaker",),
    "body": ("sagemaker",),
    "payload": ("sagemaker",),
    "in_flight": ("sagemaker",),
    "tier": ("bedrock",),
    "guardrail": ("bedrock",),
}
# docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html: InvocationTimeoutSeconds.
LONGEST_INVOCATION = 3600

_STRICT = ConfigDict(
    frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
)


class Guardrail(BaseModel):
    """A guardrail of Bedrock that looks at the call itself: what it intervenes in is blocked."""

    model_config = _STRICT

    id: Annotated[str, Field(pattern=GUARDRAIL)]
    """Its id or ARN."""
    version: Annotated[str, Field(pattern=VERSION)]
    """A number in quotes: a draft would change while a job runs."""

    @property
    def config(self) -> dict[str, str]:
        """Converse's ``guardrailConfig``; a trace would quote what was said."""
        return {
            "guardrailIdentifier": self.id,
            "guardrailVersion": self.version,
            "trace": "disabled",
        }


class Route(BaseModel):
    """One model to ask, and what it is asked with where the request says nothing."""

    model_config = _STRICT

    engine: Literal["bedrock", "openai", "sagemaker"] = "bedrock"
    """Who answers: Bedrock, an endpoint of yours that speaks OpenAI's chat completions, or one of SageMaker's."""
    model: Annotated[str, Field(min_length=1, max_length=2048)]
    """A model id, inference profile or ARN that one of the stack's ModelArns allows; or what the endpoint calls it."""
    base_url: Annotated[str, Field(max_length=512)] | None = None
    """Where the endpoint is, up to its version: one of the stack's EndpointUrls, such as `https://llm.example.com/v1`."""
    secret: Annotated[str, Field(pattern=KEPT_KEY)] | None = None
    """The ARN of the endpoint's API key in Secrets Manager, if it wants one."""
    price: Price | None = None
    """What a million tokens cost there; without it costs are told as null, and there can be no budget."""
    endpoint: Annotated[str, Field(pattern=ENDPOINT)] | None = None
    """The name of SageMaker's asynchronous endpoint, one of the stack's EndpointArns."""
    body: Container | None = None
    """What its container reads and answers: openai where nothing is said."""
    payload: Literal["record", "jsonl"] | None = None
    """Whether a call carries one record, or in the lane sagemaker_async a chunk's, a line each."""
    in_flight: PositiveInt | None = None
    """Records that may wait at the endpoint at once, of all jobs, in the lane sagemaker_async."""
    max_tokens: PositiveInt | None = None
    reserve_at_least: PositiveInt = 1
    """The fewest tokens that are reserved for an answer where its request allows as many."""
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    tier: Literal["flex", "default", "priority"] | None = None
    """Bedrock's service tier (docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html)."""
    guardrail: Guardrail | None = None
    """Looks at what is asked and answered while it is; for requests of Converse only."""
    timeout: PositiveInt = 300
    """Seconds that one call may take; less where the worker has less left."""
    rpm: PositiveInt | None = None
    """Requests a minute that all jobs together may make of the model."""
    tpm: PositiveInt | None = None
    """Tokens a minute that they may take of its quota."""

    @model_validator(mode="before")
    @classmethod
    def _call_an_endpoints_model_by_its_name(cls, written: Any) -> Any:
        if isinstance(written, dict) and written.get("engine") == "sagemaker":
            return {"model": written.get("endpoint", "endpoint"), **written}
        return written

    @field_validator(*OF_ENGINES)
    @classmethod
    def _check_whose_it_is(cls, value: Any, told: ValidationInfo) -> Any:
        engine, engines = told.data.get("engine"), OF_ENGINES[str(told.field_name)]
        if value is None or engine is None or engine in engines:
            return value
        if engines == ("bedrock",):
            raise ValueError("it is Bedrock's own, and this endpoint has none: take it away")
        raise ValueError(
            f"it is for engine: {' or '.join(engines)}, and this route's is {engine}: take one away"
        )

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, base_url: str | None) -> str | None:
        return base_url if base_url is None else check_base_url(base_url)

    @field_validator("timeout")
    @classmethod
    def _check_timeout(cls, timeout: int, told: ValidationInfo) -> int:
        if told.data.get("engine") == "sagemaker" and timeout > LONGEST_INVOCATION:
            raise ValueError(
                f"{LONGEST_INVOCATION:,} or less is wanted: an endpoint works on a call no longer"
            )
        return timeout

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        if self.engine == "openai" and self.base_url is None:
            raise ValueError("engine: openai needs base_url, as https://llm.example.com/v1: add it")
        if self.engine == "sagemaker" and self.endpoint is None:
            raise ValueError("engine: sagemaker needs endpoint, the endpoint's name: add it")
        return self

    @property
    def asks(self) -> tuple[str, str, str | None]:
        """What is asked by it: routes that differ in this have nothing to do with each other's failures."""
        place = self.endpoint or self.model
        if self.base_url is not None:
            place = f"{self.base_url}#{self.model}"
        return self.engine, place, self.tier

    @property
    def container(self) -> Container:
        """What the endpoint's container reads and answers."""
        return self.body or OPENAI

    @property
    def told_model(self) -> str | None:
        """What the endpoint's container is told of its model, if it is."""
        return self.model if self.model != self.endpoint else None

    @property
    def listed(self) -> str:
        """The name by which the tables of prices, quotas and families know the model.

        They are Bedrock's: elsewhere the same name may be anybody's, and nothing is known of it.
        """
        return self.model if self.engine == "bedrock" else ""

    @property
    def reserves(self) -> bool:
        """Whether an answer's limit is taken from a quota beforehand: one's own server has none but what is told."""
        return self.engine == "bedrock" or self.tpm is not None

    @property
    def priced(self) -> bool:
        """Whether what it costs is known."""
        return self.price is not None or price_of(self.listed) is not None


class Prompt(BaseModel):
    """The prompt for tables: Jinja templates over a row's columns, and the column that holds the record's id."""

    model_config = _STRICT

    system: str | None = None
    """What the model is told beforehand, a template."""
    user: Annotated[str, Field(min_length=1)]
    """What it is asked, a template: `{{ title }}` is the column `title`."""
    id: str = "id"
    """The column that names a record."""


class ResponseFormat(BaseModel):
    """The JSON Schema that answers must have, sent to the model as structured output; and how often it may repair."""

    model_config = ConfigDict(**_STRICT, populate_by_name=True)

    json_schema: Annotated[Schema | None, Field(alias="schema", min_length=1)] = None
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "answer"
    repair: Annotated[int, Field(ge=0, le=5)] = REPAIRS
    """How often the model is asked again where its answer does not fit, and the filter ``schema`` says ``repair``."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.json_schema is None and "repair" not in self.model_fields_set:
            raise ValueError("say schema, repair, or both")
        return self

    @cached_property
    def output_config(self) -> dict[str, Any] | None:
        """Converse's ``outputConfig`` that asks for it, if there is a schema."""
        if self.json_schema is None:
            return None
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
    """What it is called: its file's name without `.yaml`."""
    routes: Annotated[tuple[Route, ...], Field(min_length=1, max_length=MOST_ROUTES)]
    """Whom to ask: the first route first, the others where `fallback` or `models` says so."""
    fallback: tuple[Literal["unavailable", "throttled", "denied"], ...] = ()
    """When the next route is asked instead; never, where nothing is said."""
    models: dict[str, str] = {}
    """Names that stand in files, and the model that is asked for each; `"*"` is every other name."""
    prompt: Prompt | None = None
    document: Document | None = None
    response: ResponseFormat | None = None
    lane: LaneWish = "on_demand"
    """The way to ask: `auto` chooses by count, deadline, price, and what the model and the requests allow."""
    missing: Missing = "on_demand"
    """What becomes of a record that a batch or an endpoint left without an answer: asked on demand, or failed."""
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
    filters: Filters = Filters()
    retention: Retention | None = None

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
    def _check_schema(self) -> Self:
        schema = self.response.json_schema if self.response is not None else None
        if schema is not None and any(entry.json_schema for entry in self.filters.output):
            try:
                check_schema(schema)
            except ValueError as fault:
                raise ValueError(f"response.schema: {fault}") from None
        return self

    @model_validator(mode="after")
    def _check_guardrails(self) -> Self:
        bare = [number for number, route in enumerate(self.routes) if route.guardrail is None]
        if bare and len(bare) < len(self.routes):
            raise ValueError(
                f"routes.{bare[0]}: another route has a guardrail, and this one would go round it: give it one, too,"
                " or take it out"
            )
        return self

    @model_validator(mode="after")
    def _check_lane(self) -> Self:
        engines = [route.engine for route in self.routes]
        if fault := lane_fault(self.lane, engines, says_missing="missing" in self.model_fields_set):
            raise ValueError(fault)
        if self.lane == BEDROCK_BATCH:
            self._check_batch()
        return self

    def _check_batch(self) -> None:
        """Refuse what a batch could not do for any record."""
        for number, route in enumerate(self.routes):
            if route.guardrail is not None:
                raise ValueError(
                    f"routes.{number}.guardrail: a batch is asked without one: make it a filter, as"
                    " filters: {output: [{guardrail: …}]}, or say lane: on_demand"
                )
            if route.tier in TIERS:
                raise ValueError(
                    f"routes.{number}.tier: a batch has no tiers: take it out, or say lane: on_demand"
                )

    @model_validator(mode="after")
    def _check_routes(self) -> Self:
        asked = {(*route.asks[:2], self.tier_of(route)) for route in self.routes}
        if len(asked) < len(self.routes):
            raise ValueError("routes: one stands there twice")
        if self.budget is not None and any(route.tier == "priority" for route in self.routes):
            raise ValueError("budget: it needs a price, and that of tier: priority is not known")
        for number, route in enumerate(self.routes):
            if self.budget is not None and route.engine != "bedrock" and not route.priced:
                raise ValueError(
                    f"routes.{number}: the budget needs its price: add price: {{input: …, output: …}}, in USD a"
                    " million tokens"
                )
        unpriced = [model for model in self.filters.models if price_of(model) is None]
        if self.budget is not None and unpriced:
            raise ValueError(
                f"budget: the price of {unpriced[0][:LONGEST_NAME_SHOWN]!r}, which filters ask, is not known"
            )
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
        unpriced = [route.model for route in self.routes[1:] if not route.priced]
        if self.budget is not None and unpriced:
            raise ValueError(
                f"budget: the price of {unpriced[0][:LONGEST_NAME_SHOWN]!r} is not known, so it cannot be a fallback"
            )

    @property
    def falls_back_on(self) -> tuple[type[BatchwrightError], ...]:
        """What must befall a call so that the next route is asked."""
        return tuple(kind for name in self.fallback for kind in FALLBACKS[name])

    @property
    def repairs(self) -> int:
        """How often a model may be asked to repair an answer."""
        return REPAIRS if self.response is None else self.response.repair

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

    def named(self, model: str) -> Route | None:
        """Return the first route to a model."""
        return next((route for route in self.routes if route.model == model), None)

    def route_to(self, model: str) -> Route:
        """Return the route to a model, a bare one where only a name in a file or a filter leads to it."""
        return self.named(model) or Route(model=model)

    def place_of(self, route: Route) -> int | None:
        """Return where a route stands, ``None`` where only a name in the file led to its model."""
        return next((place for place, own in enumerate(self.routes) if own is route), None)

    def tier_of(self, route: Route) -> str | None:
        """Return the service tier that a route is asked for: in the lane `flex` that, where the route says none."""
        flexible = self.lane == FLEX and route.engine == ENGINE[FLEX]
        return route.tier or (FLEX if flexible else None)

    def default_limit(self, record: Record, route: Route) -> int:
        """Return the most tokens that an answer may have where the record does not say."""
        if record.embeds:
            return 0
        limit = route.max_tokens or DEFAULT_MAX_TOKENS
        cap = native(record.family).largest_limit if record.native and record.family else None
        return min(limit, cap or limit)

    def prepared(self, route: Route, record: Record, request: Request) -> Request:
        """Return a request as a route is asked it: with what the contract adds where the record is silent."""
        tier = self.tier_of(route)
        if request.family == NEUTRAL:
            family, body = native_body(request.body, route.model)
            return Request(body, family, tier)
        if request.family is not None:
            request = replace(request, tier=tier)
            if record.embeds or request.max_tokens is not None:
                return request
            return request.with_max_tokens(self.default_limit(record, route))
        body = dict(request.body)
        body["inferenceConfig"] = {**_defaults(route), **body.get("inferenceConfig", {})}
        if route.guardrail is not None:
            body["guardrailConfig"] = route.guardrail.config
        if self.output_config is not None and "outputConfig" not in body:
            body["outputConfig"] = self.output_config
        return Request(body, tier=tier)

    @property
    def output_config(self) -> dict[str, Any] | None:
        """Converse's ``outputConfig`` that asks for the answers' schema, if the contract has one."""
        return self.response.output_config if self.response is not None else None


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
    """Return the built-in contract: files run as they are, and what filters find in answers is only noted.

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
    noted = Filters.model_validate({"output": [{"pii": "pass"}, {"secrets": "pass"}]})
    return Contract(name=DEFAULT, routes=(Route(model=first),), models={"*": first}, filters=noted)


def contract_from_json(fields: dict[str, Any]) -> Contract:
    """Read a contract back from a job, as it was admitted."""
    return Contract.model_validate(fields)
