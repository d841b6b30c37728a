"""Texts that are too long or too short."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from batchwright.filters.filter import Filter, FilterSettings, Means, Subject, ThenWhole
from batchwright.finding import Finding


class LengthSettings(FilterSettings):
    """How long all texts together may be, in characters."""

    then: ThenWhole = "block"
    max_chars: Annotated[int, Field(ge=1)] | None = None
    min_chars: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.max_chars is None and self.min_chars is None:
            raise ValueError("say max_chars, min_chars, or both")
        if self.min_chars and self.max_chars and self.min_chars > self.max_chars:
            raise ValueError("min_chars is more than max_chars")
        return self

    def filter(self, means: Means) -> Filter:  # noqa: ARG002 - it needs none
        """Return the filter."""
        return Length(self)


class Length:
    """Finds ``too_long`` and ``too_short``, of all texts together."""

    gate: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: LengthSettings) -> None:
        """Keep the bounds."""
        self._settings = settings

    async def look(self, subject: Subject) -> list[Finding]:
        """Return what is wrong with the length."""
        length = sum(len(text.raw) for text in subject.texts)
        most, least = self._settings.max_chars, self._settings.min_chars
        if most is not None and length > most:
            return [Finding(kind="too_long")]
        if least is not None and length < least:
            return [Finding(kind="too_short")]
        return []
