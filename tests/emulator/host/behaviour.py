"""How the host is told to behave, and how a change to that is read."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PositiveInt

from tests.emulator.host.batch.behaviour import BatchBehaviour
from tests.emulator.host.endpoints.behaviour import EndpointsBehaviour
from tests.emulator.host.looks import EMAIL, Look
from tests.emulator.host.scripted import STRICT, ScriptedFault

type EngineName = Literal["echo", "llama"]
type LimitModel = Literal["window", "bucket"]
type Doing = Literal[
    "throttle",
    "500",
    "503",
    "529",
    "400",
    "403",
    "404",
    "hang",
    "cut",
    "empty",
    "truncate",
    "filtered",
]


class Fault(ScriptedFault):
    """One scripted fault: which calls it may hit, what it does, how many times and how often."""

    api: str | None = None
    """The operation that it hits; without one, calls of models."""
    model: str | None = None
    """The model that it hits; without one, all."""
    do: Doing


class Behaviour(BaseModel):
    """What the host does with a call; null in `rpm` or `tpm` means no limit."""

    model_config = STRICT

    engine: EngineName = "llama"
    latency_ms: Annotated[float, Field(ge=0)] = 0.0
    latency_sigma: Annotated[float, Field(ge=0)] = 0.0
    rpm: PositiveInt | None = None
    tpm: PositiveInt | None = None
    limit_model: LimitModel = "window"
    faults: list[Fault] = []
    looks: list[Look] = [EMAIL]
    """What the services find that filters ask."""
    batch: BatchBehaviour = BatchBehaviour()
    endpoints: EndpointsBehaviour = EndpointsBehaviour()
    served: list[str] = ["smollm2"]
    """The models of the host as somebody's own server."""
    api_key: str | None = None
    """What a caller of that server must have, if anything."""
    seed: int = 0

    def changed_by(self, given: dict[str, Any]) -> Self:
        """Return this behaviour with what is given put over it; what is not given stays."""
        whole = self.model_dump() | given
        for name in ("batch", "endpoints"):
            if isinstance(part := given.get(name), dict):
                whole[name] = getattr(self, name).model_dump() | part
        return type(self).model_validate(whole)
