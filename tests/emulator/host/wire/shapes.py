"""What all wire shapes share: strictness, and errors worded as the service words them."""

from base64 import b64decode
from typing import Annotated, Any, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from tests.emulator.host.refusals import Refusal, invalid


class Shape(BaseModel):
    """A structure whose members are named as in the service model and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Union(Shape):
    """A structure of which exactly one member is given."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if sum(value is not None for value in self.__dict__.values()) != 1:
            members = ", ".join(str(field.alias) for field in type(self).model_fields.values())
            raise PydanticCustomError(
                "union",
                "Member must have exactly one of the members [{members}]",
                {"members": members},
            )
        return self


class SnakeShape(BaseModel):
    """The same for native bodies, which name their members with underscores."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _decodes(text: str) -> str:
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        raise PydanticCustomError("base64", "Member must be valid base64") from None
    if not decoded:
        raise PydanticCustomError("base64", "Member must have length greater than or equal to 1")
    return text


type Base64 = Annotated[str, AfterValidator(_decodes)]


def size_of(text: str) -> int:
    """Return how many bytes this base64 stands for.

    >>> size_of("aGVsbG8=")
    5
    """
    return len(text) // 4 * 3 - text[-2:].count("=")


_CONSTRAINTS = {
    "model_type": "Member must be a JSON object",
    "missing": "Member must not be null",
    "greater_than_equal": "Member must have value greater than or equal to {ge}",
    "less_than_equal": "Member must have value less than or equal to {le}",
    "string_too_short": "Member must have length greater than or equal to {min_length}",
    "string_too_long": "Member must have length less than or equal to {max_length}",
    "too_short": "Member must have length greater than or equal to {min_length}",
    "too_long": "Member must have length less than or equal to {max_length}",
    "string_pattern_mismatch": "Member must satisfy regular expression pattern: {pattern}",
    "literal_error": "Member must satisfy enum value set: [{expected}]",
}


def read[S: BaseModel](shape: type[S], body: bytes) -> S:
    """Return the body in this shape, or refuse it with all that is wrong; values are not told."""
    try:
        # Not model_validate_json: that lets a member pass that is named like a field whose alias
        # differs ("max_tokens" for "maxTokens"), and drops it, even where extras are forbidden.
        return shape.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise invalid("The body is not valid JSON.") from None
    except ValidationError as error:
        raise malformed(error) from None


def malformed(error: ValidationError) -> Refusal:
    """Return the refusal that tells what was wrong and where."""
    wrong = [_wrong(each) for each in error.errors(include_input=False, include_url=False)]
    noun = "validation error" if len(wrong) == 1 else "validation errors"
    return invalid(f"{len(wrong)} {noun} detected: {'; '.join(wrong)}")


def _wrong(error: Any) -> str:
    place = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        where, _, key = place.rpartition(".")
        return f"extraneous key [{key}] is not permitted{f' at {where!r}' if where else ''}"
    constraint = _CONSTRAINTS.get(error["type"], error["msg"]).format(**error.get("ctx", {}))
    return f"Value at {place!r} failed to satisfy constraint: {constraint}"
