"""What a contract says of work that was done before: answers that are kept here, and prompts that models keep."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from batchwright.written import SPAN, Written, span

# The bucket's lifecycle deletes what was kept for so long.
LONGEST_CACHE = timedelta(days=30)


class Cache(Written):
    """What need not be asked, or read by the model, a second time."""

    exact: Annotated[str, Field(pattern=SPAN)] | None = None
    """How long the answer to a request stands for the same request again, without a call: minutes, hours or days."""
    any_temperature: bool = False
    """Whether an answer that was drawn by chance stands, too: else only temperature 0 and vectors."""
    # As a bool or a word it would be told by two faults, each of half of it.
    prompt: Literal[True, False, "auto"] = "auto"
    """Whether models are asked to keep system prompts that records share: ``auto`` where it pays."""

    @field_validator("exact")
    @classmethod
    def _check_exact(cls, exact: str | None) -> str | None:
        if exact and span(exact) > LONGEST_CACHE:
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
        return span(self.exact) if self.exact else timedelta()
