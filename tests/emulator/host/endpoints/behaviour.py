"""How asynchronous endpoints are told to behave: which there are, what serves behind them, their faults."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

type Seconds = Annotated[float, Field(ge=0)]
type Bucket = Annotated[str, Field(pattern=r"^s3://[^/]+(/.*)?$")]
type ContainerName = Literal["openai", "tgi", "djl", "plain"]
type EndpointDoing = Literal[
    "fail", "expire", "slow", "lose_output", "lose_notification", "double_notification"
]

OF_CALLS = ("fail", "expire", "slow")
OF_ENDS = ("lose_output", "lose_notification", "double_notification")


class EndpointFault(BaseModel):
    """One scripted fault of an endpoint; ``match`` looks at the texts that a call asks about.

    ``fail``: the container answers with ``code``. ``expire``: the call's time in the queue runs out. ``slow``: the
    container takes longer than it may. ``lose_output``: success is told, and there is no object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    do: EndpointDoing
    match: str | None = None
    times: PositiveInt | None = None
    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    code: Annotated[int, Field(ge=400, le=599)] = 500
    """What the container answers where it fails."""

    @field_validator("match")
    @classmethod
    def _is_a_regex(cls, match: str | None) -> str | None:
        try:
            re.compile(match or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return match


class EndpointBehaviour(BaseModel):
    """One endpoint: its AsyncInferenceConfig, and what serves behind it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

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

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    named: dict[str, EndpointBehaviour] = {}
    haste: Annotated[float, Field(ge=1)] = 1.0
    """How many of a call's own seconds (its time to live, its time-out) go by in one of ours."""
    faults: list[EndpointFault] = []
