"""The subset of JSON Schema that Bedrock holds answers to; the rest is refused before it is asked
(docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html).
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator

BOUNDS = {
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
}
DEEPEST = 64
LONGEST_NAME_SHOWN = 64


def _supported(schema: dict[str, Any]) -> dict[str, Any]:
    for path, fault in _faults(schema, schema, (), ()):
        place = ".".join(step[:LONGEST_NAME_SHOWN] for step in path)
        raise ValueError(f"{place}: {fault}; Bedrock takes a subset of JSON Schema")
    return schema


type Schema = Annotated[dict[str, Any], AfterValidator(_supported)]
"""A JSON Schema that Bedrock can hold an answer to."""


def _faults(
    node: Any, root: dict[str, Any], path: tuple[str, ...], within: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(node, dict):
        yield path, "a schema is wanted here"
        return
    if len(path) > DEEPEST:
        yield path, "this is nested too deep"
        return
    for keyword in BOUNDS & node.keys():
        yield (*path, keyword), "this bound is not supported"
    if node.get("minItems", 0) not in (0, 1):
        yield (*path, "minItems"), "only 0 and 1 are supported"
    if node.get("additionalProperties", False) is not False:
        yield (*path, "additionalProperties"), "only false is supported"
    if "$ref" in node:
        yield from _reference_faults(str(node["$ref"]), root, (*path, "$ref"), within)
    for steps, inner in _inner(node):
        yield from _faults(inner, root, (*path, *steps), within)


def _reference_faults(
    reference: str, root: dict[str, Any], path: tuple[str, ...], within: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    start, *steps = reference.split("/")
    target: Any = root
    for step in steps:
        target = target.get(step) if isinstance(target, dict) else None
    if start != "#" or target is None:
        yield path, "only references inside the schema are supported"
    elif reference in within:
        yield path, "recursion is not supported"
    else:
        yield from _faults(target, root, path, (*within, reference))


def _inner(node: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for keyword in ("properties", "$defs", "definitions"):
        named = node.get(keyword, {})
        if isinstance(named, dict):
            yield from (((keyword, name), inner) for name, inner in named.items())
    for keyword in ("anyOf", "allOf"):
        listed = node.get(keyword, [])
        if isinstance(listed, list):
            yield from (((keyword, str(place)), inner) for place, inner in enumerate(listed))
    if "items" in node:
        yield ("items",), node["items"]
