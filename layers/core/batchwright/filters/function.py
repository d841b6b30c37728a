"""A user's own filter: a Lambda function that gets the texts and answers with findings."""

from typing import Annotated, ClassVar, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from batchwright.filters.filter import Filter, Means, RemoteSettings, Subject
from batchwright.finding import Finding

FUNCTION = (
    r"^arn:aws(-[a-z-]+)?:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,140}"
    r"(:[A-Za-z0-9_$-]{1,128})?$"
)
# More would only make a worker slow to put into the outcome what nobody reads.
MOST_FINDINGS = 10_000


class FunctionSettings(RemoteSettings):
    """Which function, and how long it may take."""

    arn: Annotated[str, Field(pattern=FUNCTION)]
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0

    def filter(self, means: Means) -> Filter:
        """Return the filter."""
        return Function(self, means)


class _Told(BaseModel):
    """A finding as the function writes it."""

    model_config = ConfigDict(
        extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    part: Annotated[int, Field(ge=0)] = 0
    start: Annotated[int, Field(ge=0)] | None = None
    end: Annotated[int, Field(ge=1)] | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _has_a_place_or_none(self) -> Self:
        if (self.start is None) is not (self.end is None):
            raise ValueError("start and end stand together")
        return self


class _Answer(BaseModel):
    """What the function answers; anything else is a failure."""

    model_config = ConfigDict(
        extra="forbid", strict=True, hide_input_in_errors=True, defer_build=True
    )

    findings: Annotated[list[_Told], Field(max_length=MOST_FINDINGS)]


class Function:
    """Finds what the function says."""

    gate: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: FunctionSettings, means: Means) -> None:
        """Without the service, every look fails."""
        self._settings = settings
        self._service = means.functions
        self._job_id = means.job_id
        # A function that failed once is not tried again: it is the user's to do so.
        self._queue = means.queue(settings.arn, tries=1)

    async def look(self, subject: Subject) -> list[Finding]:
        """Ask the function once, with all texts."""
        assert self._service is not None, "there are no functions here"  # noqa: S101
        service, settings = self._service, self._settings
        payload = orjson.dumps(
            {
                "stage": subject.stage.value,
                "texts": [text.folded for text in subject.texts],
                "job_id": self._job_id,
                "key": subject.key,
            }
        )

        async def call() -> list[Finding]:
            answer = await service.invoke(settings.arn, payload, timeout=settings.timeout)
            return _findings(answer, len(subject.texts))

        return await self._queue.ask(call, timeout=settings.timeout)


def _findings(answer: bytes, texts: int) -> list[Finding]:
    told = _Answer.model_validate_json(answer).findings
    if any(each.part >= texts for each in told):
        raise ValueError("there is no such text")
    return [Finding(**each.model_dump()) for each in told]
