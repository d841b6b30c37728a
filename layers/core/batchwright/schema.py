"""The subset of JSON Schema that Bedrock holds answers to; the rest is refused before it is asked
(docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html).
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

import orjson
import rfc8785
from pydantic import AfterValidator

from batchwright.errors import LONGEST_NAME_SHOWN

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
LARGEST_SCHEMA = 100_000

type Path = tuple[Any, ...]
type Fault = tuple[Path, str]


def _supported(schema: dict[str, Any]) -> dict[str, Any]:
    for path, fault in _faults(schema):
        place = ".".join(str(step)[:LONGEST_NAME_SHOWN] for step in path)
        raise ValueError(f"{place}: {fault}; Bedrock takes a subset of JSON Schema")
    try:
        rfc8785.dumps(schema)
    except rfc8785.CanonicalizationError:
        raise ValueError("it holds a number that JSON cannot carry exactly") from None
    return schema


type Schema = Annotated[dict[str, Any], AfterValidator(_supported)]
"""A JSON Schema that Bedrock can hold an answer to."""


@lru_cache(maxsize=256)
def read_schema(written: bytes) -> str:
    """Return a schema of the input in canonical form; raises :class:`ValueError` saying what Bedrock would not take.

    A file repeats its few schemas on every line, so each is looked at once.
    """
    if len(written) > LARGEST_SCHEMA:
        raise ValueError(f"it is longer than {LARGEST_SCHEMA:,} bytes")
    try:
        schema = orjson.loads(written)
    except orjson.JSONDecodeError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(schema, dict):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004 - said to the user, as every fault of a schema
    try:
        return rfc8785.dumps(_supported(schema)).decode()
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def structured_output(written: str, name: str) -> dict[str, Any]:
    """Return Converse's ``outputConfig`` that holds the model to a JSON Schema in its canonical form
    (docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html).
    """
    return {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": written, "name": name}},
        }
    }


def _faults(root: dict[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong. A schema that is used often is looked at once: references could fan out without end."""
    waiting: list[tuple[Path, Any, frozenset[int]]] = [((), root, frozenset())]
    seen: set[int] = set()
    while waiting:
        path, node, within = waiting.pop()
        if not isinstance(node, dict):
            yield path, "a schema is wanted here"
        elif id(node) in within:
            yield path, "recursion is not supported"
        elif len(path) > DEEPEST:
            yield path, "this is nested too deep"
        elif id(node) not in seen:
            seen.add(id(node))
            yield from _own_faults(path, node)
            inside = within | {id(node)}
            waiting += [((*path, *steps), inner, inside) for steps, inner in _inner(node, root)]


def _own_faults(path: Path, node: dict[str, Any]) -> Iterator[Fault]:
    for keyword in sorted(BOUNDS & node.keys()):
        yield (*path, keyword), "this bound is not supported"
    if node.get("minItems", 0) not in (0, 1):
        yield (*path, "minItems"), "only 0 and 1 are supported"
    if node.get("additionalProperties", False) is not False:
        yield (*path, "additionalProperties"), "only false is supported"


def _inner(node: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    for keyword in ("properties", "$defs", "definitions"):
        named = node.get(keyword, {})
        if isinstance(named, dict):
            yield from (((keyword, name), inner) for name, inner in named.items())
    for keyword in ("anyOf", "allOf"):
        listed = node.get(keyword, [])
        if isinstance(listed, list):
            yield from (((keyword, place), inner) for place, inner in enumerate(listed))
    if "items" in node:
        yield ("items",), node["items"]
    if "$ref" in node:
        yield ("$ref",), _target(str(node["$ref"]), root)


def _target(reference: str, root: dict[str, Any]) -> Any:
    """Return what a reference means; one that leads outside or nowhere means no schema."""
    start, *steps = reference.split("/")
    target: Any = root if start == "#" else None
    for step in steps:
        target = target.get(step) if isinstance(target, dict) else None
    return target
