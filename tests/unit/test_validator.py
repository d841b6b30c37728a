"""JSON Schemas compiled once: what is refused, what is told, and that nothing takes long."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.validator import Validator

TREE = {
    "$defs": {
        "tree": {
            "anyOf": [
                {"type": "integer"},
                {"type": "array", "items": {"$ref": "#/$defs/tree"}},
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/tree"}},
            ]
        }
    },
    "$ref": "#/$defs/tree",
}


def nested(depth: int, leaf: Any) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def doubling(times: int) -> dict[str, Any]:
    """Return a schema whose references unfold to two to the power of ``times``."""
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(times)}
    return {"$defs": {**steps, f"d{times}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


def told(schema: Any, value: Any) -> tuple[str, str]:
    found = Validator(schema).violation(value)
    assert found is not None
    return found.rule, found.place


def test_what_fits_has_no_violation() -> None:
    assert Validator({"type": "string", "maxLength": 3}).violation("abc") is None


def test_a_violation_tells_rule_and_place() -> None:
    schema = {"properties": {"a/b": {"items": {"enum": [1, 2]}}}}
    assert told(schema, {"a/b": [1, 3]}) == ("enum", "/a~1b/1")


def test_a_violation_tells_no_name_that_the_schema_does_not_have() -> None:
    found = Validator({"additionalProperties": {"type": "string"}}).violation({"canary": 1})
    assert found is not None
    assert found.place == "/*"
    assert "canary" in found.words


def test_words_for_the_model_do_not_repeat_the_whole_answer() -> None:
    found = Validator({"anyOf": [{"type": "string"}]}).violation(["x" * 10_000])
    assert found is not None
    assert len(found.words) < 200


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ([], "a JSON object is wanted"),
        ({"type": "none"}, r"it is no JSON Schema \(see anyOf at /type\)"),
        ({"$schema": "https://example.com/x"}, r"its \$schema is not known"),
        ({"$ref": "other.json"}, "it refers to another document"),
        ({"$ref": "#/$defs/none"}, "a reference leads nowhere"),
        ({"$ref": "#none"}, "a reference leads nowhere"),
        ({"pattern": "(?=a)"}, "a pattern is none, too large, or looks around"),
        ({"pattern": r"(a{1000}){1000}"}, "a pattern is none, too large, or looks around"),
        ({"patternProperties": {r"(a)\1": {}}}, "a pattern is none, too large, or looks around"),
        (doubling(40), "its references unfold to more than can be checked"),
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Validator(schema)


@pytest.mark.parametrize("depth", [200, 2_000, 20_000])
def test_a_schema_that_is_nested_deep_compiles_or_is_refused(depth: int) -> None:
    schema: dict[str, Any] = {}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    with pytest.raises(ValueError, match="it is nested too deep"):
        Validator(schema)


def test_a_long_chain_of_references_is_refused() -> None:
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(2_000)}
    with pytest.raises(ValueError, match="it is nested too deep"):
        Validator({"$defs": {**chain, "d2000": {}}, "$ref": "#/$defs/d0"})


def test_recursion_is_fine() -> None:
    assert Validator(TREE).violation(nested(100, 1)) is None
    assert Validator({"$ref": "#"}).violation(1) is None
    node = {"properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}}
    assert told(node, {"next": {"next": {"n": "x"}}}) == ("type", "/next/next/n")


def test_anchors_lead_somewhere() -> None:
    assert told({"$defs": {"a": {"$anchor": "here", "type": "null"}}, "$ref": "#here"}, 1) == (
        "type",
        "",
    )


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 100_000 + "b"),
        ({"pattern": "^(a|a)*$"}, "a" * 100_000 + "b"),
        ({"pattern": r"^(\w+\s?)*$"}, "a " * 50_000 + "!"),
        ({"patternProperties": {"^(a+)+$": {"type": "null"}}}, {"a" * 10_000 + "b": 1, "a": 1}),
        (TREE, nested(900, "x")),
        (doubling(14), "x"),
        ({"items": {"$ref": "#"}, "type": "array"}, nested(900, "x")),
        ({"uniqueItems": True}, [*range(20_000), 0]),
    ],
    ids=["plus", "or", "words", "names", "tree", "doubling", "deep", "unique"],
)
def test_no_schema_and_no_answer_take_long(schema: Any, value: Any) -> None:
    validator = Validator(schema)
    began = time.process_time()
    assert validator.violation(value) is not None
    assert time.process_time() - began < 2


def properties(count: int) -> dict[str, Any]:
    return {"properties": {f"p{n}": {"type": "string", "maxLength": 9} for n in range(count)}}


def test_a_large_schema_compiles_and_one_of_five_megabytes_is_refused_in_seconds() -> None:
    began = time.process_time()
    assert told(properties(20_000), {"p19999": "x" * 10}) == ("maxLength", "/p19999")
    with pytest.raises(ValueError, match="more than can be checked"):
        Validator(properties(120_000))
    assert time.process_time() - began < 10


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=9,
    )
)
def test_a_value_is_of_its_own_type_and_of_no_other(value: Any) -> None:
    kinds = {
        "null": value is None,
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "string": isinstance(value, str),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }
    for kind, is_one in kinds.items():
        assert (Validator({"type": kind}).violation(value) is None) == is_one
