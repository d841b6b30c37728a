"""Prompt and policy in one file: which models may be asked, with what limits, and for tables with what prompt."""

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from batchwright.budget import Budget
from batchwright.cache import Cache
from batchwright.digest import digest_of_envelope
from batchwright.document import Document
from batchwright.embedding import NEUTRAL, native_body
from batchwright.errors import (
    LONGEST_NAME_SHOWN,
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
from batchwright.lane import BEDROCK_BATCH, ENGINE, FLEX, TIERS, IfMissing, LaneWish, lane_fault
from batchwright.natives import native
from batchwright.prices import price_of
from batchwright.prompt import Prompt
from batchwright.record import Record
from batchwright.request import Request
from batchwright.responseformat import REPAIRS, ResponseFormat
from batchwright.retention import Retention
from batchwright.route import Route
from batchwright.schema import written
from batchwright.written import SPAN, Written, span

DEFAULT = "default"
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
# Working files are kept for 30 days, and a run of the workflow has 25,000 events, which waiting uses up
# (docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
LONGEST_DEADLINE = timedelta(days=14)
MOST_ROUTES = 4
# What may befall a call so that the next route is asked.
FALLBACKS: dict[str, tuple[type[BatchwrightError], ...]] = {
    "unavailable": (Unavailable,),
    "throttled": (Throttled,),
    "denied": (AccessDenied, ModelUnknown),
}


class Contract(Written):
    """A contract, as its author wrote it."""

    name: Annotated[str, Field(pattern=NAME)]
    """What it is called: its file's name without `.yaml`."""
    routes: Annotated[tuple[Route, ...], Field(min_length=1, max_length=MOST_ROUTES)]
    """Whom to ask: the first route first, the others where `fallback` or `models` says so."""
    fallback: tuple[Literal["unavailable", "throttled", "denied"], ...] = ()
    """When the next route is asked instead; never, where nothing is said."""
    models: dict[str, str] = Field(default={})
    """Names that stand in files, and the model that is asked for each; `"*"` is every other name."""
    prompt: Prompt | None = None
    document: Document | None = None
    response: ResponseFormat | None = None
    lane: LaneWish = "on_demand"
    """The way to ask: `auto` chooses by count, deadline, price, and what the model and the requests allow."""
    missing: IfMissing = "on_demand"
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
    # A default made here would build all filters' settings at every cold start.
    filters: Filters = Field(default_factory=Filters)
    retention: Retention | None = None

    @field_validator("deadline")
    @classmethod
    def _check_deadline(cls, deadline: str) -> str:
        if span(deadline) > LONGEST_DEADLINE:
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
        return span(self.deadline)

    @property
    def keeps_prompts(self) -> bool | Literal["auto"]:
        """Whether models are asked to keep system prompts that records share."""
        return self.cache.prompt if self.cache else "auto"

    def digest(self) -> str:
        """Return the digest of what the author wrote, whatever the order and the layout.

        Of the answers' schema the order counts: models write in it.
        """
        fields = self.to_json()
        if self.response is not None and self.response.json_schema is not None:
            fields["response"]["schema"] = written(self.response.json_schema)
        return digest_of_envelope(fields)

    @cached_property
    def built_in(self) -> bool:
        """Whether it says what the built-in contract says, which any of one's own may replace under its name."""
        return self.name == DEFAULT and self == _built_in(self.routes[0].model)

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
        limit = route.answer_limit
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
        body["inferenceConfig"] = {**route.inference_config, **body.get("inferenceConfig", {})}
        if route.guardrail is not None:
            body["guardrailConfig"] = route.guardrail.config
        if self.output_config is not None and "outputConfig" not in body:
            body["outputConfig"] = self.output_config
        return Request(body, tier=tier)

    @property
    def output_config(self) -> dict[str, Any] | None:
        """Converse's ``outputConfig`` that asks for the answers' schema, if the contract has one."""
        return self.response.output_config if self.response is not None else None


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
    return _built_in(first)


def _built_in(model: str) -> Contract:
    noted = Filters.model_validate({"output": [{"pii": "pass"}, {"secrets": "pass"}]})
    return Contract(name=DEFAULT, routes=(Route(model=model),), models={"*": model}, filters=noted)


def contract_from_json(fields: dict[str, Any]) -> Contract:
    """Read a contract back from a job, as it was admitted."""
    return Contract.model_validate(fields)
