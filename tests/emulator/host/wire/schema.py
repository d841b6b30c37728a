"""The part of JSON Schema that Bedrock's structured output accepts; more is refused at once.

Not accepted: recursion, references to elsewhere, bounds on numbers, strings and arrays, and open
objects. A keyword that is not known is refused too: llama.cpp would answer unbound without a word.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.emulator.host.refusals import invalid

_KNOWN = {
    "$defs", "$ref", "$schema", "$id", "additionalProperties", "allOf", "anyOf", "const",
    "default", "definitions", "description", "enum", "examples", "format", "items", "minItems",
    "pattern", "properties", "required", "title", "type",
}  # fmt: skip
_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_FORMATS = {
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
}  # fmt: skip


def read_schema(text: str) -> dict[str, Any]:
    """Return the schema that Converse carries as a string of JSON."""
    try:
        schema = json.loads(text)
    except ValueError:
        raise _refused("the schema is not valid JSON") from None
    return accepted(schema)


def accepted(schema: object) -> dict[str, Any]:
    """Return the schema if it lies within the accepted part."""
    if not isinstance(schema, dict):
        raise _refused("the schema is not a JSON object")
    _check(schema, root=schema, within=())
    return schema


def _check(node: object, *, root: dict[str, Any], within: tuple[str, ...]) -> None:
    if not isinstance(node, dict):
        raise _refused("a schema inside it is not a JSON object")
    if unknown := sorted(node.keys() - _KNOWN):
        raise _refused(f"the keyword '{unknown[0]}' is not supported")
    _check_words(node)
    if (reference := node.get("$ref")) is not None:
        if reference in within:
            raise _refused("recursion is not supported")
        _check(_target(reference, root), root=root, within=(*within, reference))
    for inner in _inner(node):
        _check(inner, root=root, within=within)


def _check_words(node: dict[str, Any]) -> None:
    types = node.get("type", [])
    if not {str(each) for each in (types if isinstance(types, list) else [types])} <= _TYPES:
        raise _refused("the type is not one of JSON's")
    if node.get("additionalProperties", False) is not False:
        raise _refused("additionalProperties must be false")
    if node.get("minItems", 0) not in (0, 1):
        raise _refused("minItems must be 0 or 1")
    if node.get("format", "date") not in _FORMATS:
        raise _refused("the format is not supported")


def _inner(node: dict[str, Any]) -> Iterator[object]:
    for keyword in ("properties", "$defs", "definitions"):
        yield from node.get(keyword, {}).values()
    for keyword in ("anyOf", "allOf"):
        yield from node.get(keyword, [])
    if "items" in node:
        yield node["items"]


def _target(reference: object, root: dict[str, Any]) -> object:
    parts = str(reference).split("/")
    target: object = root
    for part in parts[1:]:
        target = target.get(part) if isinstance(target, dict) else None
    if parts[0] != "#" or target is None:
        raise _refused("a $ref must point inside the schema")
    return target


def _refused(why: str) -> Exception:
    return invalid(f"The JSON schema in the request is not supported: {why}.")
