"""A value that fits a JSON schema, always the same for the same schema and text."""

from collections.abc import Mapping
from typing import Any

_LONGEST = 100

type Schema = Mapping[str, Any]


def example(schema: Schema, text: str) -> Any:
    """Return the value; its strings are the text, cut to a hundred characters.

    >>> example({"type": "object", "properties": {"to": {"enum": ["a", "b"]}}}, "hello")
    {'to': 'a'}
    """
    return _Example(schema, text[:_LONGEST]).of(schema, within=())


class _Example:
    """The schema that references point into, and the text of every string."""

    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text

    def of(self, given: object, *, within: tuple[str, ...]) -> Any:
        """Return a value; `within` are the references that led here, so that it ends."""
        schema, within = self._whole(given, within)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for choice in ("anyOf", "oneOf"):
            if found := [each for each in schema.get(choice, []) if _ends(each, within)]:
                return self.of({**_less(schema, choice), **found[0]}, within=within)
        return self._of_type(schema, within)

    def _whole(self, schema: object, within: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Put what is referred to and what is demanded besides into one schema."""
        whole: Schema = schema if isinstance(schema, Mapping) else {}  # true is a schema, too
        while (reference := whole.get("$ref")) is not None:
            target = {} if reference in within else _target(reference, self._root)
            whole, within = {**_less(whole, "$ref"), **target}, (*within, reference)
        for part in whole.get("allOf", []):
            inner, within = self._whole(part, within)
            whole = _both(_less(whole, "allOf"), inner)
        return whole, within

    def _of_type(self, schema: Schema, within: tuple[str, ...]) -> Any:
        match _type(schema):
            case "object":
                return self._object(schema, within)
            case "array":
                return [
                    self.of(schema.get("items"), within=within)
                    for _ in range(schema.get("minItems", 0))
                ]
            case "number" | "integer":
                return _number(schema)
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._string(schema)

    def _object(self, schema: Schema, within: tuple[str, ...]) -> dict[str, Any]:
        """Fill every property, but none that leads round and round."""
        members = dict.fromkeys(schema.get("required", [])) | schema.get("properties", {})
        return {
            name: self.of(inner, within=within)
            for name, inner in members.items()
            if _ends(inner, within)
        }

    def _string(self, schema: Schema) -> str:
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", _LONGEST)
        return self._text.ljust(shortest, ".")[: max(shortest, longest)]


def _ends(schema: object, within: tuple[str, ...]) -> bool:
    return not (isinstance(schema, Mapping) and schema.get("$ref") in within)


def _type(schema: Schema) -> str:
    """Return the first of the types, or what the keywords speak of."""
    given = schema.get("type")
    if isinstance(given, list):
        return str(given[0])
    if given is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(given)


def _number(schema: Schema) -> float:
    """Return 0, or what is nearest to it."""
    least: float = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    most: float = schema.get("maximum", schema.get("exclusiveMaximum", 1) - 1)
    return least if least > 0 else min(most, 0)


def _both(one: Schema, other: Schema) -> Schema:
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    required = [*one.get("required", []), *other.get("required", [])]
    return {**one, **other, "properties": properties, "required": required}


def _less(schema: Schema, keyword: str) -> Schema:
    return {key: value for key, value in schema.items() if key != keyword}


def _target(reference: str, root: Schema) -> Schema:
    target: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        target = target.get(part, {}) if isinstance(target, Mapping) else {}
    return target if isinstance(target, Mapping) else {}
