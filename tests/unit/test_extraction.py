"""JSON out of what stands around it."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.extraction import within

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=9,
)


def found(text: str) -> list[Any]:
    return [value for _, value in within(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("no JSON at all", []),
        ('Here: {"a": 1}.', [{"a": 1}]),
        ('[1] and {"a": [2]} and }{', [[1], {"a": [2]}]),
        ("{not} {really} [x]", []),
        ('a "[" and {"a": "]"}', [{"a": "]"}]),
        ('{"a": {"b": 1}', [{"b": 1}]),
        ('{"a": NaN} {"a": Infinity} [1e999]', []),
        ("```json\n42\n```", [42]),
        ('```\n"a"\n```\n', ["a"]),
        ("```json\n[1]\n``` and ```json\n[2]\n```", [[1], [2]]),
        ("```python\nx = [1]\n```", [[1]]),
        ("```", []),
        ("[" + "9" * 5_000 + "] [1]", [[1]]),
    ],
)
def test_every_object_and_list_is_found(text: str, values: list[Any]) -> None:
    assert found(text) == values


def test_what_is_told_is_what_stands_there() -> None:
    assert [*within('x {"b":1,  "a":2} y')] == [('{"b":1,  "a":2}', {"b": 1, "a": 2})]


@given(JSON.filter(lambda value: isinstance(value, dict | list)), st.text("abc .,:\n`", max_size=9))
def test_json_is_found_between_any_words(value: Any, words: str) -> None:
    written = json.dumps(value, ensure_ascii=False)
    assert value in found(f"{words} {written} {words}")


@given(st.text('[]{}",:1ab\\\n`', max_size=60))
def test_whatever_is_told_is_json(text: str) -> None:
    for written, value in within(text):
        assert written in text
        assert json.loads(written) == value


MEGA = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "word " * MEGA,
        "[1," * MEGA,
        "[1] " * MEGA,
        '{"a":' * MEGA,
        '["' * MEGA,
        '["' + "[" * 5 * MEGA,
        "[1" * 900 + '"' + "x" * 5 * MEGA,
        '{"a":[1,2,3],"b":"' * 300_000,
        "[" + "9" * 5 * MEGA,
        "[\n" * MEGA,
        "`" * 5 * MEGA,
        "```\n" * MEGA,
    ],
    ids=range(14),
)
def test_nothing_takes_long(text: str) -> None:
    began = time.process_time()
    found(text)
    assert time.process_time() - began < 3
