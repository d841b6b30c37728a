import json
from typing import Any

import pytest

from batchwright.dialects.openapi import json_schema


def converted(schema: Any) -> Any:
    return json.loads(json_schema(json.dumps(schema).encode()))


def test_googles_types_become_json_schemas() -> None:
    assert converted(
        {
            "type": "OBJECT",
            "title": "mail",
            "properties": {
                "topics": {"type": "ARRAY", "items": {"type": "STRING"}, "minItems": "1"},
                "price": {"type": "NUMBER", "format": "double", "nullable": True},
                "at": {"type": "STRING", "format": "date-time"},
                "mood": {"type": "STRING", "format": "enum", "enum": ["calm", "angry"]},
                "either": {"any_of": [{"type": "INTEGER"}, {"type": "boolean"}], "nullable": True},
                "maybe": {"type": "STRING", "enum": ["a"], "nullable": True},
            },
            "required": ["topics"],
        }
    ) == {
        "type": "object",
        "title": "mail",
        "properties": {
            "topics": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "price": {"type": ["number", "null"]},
            "at": {"type": "string", "format": "date-time"},
            "mood": {"type": "string", "enum": ["calm", "angry"]},
            "either": {"anyOf": [{"type": "integer"}, {"type": "boolean"}, {"type": "null"}]},
            "maybe": {"type": ["string", "null"], "enum": ["a", None]},
        },
        "required": ["topics"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("spelled", ["propertyOrdering", "property_ordering"])
def test_properties_stand_in_the_order_that_is_asked_for(spelled: str) -> None:
    properties = {"label": {"type": "STRING"}, "reason": {"type": "STRING"}}

    schema = converted({"type": "OBJECT", "properties": properties, spelled: ["reason", "label"]})

    assert list(schema["properties"]) == ["reason", "label"]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ([], "a schema is wanted here"),
        ({"type": "CANARY"}, "type: a type of Google's Schema"),
        ({"type": ["STRING"]}, "type: a type of Google's Schema"),
        ({"type": "STRING", "example": "x"}, "example: this is not supported"),
        ({"items": {"$ref": "x"}}, r"items\.\$ref: this is not supported"),
        ({"properties": []}, "properties: an object is wanted"),
        ({"properties": {"a": 1}}, r"properties\.a: a schema is wanted"),
        ({"anyOf": {}}, "anyOf: a list is wanted"),
        ({"anyOf": [1]}, r"anyOf\.0: a schema is wanted"),
        ({"minItems": "many"}, "minItems: a whole number is wanted"),
        ({"minItems": True}, "minItems: a whole number is wanted"),
        ({"minItems": 1, "min_items": 1}, "min_items: it is said twice"),
        ({"propertyOrdering": ["a"]}, "propertyOrdering: there are no properties"),
        ({"properties": {}, "propertyOrdering": ["a"]}, "propertyOrdering: it names what is no"),
        ({"properties": {}, "propertyOrdering": [["a"]]}, "propertyOrdering: it names what is no"),
    ],
)
def test_what_is_no_schema_of_google_is_told_with_its_place(schema: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        converted(schema)

    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("depth", [100, 2000])
def test_a_schema_without_a_bottom_is_told(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        json_schema(b'{"items":' * depth + b"{}" + b"}" * depth)


@pytest.mark.parametrize("depth", [300, 1000])
def test_a_value_in_a_schema_that_nothing_can_write_is_told(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        json_schema(b'{"default":' + b"[" * depth + b"]" * depth + b"}")
