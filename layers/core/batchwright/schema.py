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
        written(schema)
    except rfc8785.CanonicalizationError:
        raise ValueError("it holds a number that JSON cannot carry exactly") from None
    except (orjson.JSONEncodeError, RecursionError):
        raise ValueError("it is nested too deep") from None
    return schema


type Schema = Annotated[dict[str, Any], AfterValidator(_supported)]
"""A JSON Schema that Bedrock can hold an answer to."""


def written(schema: dict[str, Any]) -> str:
    """Return a schema as it is sent: in its author's order, since models write the properties in that of the schema."""
    return orjson.dumps(schema).decode()


@lru_cache(maxsize=256)
def read_schema(content: bytes) -> str:
    """Return a schema of the input as it is sent; raises :class:`ValueError` saying what Bedrock would not take.

    A file repeats its few schemas on every line, so each is looked at once.
    """
    if len(content) > LARGEST_SCHEMA:
        raise ValueError(f"it is longer than {LARGEST_SCHEMA:,} bytes")
    try:
        schema = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(schema, dict):
        raise ValueError("a JSON object is wanted")  # noqa: TRY004 - said to the user, as every fault of a schema
    return written(_supported(schema))


def structured_output(schema: str, name: str, description: str | None = None) -> dict[str, Any]:
    """Return Converse's ``outputConfig`` that holds the model to a JSON Schema
    (docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html).
    """
    wanted = {"schema": schema, "name": name}
    if description and not description.isspace():
        wanted["description"] = description
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": wanted}}}


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
