"""The first look at an answer: is it JSON of its schema, and what of it is that JSON."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.completion import Completion
from batchwright.conformity import Conformity, Looked
from batchwright.filters.schema import SchemaSettings
from batchwright.request import Request
from batchwright.usage import Usage

SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}
FITS = '{"a": 1}'


def completion(*texts: str, native: dict[str, Any] | None = None) -> Completion:
    return Completion(
        content=[{"text": text} for text in texts],
        stop_reason="end_turn",
        usage=Usage(),
        latency_ms=0,
        native=native,
    )


def look(answer: Completion, request: Request | None = None, **settings: Any) -> Looked:
    made = SchemaSettings.model_validate({"then": "pass", **settings})
    return Conformity(made).look(answer, request or Request({"messages": []}))


@pytest.mark.parametrize(
    "body",
    [
        {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    ],
    ids=["openai", "anthropic"],
)
def test_a_native_request_s_own_schema_holds(body: dict[str, Any]) -> None:
    request = Request(body, family="openai")
    assert look(completion(FITS), request).violation is None
    violation = look(completion("{}"), request).violation
    assert str(violation) == "the answer does not fit its schema: required at its top"


def test_json_is_taken_out_of_the_family_s_own_answer_too() -> None:
    text = f"It is {FITS}."
    looked = look(completion(text, native={"generation": text, "stop_reason": "stop"}))
    assert looked.completion.native == {"generation": FITS, "stop_reason": "stop"}
    assert looked.completion.text == FITS


def test_a_mark_before_the_json_is_taken_off() -> None:
    assert look(completion("\ufeff" + FITS)).completion.text == FITS


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ('{"a": 1} {"a": 22} {"a": 33}', '{"a": 33}'),
        ('{"b": "longer than the others"} {"a": 1}', '{"a": 1}'),
        ('{"a": 1, "b": [1, 2]} {"a": 1}', '{"a": 1, "b": [1, 2]}'),
    ],
)
def test_the_longest_that_fits_is_taken_and_of_two_the_last(text: str, taken: str) -> None:
    assert look(completion(text), schema=SCHEMA).completion.text == taken


def test_where_nothing_fits_the_longest_tells_what_is_wrong() -> None:
    violation = look(completion('[1] and {"a": "x", "b": 1}'), schema=SCHEMA).violation
    assert str(violation) == "the answer does not fit its schema: type at /a"


def test_an_answer_of_nothing_but_brackets_is_no_json() -> None:
    violation = look(completion("[" * 100_000), schema=SCHEMA).violation
    assert violation is not None
    assert violation.kind == "not_json"


@given(st.lists(st.sampled_from([FITS, '{"a": "x"}', "[1]", "```", "{", "]", '"', "word"])))
def test_what_is_released_fits_or_there_is_a_violation(pieces: list[str]) -> None:
    text = " ".join(pieces)
    looked = look(completion(text), schema=SCHEMA)
    if text and looked.violation is None:
        assert isinstance(json.loads(looked.completion.text)["a"], int)
        assert looked.completion.text in text
    elif text:
        assert looked.completion.text == text
