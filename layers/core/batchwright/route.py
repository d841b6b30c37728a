"""Whom a contract asks: an engine and a model, the limits that hold there, and what is asked of it."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator

from batchwright.baseurl import check_base_url
from batchwright.container import ENDPOINT, OPENAI, Container
from batchwright.prices import Price, price_of
from batchwright.written import Written

# docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailConfiguration.html, without DRAFT.
GUARDRAIL = (
    r"^([a-z0-9]{1,64}|arn:aws(-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+)$"
)
VERSION = r"^[1-9][0-9]{0,7}$"
# docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
KEPT_KEY = r"^arn:aws(-[a-z-]+)?:secretsmanager:[a-z0-9-]{1,20}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$"
# Bedrock reserves max_tokens of the minute's quota before it answers, and the model's own maximum where nothing is
# said: the largest cause of throttling. Every text model that Bedrock serves takes this many.
DEFAULT_MAX_TOKENS = 2048
# docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html: InvocationTimeoutSeconds.
LONGEST_INVOCATION = 3600

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


class Guardrail(Written):
    """A guardrail of Bedrock that looks at the call itself: what it intervenes in is blocked."""

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


class Route(Written):
    """One model to ask, and what it is asked with where the request says nothing."""

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

    @property
    def answer_limit(self) -> int:
        """The most tokens that an answer may have where its request does not say."""
        return self.max_tokens or DEFAULT_MAX_TOKENS

    @property
    def inference_config(self) -> dict[str, Any]:
        """Converse's ``inferenceConfig`` where a request says nothing of it."""
        settings = {
            "maxTokens": self.answer_limit,
            "temperature": self.temperature,
            "topP": self.top_p,
        }
        return {name: value for name, value in settings.items() if value is not None}
