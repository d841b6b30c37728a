"""The filters, one file each: texts to findings. Which there are, and how a contract names them."""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from batchwright.filters.filter import Filter, FilterSettings, Means, Subject
from batchwright.filters.length import LengthSettings
from batchwright.finding import Stage

__all__ = ["Entry", "Filter", "FilterSettings", "Filters", "Means", "Subject"]

_STRICT = ConfigDict(
    frozen=True,
    extra="forbid",
    hide_input_in_errors=True,
    use_attribute_docstrings=True,
    validate_by_alias=True,
)


class Entry(BaseModel):
    """One filter in a contract's list: its name, and what follows from what it finds."""

    model_config = _STRICT

    length: LengthSettings | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, *self.model_fields_set) is None:
            raise ValueError("an entry names one filter, as `- pii: redact`")
        return self

    @property
    def name(self) -> str:
        """The filter's name, as the contract writes it."""
        (field,) = self.model_fields_set
        return type(self).model_fields[field].alias or field

    @property
    def settings(self) -> FilterSettings:
        """What the contract says to it."""
        (field,) = self.model_fields_set
        settings: FilterSettings = getattr(self, field)
        return settings


class Filters(BaseModel):
    """What looks at what is asked, and at what is answered."""

    model_config = _STRICT

    input: tuple[Entry, ...] = ()
    output: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _in_place(self) -> Self:
        for stage in Stage:
            for number, entry in enumerate(self.at(stage)):
                if stage not in entry.settings.stages:
                    raise ValueError(f"{stage}.{number}: {entry.name} does not look at {stage}s")
        return self

    def at(self, stage: Stage) -> tuple[Entry, ...]:
        """Return the filters of a stage, in the contract's order."""
        return self.input if stage is Stage.INPUT else self.output
