"""A contract's own patterns."""

import pytest

from batchwright.contractfile import read_contract
from batchwright.errors import ContractInvalid
from batchwright.filters.regex import Regex
from tests.fakes import MODEL


def contract(pattern: str, kind: str = "ticket") -> bytes:
    return f"""
name: own
routes: [{{model: "{MODEL}"}}]
filters: {{output: [{{regex: {{patterns: {{{kind}: '{pattern}'}}, then: redact}}}}]}}
""".encode()


def test_what_matches_is_found_under_its_name() -> None:
    text = "see T-12 and INV/7"
    found = Regex({"ticket": r"T-\d+", "invoice": r"INV/\d"}).find(text, 3)
    assert [(each.kind, each.part, text[each.start : each.end]) for each in found] == [
        ("ticket", 3, "T-12"),
        ("invoice", 3, "INV/7"),
    ]


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(?=x)", "no look-around"),
        (r"(a)\1", "no back-reference"),
        ("(", "missing"),
        ("a{1000}{1000}", "RE2 takes"),
        ("a*", "everywhere"),
    ],
)
def test_a_pattern_that_re2_does_not_take_is_refused_with_its_place(
    pattern: str, told: str
) -> None:
    with pytest.raises(ContractInvalid, match=r"output\.0\.regex\.patterns: .*ticket: ") as caught:
        read_contract(contract(pattern), name="own")
    assert told in str(caught.value)


def test_a_kind_is_a_word() -> None:
    with pytest.raises(
        ContractInvalid, match=r"patterns\.No!: lower-case letters, digits and _ .* as ticket"
    ):
        read_contract(contract("x", "No!"), name="own")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("pattern", [r"(a+)+b", r"a(?:.*b)?"])
def test_a_pattern_that_would_never_end_elsewhere_ends_here(pattern: str) -> None:
    Regex({"bad": pattern}).find("a" * 200_000, 0)


def test_what_lies_over_the_end_of_a_piece_is_found_whole_and_once() -> None:
    for before in range(2_000, 2_600, 7):
        text = "x" * before + "T-" + "1" * 400 + "x" * 900
        found = Regex({"ticket": r"T-\d+"}).find(text, 0)
        assert [(each.start, each.end) for each in found] == [(before, before + 402)]
