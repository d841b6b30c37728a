"""What YAML 1.1 reads otherwise than its author meant is told, and never guessed."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchwright.contractfile import MOST_TOLD, examine, read_contract
from batchwright.errors import ContractInvalid
from tests.fakes import MODEL

GOOD = f"name: triage\nroutes: [{{model: '{MODEL}'}}]\n"
ALIASES = "\n".join(
    f"  a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 12)
)


def faults(more: str) -> list[str]:
    return [str(fault) for fault in examine((GOOD + more).encode(), name="triage").faults]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "models: {no: x.y}",
            "models.no: YAML reads this name as true or false: put it in quotes (line 3)",
        ),
        (
            "models: {1: x.y}",
            "models.1: YAML reads this name as a number: put it in quotes (line 3)",
        ),
        (
            "models: {~: x.y}",
            "models.~: YAML reads this name as nothing: put it in quotes (line 3)",
        ),
        (
            "models: {2026-11-29: x.y}",
            "models.2026-11-29: YAML reads this name as a date: put it in quotes (line 3)",
        ),
        (
            "models:\n  a: 2026-11-29",
            "models.a: YAML reads this as a date: put it in quotes (line 4)",
        ),
        (
            "response: {schema: {enum: [yes, maybe]}}",
            (
                "response.schema.enum.0: YAML reads yes, no, on and off as true or false:"
                " write true or false, or put it in quotes (line 3)"
            ),
        ),
        (
            "models: {a: 1.0}",
            "models.a: text is wanted, and YAML reads this as a number: put it in quotes (line 3)",
        ),
        (
            "models: {a: true}",
            "models.a: text is wanted, and YAML reads this as true or false: put it in quotes (line 3)",
        ),
        ("models: {a: }", "models.a: text is wanted, and nothing stands here (line 3)"),
        (
            "deadline: 1:30",
            "deadline: text is wanted, and YAML reads this as a number: put it in quotes (line 3)",
        ),
        (
            "prompt:\n  user: {{ title }}",
            (
                "prompt.user: a name is wanted before each colon; braces at the beginning need quotes,"
                " as '{{ title }}' (line 4)"
            ),
        ),
        (
            "prompt: {user: [title]}",
            (
                "prompt.user: text is wanted; braces and brackets at the beginning need quotes,"
                " as '{{ title }}' (line 3)"
            ),
        ),
        (
            "filters: {output: [{length: {max_chars: 1}}]}\nfilters: {}",
            "filters: this stands there twice: only one would count, so leave one out (line 3)",
        ),
        (
            "models: {a: !!binary aGk=}",
            "models.a: tags with ! are not known here: write plain values (line 3)",
        ),
    ],
)
def test_what_yaml_reads_otherwise_is_told_with_its_line(more: str, told: str) -> None:
    assert faults(more) == [told]


@pytest.mark.parametrize("more", [f"models:\n  a0: &a0 [x]\n{ALIASES}", "models: &a {b: *a}"])
def test_aliases_that_grow_without_end_are_told_at_once(more: str) -> None:
    began = time.process_time()

    (told,) = faults(more)

    assert "its aliases repeat" in told
    assert time.process_time() - began < 2


def test_aliases_may_spare_typing() -> None:
    text = f"name: triage\nroutes: [&one {{model: '{MODEL}', tier: flex}}, {{<<: *one, tier: default}}]\n"

    contract = read_contract(f"{text}fallback: [throttled]".encode(), name="triage")

    assert [route.tier for route in contract.routes] == ["flex", "default"]


def test_every_fault_is_told_and_a_message_names_the_first() -> None:
    more = "".join(f"field{number}: 1\n" for number in range(30))

    with pytest.raises(ContractInvalid) as caught:
        read_contract((GOOD + more).encode(), name="triage")

    assert len(faults(more)) == 30
    assert str(caught.value).count("there is no such field") == MOST_TOLD
    assert str(caught.value).endswith("; and 10 more")


def test_faults_of_templates_are_told_together() -> None:
    assert len(faults("prompt: {system: '{% if %}', user: '{{ a'}")) == 2


def test_a_deep_file_is_told() -> None:
    assert faults("models: " + "[" * 5000) == ["it is not YAML that can be read"]


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_whatever_the_file_holds_it_is_read_or_told(text: str) -> None:
    found = examine(text.encode("utf-8", "surrogatepass"), name="triage")

    assert found.contract or found.faults


LINES = st.sampled_from(
    ["a: 1", "routes: 5", "prompt: {user: canary-4711}", "filters: [canary-4711]", "deadline: no"]
)


@given(st.lists(LINES, unique=True, min_size=1).map("\n".join))
def test_no_fault_quotes_what_stands_there(more: str) -> None:
    assert not re.search("canary", " ".join(faults(more)))
