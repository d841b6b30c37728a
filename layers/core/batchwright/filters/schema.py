"""Answers that must be JSON of a schema."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from batchwright.filters.filter import FilterSettings
from batchwright.finding import Stage, Verdict

# A record of which no answer fits has failed; nothing of what was answered is released.
_FAILS = ("repair", "fail")


def check_schema(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a schema that answers can be held to; raises :class:`ValueError` saying what is wrong."""
    if schema is not None:
        from batchwright.validator import Validator  # noqa: PLC0415 - only contracts with a schema need it

        Validator(schema)
    return schema


class SchemaSettings(FilterSettings):
    """Which schema, and what follows where an answer does not fit it.

    It is no filter among the others: it looks first, and the others look at what it took out of the answer.
    """

    stages: ClassVar[frozenset[Stage]] = frozenset({Stage.OUTPUT})
    then: Literal["repair", "fail", "review", "block", "pass"] = "fail"  # type: ignore[assignment]  # more than others
    json_schema: Annotated[
        dict[str, Any] | None, Field(alias="schema"), AfterValidator(check_schema)
    ] = None
    """Where there is none, the schema that the model was asked for; where that is none, any JSON."""
    extract: bool = True
    """Whether JSON is taken out of fences and prose."""

    @property
    def verdict(self) -> Verdict:
        """What a finding leads to."""
        return Verdict.BLOCK if self.then in _FAILS else Verdict(self.then)

    @property
    def fails(self) -> bool:
        """Whether a record fails of which no answer fits."""
        return self.then in _FAILS

    @property
    def repairs(self) -> bool:
        """Whether the model is asked again before."""
        return self.then == "repair"
