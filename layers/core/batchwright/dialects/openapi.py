"""Google's ``Schema``, a part of OpenAPI 3.0, as JSON Schema (ai.google.dev/api/caching#Schema)."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from batchwright.errors import LONGEST_NAME_SHOWN

TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
AS_THEY_ARE = {"title", "description", "required", "pattern", "default", "minimum", "maximum"}
# Google's JSON writes integers of 64 bits as text.
COUNTS = {"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"}
# Any other format is taken by Google and triggers nothing there.
FORMATS = {"date-time", "date", "time", "duration"}
SNAKE = {
    "any_of": "anyOf",
    "property_ordering": "propertyOrdering",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
}
DEEPEST = 64


@lru_cache(maxsize=256)
def json_schema(written: bytes) -> bytes:
    """Return a schema as JSON Schema; raises :class:`ValueError`.

    A file repeats its few schemas on every line, so each is converted once. Properties stand in the order that
    ``propertyOrdering`` asks for, and no others are allowed, as with Google.

    >>> json_schema(b'{"type": "ARRAY", "items": {"type": "STRING", "nullable": true}, "minItems": "1"}')
    b'{"type":"array","items":{"type":["string","null"]},"minItems":1}'
    """
    try:
        return orjson.dumps(_converted(orjson.loads(written), ()))
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise ValueError("it is nested too deep") from None


def _converted(schema: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise _fault(path, "a schema is wanted here")
    if len(path) > DEEPEST:
        raise _fault(path, "this is nested too deep")
    fields = _camel(schema, path)
    nullable = fields.pop("nullable", None)
    order = fields.pop("propertyOrdering", None)
    made = {
        name: made for name, value in fields.items() for made in _field(name, value, (*path, name))
    }
    if "properties" in made:
        made["properties"] = _ordered(made["properties"], order, path)
        made["additionalProperties"] = False
    elif order is not None:
        raise _fault((*path, "propertyOrdering"), "there are no properties to order")
    return _nullable(made) if nullable is True else made


def _camel(schema: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in schema.items():
        known = SNAKE.get(name, name)
        if known in fields:
            raise _fault((*path, name), "it is said twice")
        if value is not None:
            fields[known] = value
    return fields


def _field(name: str, value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield what a field is in JSON Schema, or nothing where it means nothing."""
    if name == "type":
        yield _type(value, path)
    elif name == "items":
        yield _converted(value, path)
    elif name == "properties":
        yield {key: _converted(inner, (*path, key)) for key, inner in _object(value, path).items()}
    elif name == "anyOf":
        yield [
            _converted(inner, (*path, str(place)))
            for place, inner in enumerate(_array(value, path))
        ]
    elif name == "enum":
        yield _array(value, path)
    elif name in COUNTS:
        yield _count(value, path)
    elif name in AS_THEY_ARE or (name == "format" and value in FORMATS):
        yield value
    elif name != "format":
        raise _fault(path, "this is not supported")


def _type(value: Any, path: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value.lower() not in TYPES:
        raise _fault(path, "a type of Google's Schema is wanted")
    return value.lower()


def _count(value: Any, path: tuple[str, ...]) -> int:
    written = str(value)
    if isinstance(value, int | str) and written.isascii() and written.isdecimal():
        return int(written[:20])
    raise _fault(path, "a whole number is wanted")


def _ordered(properties: dict[str, Any], order: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if order is None:
        return properties
    path = (*path, "propertyOrdering")
    if any(not isinstance(name, str) or name not in properties for name in _array(order, path)):
        raise _fault(path, "it names what is no property")
    return {name: properties[name] for name in (*order, *properties)}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if "anyOf" in schema:
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
    return schema


def _object(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _fault(path, "an object is wanted")
    return value


def _array(value: Any, path: tuple[str, ...]) -> list[Any]:
    if not isinstance(value, list):
        raise _fault(path, "a list is wanted")
    return value


def _fault(path: tuple[str, ...], told: str) -> ValueError:
    place = ".".join(step[:LONGEST_NAME_SHOWN] for step in path)
    return ValueError(f"{place}: {told}" if place else told)
