"""What a contract says of answers: the schema that they must have, and how often a model may repair them."""

from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from batchwright.schema import Schema, structured_output, written
from batchwright.written import Written

# How often a model is asked to repair an answer where the contract does not say.
REPAIRS = 1
SCHEMA_NAME = r"^[A-Za-z0-9_-]{1,64}$"


class ResponseFormat(Written):
    """The JSON Schema that answers must have, sent to the model as structured output; and how often it may repair."""

    model_config = ConfigDict(populate_by_name=True)

    json_schema: Annotated[Schema | None, Field(alias="schema", min_length=1)] = None
    name: Annotated[str, Field(pattern=SCHEMA_NAME)] = "answer"
    repair: Annotated[int, Field(ge=0, le=5)] = REPAIRS
    """How often the model is asked again where its answer does not fit, and the filter ``schema`` says ``repair``."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.json_schema is None and "repair" not in self.model_fields_set:
            raise ValueError("say schema, repair, or both")
        return self

    @cached_property
    def output_config(self) -> dict[str, Any] | None:
        """Converse's ``outputConfig`` that asks for it, if there is a schema."""
        if self.json_schema is None:
            return None
        return structured_output(written(self.json_schema), self.name)
