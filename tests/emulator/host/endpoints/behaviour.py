"""How asynchronous endpoints are told to behave: which there are, what serves behind them, their faults."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, PositiveInt

from tests.emulator.host.scripted import STRICT, ScriptedFault, Seconds

type Bucket = Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")]
type ContainerName = Literal["openai", "tgi", "djl", "plain"]
type EndpointDoing = Literal[
    "fail", "expire", "slow", "lose_output", "lose_notification", "double_notification"
]

OF_CALLS = ("fail", "expire", "slow")
OF_ENDS = ("lose_output", "lose_notification", "double_notification")


class EndpointFault(ScriptedFault):
    """One scripted fault of an endpoint; ``match`` looks at the texts that a call asks about.

    ``fail``: the container answers with ``code``. ``expire``: the call's time in the queue runs out. ``slow``: the
    container takes longer than it may. ``lose_output``: success is told, and there is no object.
    """

    do: EndpointDoing
    code: Annotated[int, Field(ge=400, le=599)] = 500
    """What the container answers where it fails."""


class EndpointBehaviour(BaseModel):
    """One endpoint: its AsyncInferenceConfig, and what serves behind it."""

    model_config = STRICT

    output: Bucket
    """S3OutputPath."""
    failure: Bucket | None = None
    """S3FailurePath; without one, failures are told and not written."""
    success_topic: str | None = None
    error_topic: str | None = None
    role: str | None = None
    """The execution role that reads, writes and tells; without one, the account's root does."""
    container: ContainerName = "openai"
    model: str | None = None
    """What the container calls its model; it refuses others."""
    takes_jsonl: bool = False
    """Whether a payload may be many requests, a line each."""
    instances: PositiveInt = 1
    per_instance: PositiveInt = 4
    """MaxConcurrentInvocationsPerInstance."""
    cold_start: Seconds = 0.0
    """How long the first call waits for an instance."""


class EndpointsBehaviour(BaseModel):
    """All endpoints."""

    model_config = STRICT

    named: dict[str, EndpointBehaviour] = {}
    haste: Annotated[float, Field(ge=1)] = 1.0
    """How many of a call's own seconds (its time to live, its time-out) go by in one of ours."""
    faults: list[EndpointFault] = []
