from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from batchwright.schema import Schema, read_schema

READ: TypeAdapter[dict[str, Any]] = TypeAdapter(Schema)


def of(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "additionalProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        of("a", {"type": "string", "enum": ["x", "y"], "description": "d", "format": "date"}),
        of("minimum", {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 1}),
        {"$defs": {"b": {"type": "boolean"}}, **of("a", {"$ref": "#/$defs/b"})},
        {"anyOf": [of("a", {"const": 1}), of("b", {"type": "null"})]},
    ],
    ids=["any object", "enum", "array", "reference", "either"],
)
def test_the_subset_that_bedrock_takes_passes(schema: dict[str, Any]) -> None:
    assert READ.validate_python(schema) == schema


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (of("a", {"type": "integer", "minimum": 1}), "properties.a.minimum: this bound"),
        (of("a", {"type": "string", "maxLength": 9}), "properties.a.maxLength: this bound"),
        (of("a", {"items": {"multipleOf": 2}}), "properties.a.items.multipleOf: this bound"),
        (of("a", {"minItems": 2}), "properties.a.minItems: only 0 and 1"),
        ({"additionalProperties": True}, "additionalProperties: only false"),
        (of("a", {"$ref": "https://example.com/a.json"}), "properties.a.$ref: a schema is wanted"),
        (of("a", {"$ref": "#/$defs/none"}), "properties.a.$ref: a schema is wanted"),
        (of("a", {"$ref": "#"}), "recursion"),
        ({"anyOf": [{"type": "null"}, {"maxItems": 1}]}, "anyOf.1.maxItems: this bound"),
        (of("a", {"items": 7}), "properties.a.items: a schema is wanted"),
    ],
)
def test_what_bedrock_would_refuse_is_told_with_its_path(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        READ.validate_python(schema)

    assert told in str(caught.value)


def test_a_schema_as_deep_as_a_well_is_refused_and_does_not_overflow() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(500):
        schema = {"items": schema}

    with pytest.raises(ValidationError, match="too deep"):
        READ.validate_python(schema)


def test_a_circle_of_references_is_recursion() -> None:
    circle = {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}

    with pytest.raises(ValidationError, match="recursion"):
        READ.validate_python({"$defs": circle})


def test_a_number_that_json_cannot_carry_exactly_is_refused() -> None:
    with pytest.raises(ValidationError, match="exactly"):
        READ.validate_python({"enum": [2**53]})


def test_many_references_to_one_definition_take_no_time() -> None:
    defs: dict[str, Any] = {"d0": {"type": "null"}}
    for level in range(1, 18):
        defs[f"d{level}"] = {"anyOf": [{"$ref": f"#/$defs/d{level - 1}"} for _ in range(3)]}

    assert READ.validate_python({"$defs": defs})


def test_a_schema_stays_in_the_order_in_which_it_was_written() -> None:
    written = b'{ "type": "object", "properties": {"why": {"type": "string"}, "answer": {"type": "null"}} }'

    assert read_schema(written).encode() == written.replace(b" ", b"")


@pytest.mark.parametrize("depth", [300, 1020])
def test_a_value_as_deep_as_a_well_is_refused_and_does_not_overflow(depth: int) -> None:
    with pytest.raises(ValueError, match="too deep"):
        read_schema(b'{"default":' + b"[" * depth + b"]" * depth + b"}")
