"""Prompts: a row is only ever text, and no prompt fills the memory or runs for ever."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.errors import ContractInvalid, RecordInvalid
from batchwright.quoting import quoted
from batchwright.template import Template

LONG = "x" * 1_000_000
MARKS = st.sampled_from(
    ["{{", "}}", "{%", "%}", "{#", "#}", "{{ 7 * 7 }}", "{% raw %}", "<text>", "</text>", "\u200b"]
)
TEXTS = st.lists(MARKS | st.text(max_size=5), max_size=8).map("".join)


def filled(template: str, **row: Any) -> str:
    return Template(template, name="prompt.user").render(row)


def refusal(template: str, **row: Any) -> str:
    began = time.process_time()
    with pytest.raises(RecordInvalid) as caught:
        filled(template, **row)
    assert time.process_time() - began < 5
    return str(caught.value)


@given(TEXTS)
def test_what_a_row_says_stays_text(text: str) -> None:
    assert filled("Sort {{ text }}!", text=text) == f"Sort {text}!"
    assert filled("{% if text %}{{ text }}{% else %}-{% endif %}", text=text) == (text or "-")
    assert filled("{% for each in texts %}{{ each }}{% endfor %}", texts=[text, text]) == text * 2


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ a ~ ' and ' ~ b }}", "x and 2"),
        ("{{ a + b|string }}", "x2"),
        ("{{ (b + 1) * 2 % 4 }}", "2"),
        ("{{ a|upper|replace('X', 'y') }}", "y"),
        ("{{ tags|join(', ') }}", "p, q"),
        ("{{ tags|map('upper')|join }}", "PQ"),
        (
            "{% for tag in tags %}{{ loop.index }}{{ tag }}{{ loop.cycle('-', '') }}{% endfor %}",
            "1p-2q",
        ),
        ("{% for tag in tags if tag != 'p' %}{{ tag }}{% else %}none{% endfor %}", "q"),
        ("{% set more = a ~ a %}{{ more }}{{ more[:1] }}", "xxx"),
        (
            "{% if a in ['x', 'y'] and a is defined and nothing is not defined %}yes{% endif %}",
            "yes",
        ),
        ("{{ nothing|default('-') }}", "-"),
        ("{{ {'x': 'ex'}[a] }}{{ [a, b]|join }}", "exx2"),
        ("{{ deep.inner.value }}{{ deep['inner']['value'] }}", "55"),
        (
            "{% for name, value in deep.items() %}{{ name }}{{ value }}{% endfor %}",
            'inner{"value": 5}',
        ),
        ("{{ ' A '|trim }}{{ '-A-'.strip('-') }}{{ tags|max }}", "AAq"),
        ("{{ 'A b'.lower().split() }}", '["a", "b"]'),
        ("{% for n in range(3) %}{{ n }}{% endfor %}", "012"),
        ("{{ 2.345|round(1) }}", "2.3"),
        ("{{ tags }} {{ none }} {{ true }}", '["p", "q"]  true'),
        ("{% raw %}{{ a }}{% endraw %}{# note #}", "{{ a }}"),
    ],
)
def test_prompts_have_values_filters_conditions_and_loops(template: str, text: str) -> None:
    assert filled(template, a="x", b=2, tags=["p", "q"], deep={"inner": {"value": 5}}) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ text.__class__ }}",
        "{{ text['__class__'] }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ text|attr('__class__') }}",
        "{{ [text]|map(attribute='__class__')|list }}",
        "{{ range.__globals__ }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ text.format(text) }}",
        "{{ text.encode() }}",
        "{{ text() }}",
        "{{ tags.append(1) }}",
        "{% for each in tags %}{{ loop._iterator }}{% endfor %}",
    ],
)
def test_a_template_never_reaches_python(template: str) -> None:
    with pytest.raises((RecordInvalid, ContractInvalid)) as caught:
        filled(template, text="canary", tags=["canary"])

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ 'a' * 10**9 }}", "prompts have no `**`"),
        ("one\n{% macro more() %}{% endmacro %}", "line 2: prompts have no {% macro %}"),
        ("{% include 'x' %}", "prompts have no {% include %}"),
        ("{% import 'x' as y %}", "prompts have no {% import %}"),
        ("{% extends 'x' %}", "prompts have no {% extends %}"),
        ("{% block x %}{% endblock %}", "prompts have no {% block %}"),
        ("{% set x %}{{ text }}{% endset %}", "prompts have no {% set %} without ="),
        ("{% filter upper %}x{% endfilter %}", "prompts have no {% filter %}"),
        ("{% set ns.x = 1 %}", "prompts have no namespaces"),
        ("{% for x in text recursive %}{{ loop(x) }}{% endfor %}", "no recursive loops"),
        ("{{ text|center(1000000000) }}", "No filter named 'center'"),
        ("{{ text|format }}", "No filter named 'format'"),
        ("{{ text is filter }}", "No test named 'filter'"),
        ("{{ " + "9" * 5000 + " }}", "too long a number"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deep"),
        ("{% for x in y %}" * 60 + "{% endfor %}" * 60, "nested too deep"),
        ("{{ text", "line 1"),
    ],
)
def test_what_prompts_do_not_have_is_a_fault_of_the_contract(template: str, told: str) -> None:
    with pytest.raises(ContractInvalid, match=r"^prompt\.user: ") as caught:
        Template(template, name="prompt.user")

    assert told in str(caught.value)


LOOP = "{% for a in range(100000) %}"
END = "{% endfor %}"


@pytest.mark.parametrize(
    "template",
    [
        f"{LOOP}{LOOP}{END}{END}",
        f"{LOOP}{LOOP}{LOOP}x{END}{END}{END}",
        f"{LOOP}{{{{ text }}}}{END}",
        f"{LOOP}{{% if 'q' in text %}}{{% endif %}}{END}",
        f"{LOOP}{{% if text == long %}}{{% endif %}}{END}",
        f"{LOOP}{{% set b = text[1:] %}}{END}",
        f"{LOOP}{{% set b = text|upper %}}{END}",
        f"{LOOP}{{% set b = text.count('q') %}}{END}",
        "{% set a = text %}" + "{% set a = a ~ a %}" * 40,
        "{% set a = text %}" + "{% set a = a + a %}" * 40,
        "{% set a = text %}" + "{% set a = a|replace('x', a) %}" * 40,
        "{% set a = text %}" + "{% set a = a|join(a) %}" * 40,
        "{% set a = text %}" + "{% set a = a|tojson %}" * 400,
        "{% set a = text %}" + "{% set a = [a, a]|string %}" * 400,
        "{{ text|list|map('replace', 'x', text)|join }}",
        "{{ [" + "text," * 500 + "] }}",
        "{{ text|list|join(text) }}",
    ],
)
def test_a_prompt_that_would_never_end_is_a_fault_of_its_record(template: str) -> None:
    assert refusal(template, text=LONG, long=LONG + "") == (
        "prompt.user could not be filled from this row (it takes too much)"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ text * 1000000000 }}",
        "{{ 1000000000 * text }}",
        "{{ tags * 1000000000 }}",
        "{{ tags + tags }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ [tags, tags] }}",
        "{{ {'a': tags} }}",
        "{% set a = 9 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
        "{{ 1.5|round(1000000000, 'floor') }}",
        "{{ range(1000000000) }}",
        "{{ 1 / 0 }}",
        "{{ text|quoted('a b') }}",
        "{{ text|trim('" + "a" * 100 + "') }}",
        "{{ text.strip('" + "a" * 100 + "') }}",
    ],
)
def test_what_would_make_much_of_little_is_a_fault_of_its_record(template: str) -> None:
    assert "could not be filled from this row" in refusal(template, text="canary", tags=["canary"])


def test_long_rows_and_long_lists_fit() -> None:
    assert len(filled("{{ text|trim|upper }}", text="x" * 8_000_000)) == 8_000_000
    parts = ["part"] * 20_000
    assert filled("{% for p in parts %}{{ loop.index }}{{ p }}\n{% endfor %}", parts=parts)


def test_one_row_takes_nothing_from_the_next() -> None:
    template = Template("{% for n in range(50000) %}{{ n }}{% endfor %}", name="prompt.user")

    assert len({template.render({}) for _ in range(12)}) == 1


def test_a_quoted_text_stands_between_marks() -> None:
    assert filled("Sort:\n{{ text|quoted }}", text="a </b>") == "Sort:\n<text>\na </b>\n</text>"
    assert filled("{{ text|quoted('mail') }}", text="a") == "<mail>\na\n</mail>"
    assert filled("{{ tags|quoted }}", tags=["a", None]) == '<text>\n["a", null]\n</text>'


@given(TEXTS, st.sampled_from(["text", "mail"]))
def test_a_quoted_text_cannot_leave_its_marks(text: str, name: str) -> None:
    inside = quoted(text, name).removeprefix(f"<{name}>\n").removesuffix(f"\n</{name}>")

    seen = "".join(inside.replace("\u200b", "").split()).casefold()
    assert f"<{name}" not in seen
    assert f"</{name}" not in seen
    assert inside.replace("&lt;", "<") == text.replace("&lt;", "<")


@pytest.mark.parametrize(
    "text", ["</ text>", "< /TEXT", "<\u200b/te\u200dxt>", "</\n\ttext", "<text"]
)
def test_what_only_looks_like_a_mark_is_defused_too(text: str) -> None:
    assert quoted(text).count("<") == 2


def test_quoting_takes_time_that_grows_with_the_text() -> None:
    began = time.process_time()
    quoted("<" + " " * 2_000_000 + "<" * 100_000 + "<t\u200b" * 100_000)
    assert time.process_time() - began < 2


def test_a_row_that_is_json_stays_json() -> None:
    row = {"a": [1, {"b": "{{ 7 }}"}]}
    assert json.loads(filled("{{ row }}", row=row)) == row
